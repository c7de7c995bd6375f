// Compares a whole model with the calculation by hand from its input.
#include <algorithm>
#include <cmath>
#include <set>

#include "framework/tensor/factories.h"
#include "models/proof/finite_difference.h"
#include "models/proof/kinds/cross_entropy.h"
#include "models/proof/passes.h"
#include "models/proof/plain_run.h"
#include "models/proof/whole.h"
#include "models/text/format.h"

namespace vitro::proof {

namespace {

// How far the model's result may be from the calculation by hand.  The model is computed by hand a
// second time, with an error of about one rounding in the numbers of each module.  This shows what
// rounding does to this model.  The errors of the model are others, so it may err by more.
constexpr double kTimesRounding = 16;
// A gradient may be zero in theory, such as that of a bias before a softmax.  Then its error is
// small only beside the largest gradient.
constexpr double kOfLargest = 1;
constexpr int kDifferences = 8;  // finite differences of the loss

double norm_of(const Array& x) {
  double squares = 0;
  for (double v : x.value) squares += v * v;
  return std::sqrt(squares);
}

// ||model - by hand||
double error_of(const Array& model, const Array& by_hand) {
  check<ShapeError>(model.shape == by_hand.shape, "proof: expected by hand the shape ", model.shape,
                    ", got ", by_hand.shape);
  double squares = 0;
  for (size_t i = 0; i < by_hand.value.size(); ++i) {
    if (model.value[i] == by_hand.value[i]) continue;  // also equal infinities
    const double error = model.value[i] - by_hand.value[i];
    squares += error * error;
  }
  return std::sqrt(squares);
}

// The error relative to the size of the numbers by hand.
double relative_error(const Array& model, const Array& by_hand) {
  const double norm = norm_of(by_hand);
  return error_of(model, by_hand) / (norm > 0 ? norm : 1);
}

std::vector<int64_t> ids_of(const Tensor& targets) {
  if (!targets.defined()) return {};
  const Tensor ids = targets.to(kInt64).contiguous();
  return {ids.data<int64_t>(), ids.data<int64_t>() + ids.numel()};
}

// A whole model: its output, and the gradient of each parameter.  A tied parameter has the sum of
// what its modules give it.
struct Outcome {
  Array output;
  std::map<const TensorImpl*, Array> gradients = {};
};

// How far rounding moves the output and the gradients: norms of differences.
struct RoundingEffect {
  double output = 0;
  std::map<const TensorImpl*, double> gradients = {};
};

class WholePass {
 public:
  WholePass(Run& run, Collector& found, Report& report)
      : run_(run),
        found_(found),
        report_(report),
        calls_(std::ssize(run.trace.calls())),
        ids_(ids_of(run.options.targets)) {
    for (const Call* call : run.trace.calls())
      if (is_replayed(*call->module)) has_replays_ = true;
    whole_.begin = [this] { run_.progress(stage_, std::min(done_++, calls_ - 1), calls_); };
  }

  void compare() {
    const Outcome by_hand = computed("the whole model by hand", [this](const Work& root) {
      compare_calls(root, *run_.trace.root);
    });
    if (!ids_.empty()) report_.loss_by_hand = cross_entropy(by_hand.output, ids_).value[0];
    const RoundingEffect rounding = rounding_effect(by_hand);
    const PlainRun model = run_plain(run_);
    report_.loss = model.loss;
    compare_outcomes(model, by_hand, rounding);
    compare_differences(by_hand);
  }

 private:
  Work forward(const std::string& stage, const WholeOptions& options) {
    stage_ = stage, done_ = 0;
    Work root{.module = &run_.model, .x = array_of(run_.input)};
    WholeHand(root, options).run_forward();
    return root;
  }
  template <class Inspect>
  Outcome computed(const std::string& stage, Inspect inspect);
  void compare_calls(const Work& work, const Call& call);
  RoundingEffect rounding_effect(const Outcome& by_hand);
  void compare_outcomes(const PlainRun& model, const Outcome& by_hand,
                        const RoundingEffect& rounding);
  void compare_differences(const Outcome& by_hand);
  std::vector<double> losses_of(const Array& y) const;

