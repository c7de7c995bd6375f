// GPT-2 and its training step in libtorch, as fast as its public functions allow.
#include "bench/peers/torch_gpt.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>

namespace torch_peer {

namespace {

using torch::Tensor;
namespace nn = torch::nn;

nn::LayerNorm norm(int64_t features) { return nn::LayerNorm(nn::LayerNormOptions({features})); }

struct Attention : nn::Module {
  nn::Linear c_attn, c_proj;
  int64_t heads;
  Tensor future;  // (T, T): -infinity above the diagonal, 0 elsewhere

  explicit Attention(const GPTSize& s)
      : c_attn(s.n_embd, 3 * s.n_embd), c_proj(s.n_embd, s.n_embd), heads(s.n_head) {
    register_module("c_attn", c_attn), register_module("c_proj", c_proj);
    const double infinity = std::numeric_limits<double>::infinity();
    future = torch::full({s.block_size, s.block_size}, -infinity).triu(1);
  }
  // The product that computes the scores also adds the mask, which saves a pass over the scores.
  Tensor forward(const Tensor& x) {
    const int64_t B = x.size(0), T = x.size(1), C = x.size(2), D = C / heads;
    const Tensor qkv = c_attn(x).view({B, T, 3, heads, D}).permute({2, 0, 3, 1, 4});
    const Tensor all = qkv.reshape({3, B * heads, T, D});
    const Tensor mask = future.narrow(0, 0, T).narrow(1, 0, T);
    const Tensor scores = torch::baddbmm(mask, all[0], all[1].transpose(1, 2), 1, 1 / std::sqrt(D));
    const Tensor y = torch::bmm(torch::softmax(scores, -1), all[2]);
    return c_proj(y.view({B, heads, T, D}).transpose(1, 2).reshape({B, T, C}));
  }
};

struct MLP : nn::Module {
  nn::Linear c_fc, c_proj;
  explicit MLP(const GPTSize& s) : c_fc(s.n_embd, 4 * s.n_embd), c_proj(4 * s.n_embd, s.n_embd) {
    register_module("c_fc", c_fc), register_module("c_proj", c_proj);
  }
  Tensor forward(const Tensor& x) { return c_proj(torch::gelu(c_fc(x), "tanh")); }
};

struct Block : nn::Module {
  nn::LayerNorm ln_1, ln_2;
  std::shared_ptr<Attention> attn;
  std::shared_ptr<MLP> mlp;
  explicit Block(const GPTSize& s) : ln_1(norm(s.n_embd)), ln_2(norm(s.n_embd)) {
    register_module("ln_1", ln_1), register_module("ln_2", ln_2);
    attn = register_module("attn", std::make_shared<Attention>(s));
    mlp = register_module("mlp", std::make_shared<MLP>(s));
  }
  Tensor forward(const Tensor& in) {
    const Tensor x = in + attn->forward(ln_1(in));
    return x + mlp->forward(ln_2(x));
  }
};

struct Model : nn::Module {
  nn::Embedding wte, wpe;
  std::vector<std::shared_ptr<Block>> h;
  nn::LayerNorm ln_f;
  Tensor positions;

  explicit Model(const GPT& from)
      : wte(from.size.vocab_size, from.size.n_embd),
        wpe(from.size.block_size, from.size.n_embd),
        ln_f(norm(from.size.n_embd)),
        positions(torch::arange(from.time)) {
    register_module("wte", wte), register_module("wpe", wpe), register_module("ln_f", ln_f);
    for (int64_t i = 0; i < from.size.n_layer; ++i)
      h.push_back(register_module("h" + std::to_string(i), std::make_shared<Block>(from.size)));
    torch::NoGradGuard unrecorded;
    for (auto& p : named_parameters()) {
      if (from.parameters.empty()) {
        p->normal_(0, 0.02);
        continue;
      }
      std::string name = p.key();  // a module's name has no dot: h0.attn -> h.0.attn
      if (name[0] == 'h') name.insert(1, ".");
      const Parameter& source = from.parameters.at(name);
      p->copy_(torch::from_blob(const_cast<float*>(source.data), source.shape));
    }
  }
  Tensor forward(const Tensor& ids) {
    Tensor x = wte(ids) + wpe(positions);
    for (const auto& block : h) x = block->forward(x);
    return torch::linear(ln_f(x), wte->weight);
  }
};

Tensor ids_of(const int64_t* data, const GPT& m) {
  return torch::from_blob(const_cast<int64_t*>(data), {m.batch, m.time}, torch::kInt64).clone();
}

}  // namespace

Run gpt_forward(const GPT& from) {
  auto model = std::make_shared<Model>(from);
  return [model, ids = ids_of(from.ids, from)] {
    torch::NoGradGuard unrecorded;
    model->forward(ids);
    return 0.0;
  };
}

Run gpt_training_step(const GPT& from, double rate) {
  auto model = std::make_shared<Model>(from);
  auto opt =
      std::make_shared<torch::optim::AdamW>(model->parameters(), torch::optim::AdamWOptions(rate));
  return [=, ids = ids_of(from.ids, from), targets = ids_of(from.targets, from).flatten()] {
    const Tensor loss = nn::functional::cross_entropy(model->forward(ids).flatten(0, 1), targets);
    loss.backward();
    opt->step();
    opt->zero_grad();
    return loss.item<double>();
  };
}

}  // namespace torch_peer
