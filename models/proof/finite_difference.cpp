// Moves one number of a module's parameters or input, and computes the module by hand again.
#include "models/proof/finite_difference.h"

#include <algorithm>
#include <cmath>

namespace vitro::proof {

namespace {

// A central difference errs by step^2 f'''/6 and by the rounding of f, 2^-53 |f| / step.  If the
// first step is too large for a function with much curvature, a smaller one is tried.
constexpr double kSteps[] = {1e-5, 1e-6, 1e-7, 1e-8, 1e-9};
constexpr double kOfGradient = 1e-5, kOfTerms = 1e-6, kRounding = 0x1p-50;
constexpr int64_t kEach = 2;  // numbers of one tensor, at most

// Runs forward with the real outputs of the children, and keeps the inputs that they would get.
class ProbeHand final : public WorkHand {
 public:
  ProbeHand(const Call& call, Work& work, const Moved* moved)
      : WorkHand(work, moved, nullptr), call_(call), cursor_(call) {
    work.module = call.module;
  }
  Array operator()(nn::Module& child, const Array& x) override {
    if (const Call* called = cursor_.next(child)) {
      if (called->dx.defined()) given_.emplace_back(x, called->dx);
      work_.add_child(child, array_of(called->x)).y = array_of(called->y);
      return work_.children.back()->y;
    }
    return work_.add_child(child, x).y = x;
  }
  Array backward(nn::Module&, const Array& dy) override { return dy; }
  void gradient(const Tensor&, Array) override {}
  bool wants_size() const override { return false; }
  bool is_recorded(const nn::Module& child) const override { return calls(call_, child); }

  // The inputs of children and the output, each with dL/d of it.
  std::vector<std::pair<Array, Tensor>> results() {
    run_forward();
    if (call_.dy.defined()) given_.emplace_back(work_.y, call_.dy);
    return std::move(given_);
  }

 private:
  const Call& call_;
  CallCursor cursor_;
  std::vector<std::pair<Array, Tensor>> given_;
};

// How many products one forward of the module by hand has, roughly.
double cost_of(const Call& call) {
  const int64_t rows = call.y.numel() / std::max<int64_t>(1, call.y.rank() ? call.y.size(-1) : 1);
  double cost = static_cast<double>(call.y.numel() + call.x.numel()) * 16;
  for (const Tensor& parameter : call.module->parameters())
    if (call.children.empty()) cost += static_cast<double>(parameter.numel() * rows);
  return cost;
}

// `move` sets the number in a Work or a Moved.
FiniteDifference moved(const Call& call, std::string tensor, const Array& gradient, int64_t place,
                       double v, const std::function<void(Work&, Moved&, double)>& move) {
  const auto results_at = [&](double value) {
    Work work{.x = array_of(call.x)};
    Moved number;
    move(work, number, value);
    std::vector<double> terms;
    for (const auto& [result, weights] : ProbeHand(call, work, &number).results()) {
      const Array w = array_of(weights);
      for (size_t i = 0; i < w.value.size(); ++i) terms.push_back(w.value[i] * result.value[i]);
    }
    return terms;
  };
  return central_difference({.tensor = std::move(tensor),
                             .index = index_at(gradient.shape, place),
                             .gradient = gradient.value[static_cast<size_t>(place)]},
                            v, /*rounded=*/0, results_at);
}

}  // namespace

std::vector<int64_t> index_at(const Shape& shape, int64_t place) {
  if (numel(shape) == 0) return {};
  std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
  for (int axis = shape.rank(); axis-- > 0; place /= shape[axis])
    index[static_cast<size_t>(axis)] = place % shape[axis];
  return index;
}

FiniteDifference central_difference(FiniteDifference one, double v, double rounded,
                                    const std::function<std::vector<double>(double)>& terms_at) {
  const auto slope_of = [](const std::vector<double>& above, const std::vector<double>& below,
                           double width) {
    double slope = 0;
    for (size_t i = 0; i < above.size(); ++i) slope += (above[i] - below[i]) / width;
    return slope;
  };
  double step = 0;
  for (const double relative : kSteps) {
    step = relative * std::max(1.0, std::abs(v));
    const double high = v + step, low = v - step;
    const std::vector<double> above = terms_at(high), below = terms_at(low);
    one.slope = slope_of(above, below, high - low);
    double changes = 0, sizes = rounded;
    for (size_t i = 0; i < above.size(); ++i)
      changes += std::abs((above[i] - below[i]) / (high - low)), sizes += std::abs(above[i]);
    one.allowed =
        kOfGradient * std::abs(one.gradient) + kOfTerms * changes + kRounding * sizes / step;
    if (one.agrees()) return one;
  }
  // At a corner, the slopes on both sides differ.
  const std::vector<double> here = terms_at(v);
  const double right = slope_of(terms_at(v + step), here, step),
               left = slope_of(here, terms_at(v - step), step);
  one.is_corner = std::abs(right - left) > 0.01 * std::max(std::abs(right), std::abs(left)) &&
                  std::min(left, right) - one.allowed <= one.gradient &&
                  one.gradient <= std::max(left, right) + one.allowed;
  return one;
}

int64_t draw(const Array& gradient, Generator& generator) {
  int64_t place = 0;
  for (int tries = 0; tries < 16; ++tries) {
    place = static_cast<int64_t>(generator.uniform() * static_cast<double>(gradient.count()));
    if (gradient.value[static_cast<size_t>(place)] != 0) break;
  }
  return place;
}

double number_at(const Tensor& x, int64_t place) {
  return array_of(x.detach().reshape({-1}).slice(0, place, place + 1)).value[0];
}

std::vector<FiniteDifference> differences_within(const Call& call,
                                                 const std::vector<ParameterGradient>& parameters,
                                                 const Gradients& gradients, const Array& dx,
                                                 Generator& generator, double most_products) {
  std::vector<FiniteDifference> all;
  auto left = static_cast<int64_t>(most_products / (2 * cost_of(call)));
  for (int64_t each = 0; each < kEach; ++each) {
    for (const ParameterGradient& parameter : parameters) {
      const auto found = gradients.find(parameter.place);
      if (found == gradients.end() || found->second.count() == 0 || left-- <= 0) continue;
      const Array& gradient = found->second;
      const int64_t place = draw(gradient, generator);
      if (gradient.value[static_cast<size_t>(place)] == 0) continue;
      const Tensor& tensor = *parameter.place;
      const auto is_same = [&](const ParameterGradient& other) {
        return other.place->impl() == tensor.impl();
      };
      if (std::ranges::count_if(parameters, is_same) > 1) continue;  // moves with another handle
      all.push_back(moved(call, parameter.path, gradient, place, number_at(tensor, place),
                          [&](Work&, Moved& number, double value) {
                            number = {tensor.impl(), place, value};
                          }));
    }
    if (dx.count() == 0 || left-- <= 0) continue;
    const int64_t place = draw(dx, generator);
    if (dx.value[static_cast<size_t>(place)] == 0) continue;
    all.push_back(moved(call, "input of " + (call.path.empty() ? "the model" : call.path), dx,
                        place, number_at(call.x, place), [&](Work& work, Moved&, double value) {
                          work.x.value[static_cast<size_t>(place)] = value;
                        }));
  }
  return all;
}

}  // namespace vitro::proof
