// Worked cells: one number of a module's output, step by step, for a pocket calculator.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "trace.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// One number of a module's output, worked step by step.
struct Cell {
  std::string path;
  std::vector<int64_t> index;
  // The steps, one per line or as a compact table, ready to print.  Every step is computed from the
  // digits that are printed before it, and rounded to the digits that are printed.
  std::string text = {};
  double by_hand = 0;      // in float64, with all digits
  double model = 0;        // what the model computed; NaN if it does not keep this number
  double from_digits = 0;  // the result that follows from the printed digits
  std::string shown = {};  // this result as it is printed
};

// Works y[index] of the module at `path`, or one of these numbers:
//
//   probability[b, t, v]                    softmax of the model's logits
//   loss[b, t]                              -ln of the target's probability
//   PATH.hook_z[b, t, h, d] and the other hook points of attention, an MLP, a Block or a model,
//                                           with or without hooks
//
// ValueError for a path that does not exist or was not called, and for an index outside of the
// output.
Cell worked_cell(const Trace& trace, const std::string& path, const std::vector<int64_t>& index);

// A number that shows something in few steps: at the end of the text, so that no padding takes part
// in it, and not 0.
std::pair<std::string, std::vector<int64_t>> telling_cell(const Trace& trace);

// Scores, of which softmax makes probabilities.
struct Scores {
  std::vector<double> x = {};            // one per number
  std::vector<std::string> ids = {};     // of each score, in the table; without them: its index
  std::vector<std::string> tokens = {};  // words after each row of the table
  double temperature = 1;                // the scores are divided by it
  size_t most = 8;                       // rows of the table; the rest is one number
};
// Works softmax(x / temperature)[at].  `name` is what the text calls it, and `model` is the model's
// value.
Cell worked_softmax(const Scores& scores, size_t at, const std::string& name, double model,
                    DType dtype = kFloat32);

}  // namespace proof
}  // namespace vitro
