// Collects findings, and names faults.
#include "models/proof/collector.h"

#include <cmath>
#include <sstream>

#include "framework/tensor/factories.h"
#include "models/proof/finite_difference.h"
#include "models/text/format.h"

namespace vitro::proof {

namespace {

std::string words(const Finding& finding) {
  const auto of_child = [&] { return " of " + finding.child->path; };
  switch (finding.what) {
    case Compared::kOutput: return "output";
    case Compared::kChildInput: return "input" + of_child();
    case Compared::kInputGradient: return "dL/dx";
    case Compared::kChildGradient: return "dL/dy" + of_child();
  }
  return "";
}

const Shape& shape_of(const Finding& finding) {
  switch (finding.what) {
    case Compared::kChildInput: return finding.child->x.shape();
    case Compared::kChildGradient: return finding.child->y.shape();
    case Compared::kInputGradient: return finding.call->x.shape();
    case Compared::kOutput: break;
  }
  return finding.call->y.shape();
}

// NaN has a sign, which nobody wants to read.
std::string digits(double x) { return std::isnan(x) ? "NaN" : text::format("%.8g", x); }

std::string reason(const Difference& d, const nn::Module* module = nullptr) {
  std::ostringstream text;
  text << "the model has " << digits(d.model) << ", by hand it is " << digits(d.by_hand) << "; ";
  text.precision(2);
  if (d.by_whole)
    text << "all elements together differ by " << d.whole << " of their size, " << d.share
         << " times what rounding explains";
  else text << "rounding explains a difference of " << d.allowed;
  if (module && module->is_hooked()) text << "; a hook is attached to this module";
  return text.str();
}

}  // namespace

std::optional<int64_t> first_not_finite(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return {};
  const Array all = array_of(x);
  for (size_t i = 0; i < all.value.size(); ++i)
    if (!std::isfinite(all.value[i])) return static_cast<int64_t>(i);
  return {};
}

Fault gradient_fault(const std::string& path) {
  const size_t dot = path.rfind('.');
  return {.path = dot == path.npos ? "" : path.substr(0, dot),
          .what = "dL/d" + path.substr(dot == path.npos ? 0 : dot + 1),
          .index = {},
          .reason = {}};
}

ModuleRow& Collector::row_of(const Call& call) {
  const auto [at, is_new] = modules_.emplace(call.path, report_.modules.size());
  if (is_new) {
    const Kind* kind = kind_of(*call.module);
    report_.modules.push_back({.path = call.path,
                               .description = call.module->describe(),
                               .formula = kind ? kind->formula : "",
                               .x = call.x.shape(),
                               .y = call.y.shape(),
                               .is_replayed = !kind || !kind->forward});
  }
  return report_.modules[at->second];
}

ParameterRow& Collector::row_of(const ParameterGradient& parameter) {
  const auto [at, is_new] = parameters_.emplace(parameter.path, report_.gradients.size());
  if (is_new)
    report_.gradients.push_back({.path = parameter.path, .shape = parameter.place->shape()});
  return report_.gradients[at->second];
}

void Collector::suspect(Rank rank, int64_t time, Fault fault) {
  const std::pair order{rank, time};
  if (!first_ || order < order_) first_ = std::move(fault), order_ = order;
}

void Collector::add(const Finding& finding) {
  ModuleRow& row = row_of(*finding.call);
  const bool is_forward =
      finding.what == Compared::kOutput || finding.what == Compared::kChildInput;
  Worst& worst = is_forward ? row.forward : row.backward;
  if (worst.what.empty() || !(finding.difference.share <= worst.difference.share))
    worst = {finding.difference, words(finding), shape_of(finding)};
  if (finding.difference.agrees) return;
  row.agrees = false;
  suspect(
      is_forward ? Rank::kForward : Rank::kBackward, finding.time,
      {.path = finding.call->path,
       .what = words(finding),
       .index = finding.difference.by_whole ? std::vector<int64_t>()
                                            : index_at(shape_of(finding), finding.difference.at),
       .reason = reason(finding.difference, finding.call->module)});
}

void Collector::add(const ParameterGradient& parameter, const Array& by_hand, int64_t time) {
  ParameterRow& row = row_of(parameter);
  const Tensor& model = parameter.gradient;
  row.difference = compare(
      model.defined() ? model : zeros(parameter.place->shape(), parameter.place->dtype()), by_hand);
  row.agrees = row.difference.agrees;
  if (row.agrees) return;
  Fault fault = gradient_fault(parameter.path);
  if (!row.difference.by_whole) fault.index = index_at(row.shape, row.difference.at);
  fault.reason = reason(row.difference);
  suspect(Rank::kBackward, time, std::move(fault));
}

void Collector::add_loss(const Trace& trace, const Difference& loss, const Difference& gradient) {
  const Shape& logits = trace.root->y.shape();
  report_.modules.push_back({.path = "loss",
                             .description = "cross entropy",
                             .formula = "L = mean(-log softmax(logits)_target)",
                             .x = logits,
                             .y = trace.loss.shape(),
                             .forward = {loss, "output", trace.loss.shape()},
                             .backward = {gradient, "dL/dx", logits},
                             .agrees = loss.agrees && gradient.agrees});
  if (!loss.agrees)
    suspect(Rank::kForward, trace.root->ended + 1,
            {.path = "loss", .what = "output", .index = {}, .reason = reason(loss)});
  if (!gradient.agrees)
    suspect(Rank::kBackward, -trace.root->ended - 1,
            {.path = "loss",
             .what = "dL/dx",
             .index = index_at(logits, gradient.at),
             .reason = reason(gradient)});
}

void Collector::add(FiniteDifference difference, const std::string& path) {
  if (difference.is_corner) return;
  if (!difference.agrees()) {
    std::ostringstream text;
    text.precision(8);
    text << "the finite difference of " << difference.tensor << " is " << difference.slope
         << ", the gradient by hand is " << difference.gradient;
    suspect(Rank::kDifference, 0,
            {.path = path,
             .what = "gradient by hand",
             .index = difference.index,
             .reason = text.str()});
  }
  report_.differences.push_back(std::move(difference));
}

void Collector::check_finite(const Call& call, bool spoils) {
  const auto blame = [&](Rank rank, int64_t time, const char* what, const Tensor& made,
                         const Tensor& from) {
    const auto at = first_not_finite(made);
    if (!at || first_not_finite(from)) return;
    const double value = array_of(made).value[static_cast<size_t>(*at)];
    if (std::isinf(value) && !spoils) return;
    row_of(call).agrees = false;
    suspect(rank, time,
            {.path = call.path,
             .what = what,
             .index = index_at(made.shape(), *at),
             .reason = std::string("this is the first module that makes ") +
                       (std::isnan(value) ? "NaN" : "an infinity")});
  };
  // A call that contains the module ends later, so the innermost module is the first.
  blame(Rank::kForward, call.ended, "output", call.y, call.x);
  blame(Rank::kBackward, -call.began, "dL/dx", call.dx, call.dy);
}

void Collector::fail(const Call& call, const std::string& error) {
  ModuleRow& row = row_of(call);
  const std::string why = error.substr(0, error.find('\n'));
  row.failure = why, row.agrees = false;
  suspect(Rank::kForward, call.ended,
          {.path = call.path,
           .what = kNotComputed,
           .index = {},
           .reason = why + (row.is_replayed ? "; in a replay, all tensors are float64: make "
                                              "constants with x.dtype(), or register a function "
                                              "with proof::by_hand"
                                            : "")});
}

void Collector::decide() { report_.first = std::move(first_); }

}  // namespace vitro::proof
