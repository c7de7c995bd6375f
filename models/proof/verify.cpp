// Proves a model: traces one run, and compares it with the calculation by hand.
#include "models/proof/verify.h"

#include "framework/tensor/factories.h"
#include "models/proof/finite_difference.h"
#include "models/proof/kinds/cross_entropy.h"
#include "models/proof/members.h"
#include "models/proof/passes.h"

namespace vitro::proof {

namespace {

// A dL/d(output) for a model without targets.
Tensor drawn_cotangent(nn::Module& model, const Tensor& input, Generator& generator) {
  NoGradGuard unrecorded;
  const Tensor y = model(input);
  return randn(y.shape(), kFloat32, generator).to(y.dtype());
}

// The loss of the traced run as a call: logits in, loss out.
void compare_loss(Trace& trace, const Tensor& targets, Collector& found) {
  const Tensor ids = targets.to(kInt64).contiguous();
  const std::span<const int64_t> wanted(ids.data<int64_t>(), static_cast<size_t>(ids.numel()));
  const Array logits = array_of(trace.root->y);
  found.add_loss(trace, compare(trace.loss, cross_entropy(logits, wanted)),
                 compare(trace.root->dy, cross_entropy_backward(logits, wanted)));
}

}  // namespace

std::vector<int64_t> Worst::at() const { return index_at(shape, difference.at); }

Report verify(nn::Module& model, const Tensor& input, const VerifyOptions& options) {
  const AutoGradMode recorded(true);  // also for a caller with a NoGradGuard
  const EvalMode eval(model);
  const KeptBuffers buffers(model);
  Report report{
      .model = model.describe(), .input = input.shape(), .parameters = model.parameter_count()};
  if (const auto all = model.parameters(); !all.empty()) report.dtype = all[0].dtype();
  Generator generator(options.seed);
  Tensor dy;
  if (!options.targets.defined()) dy = drawn_cotangent(model, input, generator);
  if (options.progress) options.progress("the model's own run", 0, 1);
  report.trace =
      run_traced(model, input, {.targets = options.targets, .dy = dy, .planted = options.planted});
  Collector found(report);
  for (const Call* call : report.trace.calls()) found.row_of(*call);
  for (const ParameterGradient& parameter : report.trace.parameters) found.row_of(parameter);
  Run run{model, input, options, report.trace, dy, generator};
  if (const auto at = first_not_finite(input))
    found.suspect(Rank::kForward, -1,
                  {.path = "",
                   .what = "input",
                   .index = index_at(input.shape(), *at),
                   .reason = "the input holds a NaN or an infinity"});
  compare_locally(run, found);
  if (options.targets.defined()) compare_loss(report.trace, options.targets, found);
  compare_whole(run, found, report);
  found.decide();
  return report;
}

}  // namespace vitro::proof
