// MiniLM, its training step and small ops in libtorch, written as libtorch's documentation does.
#include "bench/peers/torch_peer.h"

#include <torch/torch.h>

namespace torch_peer {

namespace {

struct Model : torch::nn::Module {
  torch::nn::Embedding embed{nullptr};
  torch::nn::Linear hidden{nullptr}, head{nullptr};

  explicit Model(const MiniLM& from) {
    const auto& shapes = from.parameters;
    embed = register_module("embed", torch::nn::Embedding(shapes[0].shape[0], shapes[0].shape[1]));
    hidden = register_module("hidden", torch::nn::Linear(shapes[1].shape[1], shapes[1].shape[0]));
    head = register_module("head", torch::nn::Linear(shapes[3].shape[1], shapes[3].shape[0]));
    torch::NoGradGuard unrecorded;
    size_t i = 0;
    for (torch::Tensor& p : parameters()) {
      const Parameter& source = from.parameters[i++];
      p.copy_(torch::from_blob(const_cast<float*>(source.data), source.shape));
    }
  }
  torch::Tensor forward(const torch::Tensor& ids) { return head(torch::gelu(hidden(embed(ids)))); }
};

torch::Tensor ids_of(const int64_t* data, const MiniLM& m) {
  return torch::from_blob(const_cast<int64_t*>(data), {m.batch, m.time}, torch::kInt64).clone();
}

}  // namespace

std::string version() { return TORCH_VERSION; }
void set_threads(int n) { torch::set_num_threads(n); }

Run forward(const MiniLM& from) {
  auto model = std::make_shared<Model>(from);
  return [model, ids = ids_of(from.ids, from)] {
    torch::NoGradGuard unrecorded;
    model->forward(ids);
    return 0.0;
  };
}

Run training_step(const MiniLM& from) {
  auto model = std::make_shared<Model>(from);
  auto opt =
      std::make_shared<torch::optim::AdamW>(model->parameters(), torch::optim::AdamWOptions(1e-3));
  return [=, ids = ids_of(from.ids, from), targets = ids_of(from.targets, from).flatten()] {
    const torch::Tensor logits = model->forward(ids);
    const torch::Tensor loss = torch::nn::functional::cross_entropy(logits.flatten(0, 1), targets);
    loss.backward();
    opt->step();
    opt->zero_grad();
    return loss.item<double>();
  };
}

Run chained_adds(Record record) {
  const torch::Tensor x = torch::ones({8}).requires_grad_(), y = torch::ones({8});
  return [=] {
    c10::AutoGradMode mode(record != Record::kNo);
    torch::Tensor z = x;
    for (int i = 0; i < 100; ++i) z = z + y;
    if (record == Record::kAndBackward) {
      z.sum().backward();
      x.mutable_grad() = torch::Tensor();
    }
    return 0.0;
  };
}

Run linear(int64_t m, int64_t n, int64_t k) {
  torch::nn::Linear layer(k, n);
  return [layer, x = torch::randn({m, k})]() mutable {
    torch::NoGradGuard unrecorded;
    layer(x);
    return 0.0;
  };
}

}  // namespace torch_peer
