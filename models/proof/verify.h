// verify: proves a model's output and gradients by hand, module by module.
#pragma once
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compare.h"
#include "trace.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// Options of verify.
struct VerifyOptions {
  // Of the same shape as the input ids: L is the mean cross entropy of these targets.  Undefined:
  // L is sum(y c), with a cotangent c that is drawn from the normal distribution with `seed`.
  Tensor targets = {};
  uint64_t seed = 1337;                 // of what is drawn
  std::optional<Planted> planted = {};  // a fault to find
  // Is called before each of the `total` steps of a stage; it may throw, to stop.
  std::function<void(const std::string& stage, int64_t done, int64_t total)> progress = {};
};

// The worst of several comparisons of one module.
struct Worst {
  Difference difference = {};
  std::string what = {};            // "output", "input of h.0.attn", "dL/dx" ...
  Shape shape = {};                 // of the compared tensor
  std::vector<int64_t> at() const;  // the index of the worst element
};

// A central difference of one number, in float64.
struct FiniteDifference {
  std::string tensor = {};          // "h.0.ln_1.weight", "input of h.0.ln_1"
  std::vector<int64_t> index = {};  // of the number
  // Whether the function has a corner there, such as relu at 0: it has no derivative to compare.
  bool is_corner = false;
  bool whole = false;                           // of the whole model's loss; else within one module
  double slope = 0, gradient = 0, allowed = 0;  // the difference, the gradient by hand, the bound
  bool agrees() const { return std::abs(slope - gradient) <= allowed; }
};

// One module, over all its calls.
struct ModuleRow {
  std::string path = {}, description = {}, formula = {};
  Shape x = {}, y = {};               // shapes of its first input and output
  bool is_replayed = false;           // no function by hand: its own forward ran in float64
  Worst forward = {}, backward = {};  // local comparisons
  double accumulated = 0;             // ||y - y by hand|| / ||y by hand||, the whole model by hand
  double accumulated_gradient = 0;    // the same of dL/dx
  std::string failure = {};           // why it could not be computed by hand; empty if it could
  bool agrees = true;
};

// One parameter of one module.
struct ParameterRow {
  std::string path = {};
  Shape shape = {};
  Difference difference = {};  // local
  double accumulated = 0;      // of the whole gradient, as backward gives it without hooks
  bool agrees = true;
};

// Fault::what of a module that could not be computed by hand.
inline constexpr const char* kNotComputed = "not computed by hand";

// The first place where a model leaves its bound.
struct Fault {
  std::string path;            // of the module; "" is the model
  std::string what;            // kNotComputed, "output", "dL/dx", "dL/dweight" ...
  std::vector<int64_t> index;  // of the worst element; empty if there is none
  std::string reason;          // a sentence with the numbers
};

// What verify found.
struct Report {
  std::string model = {};  // its description
  DType dtype = kFloat32;  // of its parameters
  Shape input = {};
  int64_t parameters = 0;                    // how many numbers
  std::vector<ModuleRow> modules = {};       // in the order of the computation
  std::vector<ParameterRow> gradients = {};  // in the order of the members
  std::vector<FiniteDifference> differences = {};
  std::optional<double> loss = {}, loss_by_hand = {};  // with targets
  double output_error = 0;          // accumulated, of the model's output without hooks
  std::optional<Fault> first = {};  // none: everything agrees
  Trace trace = {};                 // what the modules really had, for cells

  bool agrees() const { return !first; }  // whether there is no fault
};

// Recomputes model(input) and its gradients in float64 with plain loops, and compares
//
//   local        each module's output, from the input that it really had
//   accumulated  the same, from the model's input
//   gradients    every dL/d(parameter) and dL/d(input), both ways, and central differences
//
// The model runs in eval mode, in its own dtype.  Its parameters, buffers, gradients, hooks and
// modes stay as they were.  No other thread may use the model meanwhile.  A module without
// functions by hand (hand.h) is replayed from its own forward in float64.  A hook that replaces a
// value counts as a fault of its module.  Errors of the model pass through.  The report's trace
// refers to the model, which must outlive it.
Report verify(nn::Module& model, const Tensor& input, const VerifyOptions& options = {});

// Options of to_text.
struct TextOptions {
  bool detail = false;  // every module; otherwise the layers of a long model are one line
};
// A summary of three lines, then the tables.
std::string to_text(const Report& report, const TextOptions& options = {});

}  // namespace proof
}  // namespace vitro
