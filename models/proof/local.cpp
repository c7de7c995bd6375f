// Compares one call with its calculation by hand.
#include "models/proof/local.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/factories.h"

namespace vitro::proof {

namespace {

// A gradient that never came counts as zeros.
Tensor or_zeros(const Tensor& gradient, const Tensor& like) {
  return gradient.defined() ? gradient : zeros(like.shape(), like.dtype());
}

}  // namespace

bool calls(const Call& call, const nn::Module& child) {
  return std::ranges::any_of(call.children,
                             [&](const auto& called) { return called->module == &child; });
}

void add_to(Array& sum, Array d) {
  if (sum.value.empty()) {
    sum = std::move(d);
    return;
  }
  check<ShapeError>(sum.shape == d.shape, "proof: expected gradients of the shape ", sum.shape,
                    ", got ", d.shape);
  // The sum before is rounded too.
  sum = plus(rounded(std::move(sum)), d);
}

LocalHand::LocalHand(const Call& call, Work& work, OnFinding on_finding, Gradients* gradients,
                     const Moved* moved)
    : WorkHand(work, moved, &call),
      call_(call),
      on_finding_(std::move(on_finding)),
      gradients_(gradients),
      cursor_(call) {
  work_.module = call.module;
  work_.x = array_of(call.x);
}

void LocalHand::find(Compared what, const Call* child, int64_t time, const Tensor& model,
                     const Array& hand) {
  if (on_finding_)
    on_finding_({.call = &call_,
                 .what = what,
                 .child = child,
                 .time = time,
                 .difference = compare(model, hand)});
}

Array LocalHand::operator()(nn::Module& child, const Array& x) {
  Work& work = work_.add_child(child, x);
  const Call* const real = cursor_.next(child);
  if (!real) {
    check<ValueError>(is_identity(child), "proof: the function by hand of ",
                      call_.module->describe(), " calls ", child.describe(),
                      ", but the model did not call it");
    return work.y = x;
  }
  find(Compared::kChildInput, real, real->began, real->x, x);
  recorded_[&work] = real;
  work.x = array_of(real->x);
  return work.y = array_of(real->y);
}

Array LocalHand::backward(nn::Module& child, const Array& dy) {
  Work& work = work_.last_open(child);
  work.went_back = true;
  const auto found = recorded_.find(&work);
  if (found == recorded_.end()) return dy;
  const Call& real = *found->second;
  find(Compared::kChildGradient, &real, -real.ended, or_zeros(real.dy, real.y), dy);
  if (work.x.is_integer) return {.shape = {0}};
  return array_of(or_zeros(real.dx, real.x));
}

void LocalHand::gradient(const Tensor& parameter, Array d) {
  if (gradients_) add_to((*gradients_)[&parameter], std::move(d));
}

void LocalHand::forward() {
  run_forward();
  find(Compared::kOutput, nullptr, call_.ended, call_.y, work_.y);
}

Array LocalHand::backward() {
  Array dx = run_backward(array_of(or_zeros(call_.dy, call_.y)));
  if (!work_.x.is_integer)
    find(Compared::kInputGradient, nullptr, -call_.began, or_zeros(call_.dx, call_.x), dx);
  return dx;
}

}  // namespace vitro::proof
