// The result of `vitro verify`, and its report.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/model_options.h"
#include "apps/verify/verify.h"

namespace vitro::cli {

struct Verification {
  const VerifyOptions& options;
  std::string introduction;
  std::optional<std::string> perturbed;  // the module whose output is changed on purpose
  Shape ids_shape;                       // (B, T)
  std::vector<LinearRun> runs;           // every Linear of the model
  std::vector<ForwardCheck> forward;     // one per run
  std::vector<GradientCheck> gradients;  // empty unless every forward agrees
  OnednnStats onednn;                    // of one forward and backward
  const LinearRun* shown_run = nullptr;  // the Linear of the shown cell; null: no cell is shown
  Cell shown = {};
  bool is_asked = false;  // whether --cell named the shown cell

  bool forward_agrees() const;
  std::string disagreements() const;  // a sentence that names what disagrees; empty if all agree
};

void print(const Verification& result);  // prints a report, or JSON for --json

}  // namespace vitro::cli
