// The models and data for two sizes of GPT: nanoGPT's CPU configuration, and GPT-2.
#pragma once
#include <memory>
#include <sstream>
#include <string>

#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

struct GPTSize {
  std::string name;
  models::GPTConfig config;
  int64_t batch, time;
  double rate;  // learning rate
  std::string shape() const {
    std::ostringstream text;
    text << 'L' << config.n_layer << " C" << config.n_embd << " B" << batch << " T" << time;
    return text.str();
  }
  // FLOPs of a forward.  Each token is multiplied with the weights, and with the keys and values of
  // half a context on average.
  double forward_flops() const {
    const models::GPTConfig& c = config;
    const int64_t weights = c.n_embd * (12 * c.n_layer * c.n_embd + c.vocab_size);
    return 2 * static_cast<double>(batch * time * (weights + c.n_layer * c.n_embd * time));
  }
};
inline const GPTSize kGPTSizes[] = {
    {"G1",
     {.block_size = 64, .vocab_size = 65, .n_layer = 4, .n_head = 4, .n_embd = 128},
     12,
     64,
     1e-3},
    {"G2", {}, 4, 64, 1e-4}};

struct GPTCase {
  std::shared_ptr<models::GPT> model;
  Tensor ids, targets;
  explicit GPTCase(const GPTSize& s)
      : model(std::make_shared<models::GPT>(s.config)),
        ids(randint(0, s.config.vocab_size, {s.batch, s.time})),
        targets(randint(0, s.config.vocab_size, {s.batch, s.time})) {}
};

// One training step with AdamW; returns the loss.
struct GPTStep {
  GPTCase c;
  std::shared_ptr<optim::AdamW> opt;
  explicit GPTStep(const GPTSize& s)
      : c(s),
        opt(std::make_shared<optim::AdamW>(c.model->named_parameters(),
                                           optim::AdamWOptions{.lr = s.rate})) {}
  Tensor operator()() const {
    Tensor loss = c.model->loss(c.ids, c.targets);
    loss.backward();
    opt->step();
    opt->zero_grad();
    return loss;
  }
};

}  // namespace vitro::bench