  Run& run_;
  Collector& found_;
  Report& report_;
  WholeOptions whole_;
  // Nobody knows what rounding does inside a replayed module, and it may cut its gradient on
  // purpose, as detach() does.  Then the whole model is compared, but not judged.
  bool has_replays_ = false;
  int64_t calls_, done_ = 0;
  std::vector<int64_t> ids_;  // the targets
  std::string stage_;
};

template <class Inspect>
Outcome WholePass::computed(const std::string& stage, Inspect inspect) {
  Gradients gradients;
  WholeOptions options = whole_;
  options.gradients = &gradients;
  Work root = forward(stage, options);
  done_ = 0, stage_ = stage + ", backward";
  const Array dy = ids_.empty() ? array_of(run_.dy) : cross_entropy_backward(root.y, ids_);
  root.dx = WholeHand(root, options).run_backward(dy);
  inspect(root);
  Outcome all{.output = std::move(root.y)};
  for (const ParameterGradient& parameter : run_.trace.parameters)
    if (const auto one = gradients.find(parameter.place); one != gradients.end()) {
      Array& sum = all.gradients[parameter.place->impl()];
      if (sum.value.empty()) sum = std::move(one->second);
      else
        for (size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += one->second.value[i];
      gradients.erase(one);
    }
  return all;
}

void WholePass::compare_calls(const Work& work, const Call& call) {
  ModuleRow& row = found_.row_of(call);
  row.accumulated = relative_error(array_of(call.y), work.y);
  if (call.dx.defined() && work.dx.count() > 0)
    row.accumulated_gradient = relative_error(array_of(call.dx), work.dx);
  // The calls of each child are in the same order in both.
  std::map<const nn::Module*, size_t> next;
  for (const auto& child : call.children)
    for (size_t& i = next[child->module]; i < work.children.size();)
      if (const Work& other = *work.children[i++]; other.module == child->module) {
        compare_calls(other, *child);
        break;
      }
}

RoundingEffect WholePass::rounding_effect(const Outcome& by_hand) {
  const DType dtype = run_.trace.root->y.dtype();
  Generator signs(run_.options.seed);
  whole_.rounds_like = dtype == kBFloat16 ? kBFloat16 : kFloat32;
  whole_.signs = &signs;
  const Outcome rounded = computed("the whole model by hand, rounded", [](const Work&) {});
  const double scale = unit_roundoff(dtype) / unit_roundoff(*whole_.rounds_like);
  whole_.rounds_like = {}, whole_.signs = nullptr;
  RoundingEffect effect{.output = scale * error_of(rounded.output, by_hand.output)};
  for (const auto& [impl, gradient] : rounded.gradients)
    effect.gradients[impl] = scale * error_of(gradient, by_hand.gradients.at(impl));
  return effect;
}

void WholePass::compare_outcomes(const PlainRun& model, const Outcome& by_hand,
                                 const RoundingEffect& effect) {
  const DType dtype = run_.trace.root->y.dtype();
  // The norms of the error, of the effect of rounding, and of the numbers.
  const auto judge = [&](double error, double rounding, double size, Fault fault) {
    const double allowed = kTimesRounding * (rounding + unit_roundoff(dtype) * size + kUnderflow);
    if (error <= allowed || has_replays_) return;
    fault.reason = "without hooks it differs from the whole model by hand by " +
                   text::small(error / size) + " of its size; rounding explains " +
                   text::small(allowed / size);
    // The fault that exceeds its bound most is the first.
    const double excess = std::min(error / allowed, 1e12);
    found_.suspect(Rank::kAccumulated, -static_cast<int64_t>(1000 * excess), std::move(fault));
  };
  const Array output = array_of(model.output);
  report_.output_error = relative_error(output, by_hand.output);
  judge(error_of(output, by_hand.output), effect.output, norm_of(by_hand.output),
        {.path = "", .what = "output", .index = {}, .reason = {}});
  double largest = 0;
  for (const auto& [impl, gradient] : by_hand.gradients)
    largest = std::max(largest, norm_of(gradient));
  std::set<const TensorImpl*> seen;
  for (const ParameterGradient& parameter : run_.trace.parameters) {
    const TensorImpl* impl = parameter.place->impl();
    if (!parameter.place->requires_grad()) continue;  // frozen: backward gives it no gradient
    const Array none = zeros_array(parameter.place->shape(), /*with_sizes=*/false);
    const auto expected_at = by_hand.gradients.find(impl);
    const Array& expected = expected_at == by_hand.gradients.end() ? none : expected_at->second;
    const auto at = model.gradients.find(impl);
    const Array gradient = at == model.gradients.end() ? none : array_of(at->second);
    const double error = error_of(gradient, expected), norm = norm_of(expected) + 1e-3 * largest,
                 size = norm + kOfLargest * largest;
    found_.row_of(parameter).accumulated = error > 0 ? error / norm : 0;
    const auto moved = effect.gradients.find(impl);
    if (seen.insert(impl).second)  // a tied parameter is judged once
      judge(error, moved == effect.gradients.end() ? 0 : moved->second, size,
            gradient_fault(parameter.path));
  }
}

// The terms whose sum is L: of the mean cross entropy, or y dy.
std::vector<double> WholePass::losses_of(const Array& y) const {
  std::vector<double> terms;
  if (ids_.empty()) {
    terms = array_of(run_.dy).value;
    for (size_t i = 0; i < terms.size(); ++i) terms[i] *= y.value[i];
  } else {
    terms = cross_entropies(y, ids_);
    const auto counted = std::ranges::count_if(ids_, [](int64_t id) { return id != -100; });
    for (double& term : terms) term /= static_cast<double>(counted);
  }
  return terms;
}

// Central differences of the loss, at a few parameters.
void WholePass::compare_differences(const Outcome& by_hand) {
  if (has_replays_) return;
  std::vector<const ParameterGradient*> candidates;
  for (const ParameterGradient& parameter : run_.trace.parameters)
    if (by_hand.gradients.contains(parameter.place->impl())) candidates.push_back(&parameter);
  std::set<std::pair<const TensorImpl*, int64_t>> drawn_places;
  double largest_output = 1;  // the loss is a difference of numbers of this size
  for (double value : by_hand.output.value)
    largest_output = std::max(largest_output, std::abs(value));
  for (int n = 0; n < kDifferences && !candidates.empty(); ++n) {
    const auto drawn =
        static_cast<size_t>(run_.generator.uniform() * static_cast<double>(candidates.size()));
    const ParameterGradient& parameter = *candidates[drawn];
    const TensorImpl* impl = parameter.place->impl();
    const Array& gradients = by_hand.gradients.at(impl);
    const int64_t place = draw(gradients, run_.generator);
    if (!drawn_places.emplace(impl, place).second ||
        gradients.value[static_cast<size_t>(place)] == 0)
      continue;
    const auto losses_at = [&](double value) {
      const Moved moved{impl, place, value};
      WholeOptions options = whole_;
      options.moved = &moved;
      return losses_of(forward("finite differences of the whole model", options).y);
    };
    found_.add(central_difference({.tensor = parameter.path,
                                   .index = index_at(parameter.place->shape(), place),
                                   .whole = true,
                                   .gradient = gradients.value[static_cast<size_t>(place)]},
                                  number_at(*parameter.place, place), largest_output, losses_at),
               gradient_fault(parameter.path).path);
  }
}

}  // namespace

void compare_whole(Run& run, Collector& found, Report& report) {
  try {
    WholePass(run, found, report).compare();
  } catch (const MemoryError&) { throw; } catch (const Error& error) {
    found.suspect(Rank::kAccumulated, 0,
                  {.path = "",
                   .what = kNotComputed,
                   .index = {},
                   .reason = std::string("the whole model cannot be computed: ") + error.what()});
  }
}

}  // namespace vitro::proof
