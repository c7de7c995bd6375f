// Helpers for tests: elements of tensors, random floats, comparisons, memory, error messages.
#pragma once
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "framework/base/allocator.h"
#include "vitro.h"

namespace vitro::testing {

// The elements in row-major order.
inline std::vector<double> values(const Tensor& x) {
  Tensor wide = x.detach().to(kFloat64).contiguous();
  return std::vector<double>(wide.data<double>(), wide.data<double>() + wide.numel());
}

// A tensor that requires a gradient.
inline Tensor leaf(const NestedList& x, DType dtype = kFloat64) {
  Tensor y = tensor(x, dtype);
  return y.requires_grad_();
}

// max_i |a_i - b_i|.  Infinite if the shapes differ or only one of a_i, b_i is NaN.
inline double max_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return HUGE_VAL;
  double most = 0;
  const std::vector<double> x = values(a), y = values(b);
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (x[i] != x[i] && y[i] != y[i])) continue;
    const double difference = std::abs(x[i] - y[i]);
    most = difference <= HUGE_VAL ? std::max(most, difference) : HUGE_VAL;
  }
  return most;
}

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr double kUnit = 0x1p-24;  // half of the distance from 1 to the next float32

inline float random_float(std::mt19937_64& random, float low, float high) {
  return low +
         (high - low) * static_cast<float>(std::ldexp(static_cast<double>(random() >> 40), -24));
}
inline std::vector<float> random_floats(std::mt19937_64& random, size_t n, float low = -2,
                                        float high = 2) {
  std::vector<float> x(n);
  for (float& v : x) v = random_float(random, low, high);
  return x;
}

// Whether two numbers have the same bits, or both are NaN.
inline bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

// Whether dtype, shape and every bit agree.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  Tensor x = a.detach().contiguous(), y = b.detach().contiguous();
  return visit_dtype(a.dtype(), [&]<class T>() {
    return std::memcmp(x.data<T>(), y.data<T>(), static_cast<size_t>(x.numel()) * sizeof(T)) == 0;
  });
}

// The message of the E that f throws, or "" if f throws nothing.  Other exceptions pass through.
template <class E, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const E& error) { return error.what(); }
  return "";
}

inline int64_t live_bytes() { return memory_stats().live; }

}  // namespace vitro::testing
