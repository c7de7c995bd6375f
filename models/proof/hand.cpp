// Reads parameters in float64.
#include "models/proof/hand.h"

#include "framework/tensor/loops.h"

namespace vitro::proof {

Rows::Rows(const Tensor& parameter)
    : parameter_(parameter.detach().contiguous()),
      width_(parameter.rank() == 0 ? 1 : parameter.size(-1)) {
  rows_ = width_ > 0 ? parameter.numel() / width_ : 0;
}

void Rows::read(int64_t row, double* to) const {
  visit_dtype(parameter_.dtype(), [&]<class T>() {
    const T* from = raw<T>(parameter_) + row * width_;
    for (int64_t i = 0; i < width_; ++i) to[i] = static_cast<double>(from[i]);
  });
  if (place_ >= row * width_ && place_ < (row + 1) * width_) to[place_ - row * width_] = value_;
}

std::vector<double> Rows::row(int64_t row) const {
  std::vector<double> numbers(static_cast<size_t>(width_));
  read(row, numbers.data());
  return numbers;
}

std::vector<double> Hand::numbers(const Tensor& parameter) const {
  std::vector<double> all;
  if (!parameter.defined()) return all;
  const Rows from = rows(parameter);
  all.resize(static_cast<size_t>(from.count() * from.width()));
  for (int64_t row = 0; row < from.count(); ++row) from.read(row, all.data() + row * from.width());
  return all;
}

}  // namespace vitro::proof
