// Collector: fills a Report with what the comparisons find, and decides which fault is the first.
#pragma once
#include <map>

#include "models/proof/local.h"
#include "models/proof/verify.h"

namespace vitro::proof {

// The faults that decide first come first.
enum class Rank {
  kForward,     // in the order of the computation
  kBackward,    // in the order of backward
  kDifference,  // a finite difference
  kAccumulated  // an error of the whole model, which no module explains
};

class Collector {
 public:
  explicit Collector(Report& report) : report_(report) {}

  // The row of the call's module, made if needed.
  ModuleRow& row_of(const Call& call);
  ParameterRow& row_of(const ParameterGradient& parameter);
  void add(const Finding& finding);
  // Compares the gradient of a parameter with the sum of what its module's calls added by hand.
  void add(const ParameterGradient& parameter, const Array& by_hand, int64_t time);
  // The cross entropy of the output, and dL/d(output).
  void add_loss(const Trace& trace, const Difference& loss, const Difference& gradient);
  void add(FiniteDifference difference, const std::string& path);
  // Names the module that makes a NaN from finite numbers; with `spoils`, also an infinity.
  void check_finite(const Call& call, bool spoils);
  // The module could not be computed by hand.
  void fail(const Call& call, const std::string& error);
  void suspect(Rank rank, int64_t time, Fault fault);
  // Sets the first fault of the report.
  void decide();

 private:
  Report& report_;
  std::map<std::string, size_t> modules_, parameters_;  // places in the report, by path
  std::optional<Fault> first_;
  std::pair<Rank, int64_t> order_ = {};  // of first_
};

// A fault in the gradient of a parameter: "h.0.ln_1.weight" -> "h.0.ln_1" and "dL/dweight".
Fault gradient_fault(const std::string& path);

// The place of the first number of x that is NaN or infinite.
std::optional<int64_t> first_not_finite(const Tensor& x);

}  // namespace vitro::proof
