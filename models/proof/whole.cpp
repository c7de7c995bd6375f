// Computes a whole model by hand.
#include "models/proof/whole.h"

#include <cmath>

#include "models/proof/compare.h"

namespace vitro::proof {

// Moves each number by u (|y| + stored) + v size, the terms of the bound without their factors.
void WholeHand::disturb(Array& x) const {
  if (!options_.rounds_like || x.is_integer) return;
  const double u = unit_roundoff(*options_.rounds_like),
               v = unit_roundoff(accumulation_dtype(*options_.rounds_like));
  for (size_t i = 0; i < x.value.size(); ++i) {
    const double error = u * (std::abs(x.value[i]) + x.stored_at(i)) + v * x.size_at(i);
    x.value[i] += options_.signs->uniform() < 0.5 ? -error : error;
  }
}

Array WholeHand::operator()(nn::Module& child, const Array& x) {
  options_.begin();
  Work& work = work_.add_child(child, x);
  if (!is_recorded(child)) return work.y = x;
  WholeHand(work, options_).run_forward();
  disturb(work.y);
  return work.y;
}

Array WholeHand::backward(nn::Module& child, const Array& dy) {
  options_.begin();
  Work& work = work_.last_open(child);
  work.went_back = true;
  if (!is_recorded(child)) return dy;
  work.dx = WholeHand(work, options_).run_backward(dy);
  disturb(work.dx);
  return work.dx;
}

void WholeHand::gradient(const Tensor& parameter, Array d) {
  if (!options_.gradients) return;
  disturb(d);
  for (auto* unused : {&d.size, &d.stored}) std::vector<double>().swap(*unused);  // frees memory
  Array& sum = (*options_.gradients)[&parameter];
  if (sum.value.empty()) sum = std::move(d);
  else
    for (size_t i = 0; i < sum.value.size(); ++i) sum.value[i] += d.value[i];
}

}  // namespace vitro::proof
