// The mean cross entropy by hand.
#include "models/proof/kinds/cross_entropy.h"

#include <algorithm>

#include "models/proof/kinds/sized.h"
#include "models/proof/kinds/softmax.h"

namespace vitro::proof {

namespace {

constexpr int64_t kIgnored = -100;

// How many rows count.
double counted(const Array& logits, std::span<const int64_t> targets) {
  check<ShapeError>(static_cast<int64_t>(targets.size()) == logits.rows(),
                    "cross_entropy by hand: expected ", logits.rows(), " targets, got ",
                    targets.size());
  return static_cast<double>(
      std::ranges::count_if(targets, [](int64_t t) { return t != kIgnored; }));
}

// max x - x_target + log sum_j exp(x_j - max x)
Sized loss_of_row(const Array& logits, int64_t row, int64_t target) {
  const double* x = logits.row(row);
  const int64_t classes = logits.width();
  const double high = *std::max_element(x, x + classes);
  Sized total;
  for (int64_t j = 0; j < classes; ++j) total += exp(exact(x[j] - high));
  return log(total) + exact(high - x[target]);
}

}  // namespace

Array cross_entropy(const Array& logits, std::span<const int64_t> targets) {
  const double count = counted(logits, targets);
  Sized sum;
  for (int64_t row = 0; row < logits.rows(); ++row)
    if (targets[row] != kIgnored) sum += loss_of_row(logits, row, targets[row]);
  const Sized mean{sum.value / count, sum.size / count, 0};
  return array_of({}, {mean}, static_cast<double>(logits.width()));
}

std::vector<double> cross_entropies(const Array& logits, std::span<const int64_t> targets) {
  counted(logits, targets);
  std::vector<double> losses;
  for (int64_t row = 0; row < logits.rows(); ++row)
    losses.push_back(targets[row] == kIgnored ? 0 : loss_of_row(logits, row, targets[row]).value);
  return losses;
}

Array cross_entropy_backward(const Array& logits, std::span<const int64_t> targets) {
  const double count = counted(logits, targets);
  const int64_t classes = logits.width();
  std::vector<Sized> d = sized_zeros(logits.shape);
  for (int64_t row = 0; row < logits.rows(); ++row) {
    const int64_t target = targets[row];
    if (target == kIgnored) continue;
    const std::span<Sized> of_row(d.data() + row * classes, static_cast<size_t>(classes));
    for (int64_t j = 0; j < classes; ++j) of_row[j] = at(logits, row * classes + j);
    softmax_by_hand(of_row);
    of_row[target] = of_row[target] - exact(1);
    for (Sized& number : of_row) number = 1 / count * number;
  }
  return array_of(logits.shape, d, static_cast<double>(classes));
}

}  // namespace vitro::proof
