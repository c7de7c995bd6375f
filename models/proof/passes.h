// The passes of verify: each compares one traced run in one way.
#pragma once
#include "models/proof/collector.h"

namespace vitro::proof {

// One run, and what is needed to compute it again.
struct Run {
  nn::Module& model;
  const Tensor& input;
  const VerifyOptions& options;
  Trace& trace;
  Tensor dy;  // dL/d(output), without targets
  Generator& generator;

  void progress(const std::string& stage, int64_t done, int64_t total) const {
    if (options.progress) options.progress(stage, done, total);
  }
};

// Each call from the input that it really had, forward and backward, with finite differences within
// modules.  It drops the gradients of the trace's parameters as it has compared them.
void compare_locally(Run& run, Collector& found);

// The whole model from its input.
void compare_whole(Run& run, Collector& found, Report& report);

}  // namespace vitro::proof
