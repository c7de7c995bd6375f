// Makes arrays of Sized numbers.
#include "models/proof/kinds/sized.h"

namespace vitro::proof {

std::vector<Sized> sized_zeros(const Shape& shape) {
  return std::vector<Sized>(static_cast<size_t>(numel(shape)));
}

Array array_of(const Shape& shape, const std::vector<Sized>& numbers, double terms) {
  Array all = zeros_array(shape);
  all.terms = terms;
  for (size_t i = 0; i < numbers.size(); ++i) {
    all.value[i] = numbers[i].value, all.size[i] = numbers[i].size;
    if (numbers[i].stored <= 0) continue;
    all.stored.resize(numbers.size());
    all.stored[i] = std::sqrt(numbers[i].stored);
  }
  return all;
}

Array with_sizes(Array x) {
  if (!x.size.empty()) return x;
  x.size.resize(x.value.size());
  for (size_t i = 0; i < x.size.size(); ++i) x.size[i] = std::abs(x.value[i]);
  return x;
}

}  // namespace vitro::proof
