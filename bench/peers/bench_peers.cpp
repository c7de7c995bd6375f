// Compares vitro with libtorch: the same models and weights, timed batch by batch in turn.
#include "bench/mini_lm_cases.h"
#include "bench/peers/gpt_rivals.h"
#include "bench/peers/same_losses.h"
#include "bench/peers/torch_peer.h"

namespace vitro::bench {

const char* const kAbout =
    "other = libtorch of Debian 12 (its newest version) with OpenBLAS on OpenMP, on as many\n"
    "threads; ratio = vitro's time / libtorch's time.  Both start training from equal weights,\n"
    "and the program checks that their losses agree.";

namespace {

Batch batch_of(const torch_peer::Run& run) {
  return batch([=] { run(); });
}

// The current weights of vitro's model, for libtorch.
torch_peer::MiniLM peer_of(const MiniLMCase& c) {
  torch_peer::MiniLM peer{
      {}, c.ids.data<int64_t>(), c.targets.data<int64_t>(), c.ids.size(0), c.ids.size(1)};
  for (const Tensor& p : c.model->parameters())
    peer.parameters.push_back({{p.shape().begin(), p.shape().end()}, p.data<float>()});
  return peer;
}

std::vector<Batch> forward_rivals(const MiniLMSize& s) {
  MiniLMCase c(s);
  auto forward = [=] {
    NoGradGuard unrecorded;
    (*c.model)(c.ids);
  };
  return {batch(forward), batch_of(torch_peer::forward(peer_of(c)))};
}

std::vector<Batch> step_rivals(const MiniLMSize& s) {
  MiniLMStep ours(s);
  const torch_peer::Run theirs = torch_peer::training_step(peer_of(ours.c));
  expect_same_losses(ours, theirs);
  return {batch([=] { ours(); }), batch_of(theirs)};
}

std::vector<Batch> add_rivals(torch_peer::Record record) {
  Tensor x = ones({8}).requires_grad_(), y = ones({8});
  auto ours = [=]() mutable {
    AutoGradMode mode(record != torch_peer::Record::kNo);
    Tensor z = x;
    for (int i = 0; i < 100; ++i) z = z + y;
    if (record == torch_peer::Record::kAndBackward) {
      z.sum().backward();
      x.zero_grad();
    }
  };
  return {batch(ours), batch_of(torch_peer::chained_adds(record))};
}

std::vector<Batch> linear_rivals(int64_t m, int64_t n, int64_t k) {
  auto layer = std::make_shared<nn::Linear>(k, n);
  auto ours = [=, x = randn({m, k})] {
    NoGradGuard unrecorded;
    (*layer)(x);
  };
  return {batch(ours), batch_of(torch_peer::linear(m, n, k))};
}

}  // namespace

void register_rows() {
  torch_peer::set_threads(get_num_threads());
  benchmark::AddCustomContext("libtorch", torch_peer::version());
  using torch_peer::Record;
  const struct {
    const char* name;
    Record record;
    double target;
  } adds[] = {{"O1 100 adds, recorded", Record::kYes, 1.0 / 12},
              {"O2 100 adds, no grad", Record::kNo, 1.0 / 15},
              {"O3 100 adds, with backward", Record::kAndBackward, 1.0 / 15}};
  for (const auto& a : adds)
    rivals(a.name, "8", {.ops = 100, .target = a.target}, [=] { return add_rivals(a.record); });
  const int64_t linear[][3] = {
      {8, 64, 64}, {64, 256, 64}, {256, 768, 768}, {256, 3072, 768}, {1024, 1024, 1024}};
  for (const auto& [m, n, k] : linear)
    rivals("L1 Linear f32, no grad",
           std::to_string(m) + 'x' + std::to_string(n) + 'x' + std::to_string(k),
           {.flops = 2 * static_cast<double>(m * n * k)},
           [m = m, n = n, k = k] { return linear_rivals(m, n, k); });
  const double forward_targets[] = {1.0 / 8, 1.0 / 2.5, 1.0 / 1.4, 1.0 / 1.25},
               step_targets[] = {1.0 / 12, 1.0 / 3, 1.0 / 1.4, 1.0 / 2.5};
  for (int i = 0; i < 4; ++i) {
    const MiniLMSize& s = kMiniLMSizes[i];
    rivals(s.name + " forward, no grad", s.shape(),
           {.flops = s.forward_flops(), .target = forward_targets[i]},
           [=] { return forward_rivals(s); });
    rivals(s.name + " training step, AdamW", s.shape(),
           {.flops = 3 * s.forward_flops(), .target = step_targets[i]},
           [=] { return step_rivals(s); });
  }
  register_gpt_rivals();
}

}  // namespace vitro::bench
