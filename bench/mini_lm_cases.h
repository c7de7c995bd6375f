// The models and data for four sizes of MiniLM.
#pragma once
#include <memory>
#include <sstream>
#include <string>

#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

struct MiniLMSize {
  std::string name;
  int64_t vocab_size, n_embd, n_hidden, batch, time;
  std::string shape() const {
    std::ostringstream text;
    text << 'V' << vocab_size << " E" << n_embd << " H" << n_hidden;
    return text.str();
  }
  // FLOPs of a forward: two products, with 2 FLOPs for each multiply-add.
  double forward_flops() const {
    return 2 * static_cast<double>(batch * time * n_hidden * (n_embd + vocab_size));
  }
};
inline const MiniLMSize kMiniLMSizes[] = {{"M1", 65, 32, 64, 1, 8},
                                          {"M2", 65, 64, 256, 32, 8},
                                          {"M3", 256, 128, 512, 16, 64},
                                          {"M4", 50257, 256, 1024, 4, 32}};

struct MiniLMCase {
  std::shared_ptr<models::MiniLM> model;
  Tensor ids, targets;
  explicit MiniLMCase(const MiniLMSize& s)
      : model(std::make_shared<models::MiniLM>(models::MiniLMConfig{
            .vocab_size = s.vocab_size, .n_embd = s.n_embd, .n_hidden = s.n_hidden})),
        ids(randint(0, s.vocab_size, {s.batch, s.time})),
        targets(randint(0, s.vocab_size, {s.batch, s.time})) {}
};

// One training step with AdamW's default options; returns the loss.
struct MiniLMStep {
  MiniLMCase c;
  std::shared_ptr<optim::AdamW> opt;
  explicit MiniLMStep(const MiniLMSize& s)
      : c(s), opt(std::make_shared<optim::AdamW>(c.model->named_parameters())) {}
  Tensor operator()() const {
    Tensor loss = cross_entropy((*c.model)(c.ids), c.targets);
    loss.backward();
    opt->step();
    opt->zero_grad();
    return loss;
  }
};

}  // namespace vitro::bench
