// Replays a module in float64, and measures its rounding.
#include "models/proof/replayed.h"

#include <algorithm>
#include <cmath>

#include "models/proof/compare.h"
#include "models/proof/work.h"

namespace vitro::proof {

namespace {

// A measured error allows eight times as much, but at most this part of the largest number.  Beyond
// it, a wrong kernel could hide, because both runs of the model use it.
constexpr double kTimes = 8, kMostSlack = 1e-3, kMostSlackBFloat16 = 0.25,
                 kMostSlackFloat64 = 1e-11;

double most_of(DType dtype) {
  return dtype == kBFloat16  ? kMostSlackBFloat16
         : dtype == kFloat64 ? kMostSlackFloat64
                             : kMostSlack;
}

}  // namespace

const Call* CallCursor::next(const nn::Module& child) {
  for (size_t& i = at_[&child]; i < call_.children.size();)
    if (const Call* called = call_.children[i++].get(); called->module == &child) return called;
  return nullptr;
}

Replayed::Replayed(nn::Module& module, const Call* real, const Moved* moved)
    : real_(real), exact_(module, kFloat64, moved) {
  if (real && !moved) rough_ = std::make_unique<Replay>(module, std::nullopt);
}

// The numbers of `exact`, or zeros, with the distance to `rough`.
Array Replayed::measured(const Tensor& exact, const Tensor& rough, const Shape& shape) const {
  Array all = exact.defined() ? array_of(exact) : zeros_array(shape, /*with_sizes=*/false);
  if (!rough_ || !rough.defined()) return all;
  const Array other = array_of(rough);
  double distance = 0, largest = scale_;
  for (size_t i = 0; i < all.value.size() && i < other.value.size(); ++i) {
    if (!std::isfinite(all.value[i]) || !std::isfinite(other.value[i])) continue;
    distance = std::max(distance, std::abs(all.value[i] - other.value[i]));
    largest = std::max(largest, std::abs(all.value[i]));
  }
  all.slack = std::min(kTimes * distance, most_of(real_->y.dtype()) * largest);
  return all;
}

void Replayed::replay_model(const Array& x) {
  if (!rough_) return;
  CallCursor cursor(*real_);
  rough_->forward(x, real_->x.dtype(), [&](nn::Module& child, const Tensor& input) {
    const Call* called = cursor.next(child);
    rough_calls_.push_back(called);
    return array_of(called ? called->y : input);
  });
}

Array Replayed::run(const Array& x, const std::function<Array(nn::Module&, const Array&)>& child) {
  replay_model(x);
  size_t number = 0;
  const Tensor y = exact_.forward(x,
                                  real_          ? real_->x.dtype()
                                  : x.is_integer ? kInt64
                                                 : kFloat64,
                                  [&](nn::Module& called, const Tensor& input) {
                                    const Tensor rough = rough_ && number < rough_->called().size()
                                                             ? rough_->called()[number].x
                                                             : Tensor();
                                    ++number;
                                    return child(called, measured(input, rough, input.shape()));
                                  });
  return measured(y, rough_ ? rough_->output() : Tensor(), y.shape());
}

Array Replayed::forward(Hand& hand, const Array& x) {
  return run(x, [&](nn::Module& child, const Array& input) { return hand(child, input); });
}
void Replayed::forward(const Array& x,
                       const std::function<Array(nn::Module&, const Array&)>& output_of) {
  run(x, output_of);
}

Array Replayed::backward(Hand& hand, const Array& dy) {
  // A gradient may be zero in theory, because terms of the size of dy cancel.
  for (double value : dy.value) scale_ = std::max(scale_, std::abs(value));
  std::vector<Tensor> rough_dy(exact_.called().size());
  Replay::Results rough;
  if (rough_ && rough_->called().size() == exact_.called().size())
    rough = rough_->backward(dy, [&](size_t number, const Tensor& of_child) {
      rough_dy[number] = of_child;
      const Call* called = rough_calls_[number];
      return called ? called->dx : of_child;
    });
  const Replay::Results exact = exact_.backward(dy, [&](size_t number, const Tensor& of_child) {
    const Replay::Called& called = exact_.called()[number];
    const Array dx =
        hand.backward(*called.module, measured(of_child, rough_dy[number], called.y.shape()));
    return dx.count() > 0 ? tensor_of(dx, kFloat64) : Tensor();
  });
  for (const auto& [place, gradient] : exact.parameters) {
    Tensor other;
    for (const auto& [same, roughly] : rough.parameters)
      if (same == place) other = roughly;
    hand.gradient(*place, measured(gradient, other, gradient.shape()));
  }
  return measured(exact.dx, rough.dx, exact_.input().shape());
}

}  // namespace vitro::proof
