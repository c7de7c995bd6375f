// Compares gradients with finite differences of a float64 copy of the model.
#include <algorithm>
#include <cmath>

#include "apps/verify/verify.h"

namespace vitro::cli {

namespace {

constexpr int64_t kElements = 8;  // per tensor at most; each costs two float64 forwards
// Central differences in float64 err by eps^2 f'''/6 + u |l| / eps, which is about 1e-9 here.  The
// rest of a difference is float32's rounding in a forward and a backward: a few u = 6e-8 per
// operation, relative to the terms of each sum.  That is at most 1e-4 of an element, or 1e-5 of the
// tensor's largest element if the terms cancel.  A wrong factor or a missing term errs by 1e-1.
constexpr double kEps = 1e-6, kRelative = 1e-4, kOfLargest = 1e-5;

// A float64 copy of the model, and the derivative of its loss along one number.
class Oracle {
 public:
  Oracle(models::LanguageModel& model, Tensor ids, Tensor targets)
      : copy_(models::clone(model)), ids_(std::move(ids)), targets_(std::move(targets)) {
    copy_->to(kFloat64);
    copy_->eval();
  }

  // dL/dw_i of the parameter `name` of the module at `path`.
  double along_parameter(const std::string& path, const std::string& name, int64_t i) {
    Tensor parameter;
    for (auto& [part, tensor] : copy_->find(path).named_parameters())
      if (part == name) parameter = tensor;
    const double value = parameter.data<double>()[i];
    const double slope = difference(value, [&](double moved) {
      parameter.mutable_data<double>()[i] = moved;
      return losses();
    });
    parameter.mutable_data<double>()[i] = value;
    return slope;
  }

  // dL/dx_i for input x of the module `name`, at x_i = value; a pre-hook replaces x_i.
  double along_input(const std::string& name, int64_t i, double value) {
    return difference(value, [&](double moved) {
      nn::ScopedHook hook(
          copy_->find(name).register_forward_pre_hook([&](nn::Module&, const Tensor& x) {
            Tensor other = x.clone();
            other.mutable_data<double>()[i] = moved;
            return other;
          }));
      return losses();
    });
  }

 private:
  // The cross entropy of each position.
  Tensor losses() {
    NoGradGuard no_grad;
    return cross_entropy((*copy_)(ids_), targets_, {.reduction = Reduction::kNone}).contiguous();
  }

  // sum_n (l_n(v + eps) - l_n(v - eps)) / 2 eps.  Each pair of losses is subtracted before the sum,
  // so that a position that does not depend on v contributes exactly zero.
  template <class F>
  static double difference(double v, F losses_at) {
    const double eps = kEps * std::max(1.0, std::abs(v)), high = v + eps, low = v - eps;
    Tensor above = losses_at(high), below = losses_at(low);
    double sum = 0;
    for (int64_t n = 0; n < above.numel(); ++n)
      sum += above.data<double>()[n] - below.data<double>()[n];
    return sum / (high - low);
  }

  std::unique_ptr<models::LanguageModel> copy_;
  Tensor ids_, targets_;
};

template <class F>
GradientCheck compare(const std::string& tensor, const Tensor& gradient, int64_t elements,
                      Generator& generator, F finite_difference) {
  check<GraphError>(gradient.defined(), "verify: backward left no gradient for ", tensor);
  Tensor dense = gradient.contiguous();
  const float* g = dense.data<float>();
  GradientCheck check{.tensor = tensor,
                      .shape = gradient.shape(),
                      .elements = std::min(elements, gradient.numel())};
  for (int64_t i = 0; i < gradient.numel(); ++i)
    check.largest = std::max(check.largest, static_cast<double>(std::abs(g[i])));
  for (int64_t n = 0; n < check.elements; ++n) {
    const auto i =
        static_cast<int64_t>(generator.uniform() * static_cast<double>(gradient.numel()));
    const double expected = finite_difference(i), difference = std::abs(g[i] - expected),
                 allowed = kRelative * std::abs(expected) + kOfLargest * check.largest;
    check.difference = std::max(check.difference, difference);
    if (allowed > 0) check.excess = std::max(check.excess, difference / allowed);
    if (!(difference <= allowed)) check.agrees = false;  // a NaN disagrees too
  }
  return check;
}

}  // namespace

std::vector<GradientCheck> check_gradients(models::LanguageModel& model,
                                           const std::vector<LinearRun>& runs, const Tensor& ids,
                                           const Tensor& targets, uint64_t seed, int64_t most) {
  int64_t tensors = 0;
  for (const LinearRun& run : runs) tensors += run.layer->bias.defined() ? 3 : 2;
  const int64_t each = std::clamp<int64_t>(most / tensors, 1, kElements),
                stride = std::max<int64_t>(1, tensors / std::max<int64_t>(1, most));
  Oracle oracle(model, ids, targets);
  Generator generator(seed);
  std::vector<GradientCheck> checks;
  int64_t number = 0;
  const auto is_drawn = [&] { return number++ % stride == 0; };
  for (const LinearRun& run : runs) {
    for (auto& [name, tensor] : run.layer->named_parameters()) {
      if (!is_drawn()) continue;
      const std::string& part = name;  // clang 14 captures no structured binding
      checks.push_back(
          compare(run.name + "." + part, tensor.grad(), each, generator,
                  [&](int64_t i) { return oracle.along_parameter(run.name, part, i); }));
    }
    if (is_drawn())
      checks.push_back(compare("input of " + run.name, run.grad_x, each, generator, [&](int64_t i) {
        return oracle.along_input(run.name, i, run.x.data<float>()[i]);
      }));
  }
  return checks;
}

}  // namespace vitro::cli
