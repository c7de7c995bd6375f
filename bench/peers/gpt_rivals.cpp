// Compares GPT with libtorch: forward and training step of nanoGPT's CPU configuration and GPT-2.
#include "bench/peers/gpt_rivals.h"

#include "bench/gpt_cases.h"
#include "bench/peers/same_losses.h"
#include "bench/peers/torch_gpt.h"

namespace vitro::bench {

namespace {

// The current weights of vitro's model, for libtorch.
torch_peer::GPT peer_of(const GPTCase& c) {
  const models::GPTConfig& g = c.model->config;
  torch_peer::GPT peer{{g.vocab_size, g.block_size, g.n_layer, g.n_head, g.n_embd},
                       {},
                       c.ids.data<int64_t>(),
                       c.targets.data<int64_t>(),
                       c.ids.size(0),
                       c.ids.size(1)};
  for (const auto& [name, p] : c.model->named_parameters())
    peer.parameters[name] = {{p.shape().begin(), p.shape().end()}, p.data<float>()};
  return peer;
}

std::vector<Batch> forward_rivals(const GPTSize& s) {
  GPTCase c(s);
  auto forward = [=] {
    NoGradGuard unrecorded;
    (*c.model)(c.ids);
  };
  return {batch(forward), batch([run = torch_peer::gpt_forward(peer_of(c))] { run(); })};
}

std::vector<Batch> step_rivals(const GPTSize& s) {
  GPTStep ours(s);
  const torch_peer::Run theirs = torch_peer::gpt_training_step(peer_of(ours.c), s.rate);
  expect_same_losses(ours, theirs);
  return {batch([=] { ours(); }), batch([=] { theirs(); })};
}

}  // namespace

void register_gpt_rivals() {
  const double targets[] = {0.5, 0.588};
  for (int i = 0; i < 2; ++i) {
    const GPTSize& s = kGPTSizes[i];
    rivals(s.name + " forward, no grad", s.shape(), {.flops = s.forward_flops()},
           [=] { return forward_rivals(s); });
    rivals(s.name + " training step, AdamW", s.shape(),
           {.flops = 3 * s.forward_flops(), .target = targets[i]}, [=] { return step_rivals(s); });
  }
}

}  // namespace vitro::bench
