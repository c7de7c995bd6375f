// The result of `vitro verify`, and how it is told.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/model_options.h"
#include "apps/verify/verify.h"

namespace vitro::cli {

struct Verification {
  const VerifyOptions& options;
  std::string introduction;
  std::optional<std::string> perturbed;  // the module whose output is spoiled
  Shape ids_shape;                       // (B, T)
  std::vector<LinearRun> runs;           // every Linear of the model
  std::vector<ForwardCheck> forward;     // of each run
  std::vector<GradientCheck> gradients;  // empty unless every forward agrees
  OnednnStats onednn;                    // of one forward and backward
  const LinearRun* shown_run = nullptr;  // whose cell is shown; null: none is
  Cell shown = {};
  bool is_asked = false;  // whether --cell named it

  bool forward_agrees() const;
  std::string disagreements() const;  // empty if all agree, else one sentence that names them
};

void print(const Verification& result);  // a report, or JSON if the options say so

}  // namespace vitro::cli
