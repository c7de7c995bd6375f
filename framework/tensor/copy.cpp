// Copies tensors between layouts and dtypes.
#include <limits>

#include "framework/tensor/loops.h"

namespace vitro {

// Rounds towards zero.  A number out of range becomes the smallest or largest integer, NaN 0.
template <class To, class From>
static To truncate(From x) {
  using Limits = std::numeric_limits<To>;
  if (x != x) return 0;
  if (x <= static_cast<From>(Limits::min())) return Limits::min();
  if (x >= static_cast<From>(Limits::max())) return Limits::max();
  return static_cast<To>(x);
}

template <class To, class From>
static To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) return x != From(0);
  else if constexpr (std::is_same_v<To, BFloat16>) return BFloat16(static_cast<float>(x));
  else if constexpr (std::is_same_v<From, BFloat16>) return convert<To>(static_cast<float>(x));
  else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>)
    return truncate<To>(x);
  else return static_cast<To>(x);
}

// y_ij = x_ji for matrices with rows `step_y` and `step_x` apart.  Copies squares through a buffer,
// so that each cache line is read and written once: rows that lie a power of two apart would
// otherwise push each other out of the cache.
template <class T>
static void transpose_into(T* y, int64_t step_y, const T* x, int64_t step_x, int64_t rows,
                           int64_t columns) {
  constexpr int64_t kSide = 32;
  const int64_t grain = grain_of(kCheapGrain, kSide * columns);
  parallel_for((rows + kSide - 1) / kSide, grain, [=](int64_t first, int64_t last) {
    T square[kSide][kSide];
    for (int64_t i = first * kSide; i < std::min(last * kSide, rows); i += kSide)
      for (int64_t j = 0; j < columns; j += kSide) {
        const int64_t height = std::min(kSide, rows - i), width = std::min(kSide, columns - j);
        for (int64_t c = 0; c < width; ++c)
          std::copy_n(x + (j + c) * step_x + i, height, square[c]);
        for (int64_t r = 0; r < height; ++r)
          for (int64_t c = 0; c < width; ++c) y[(i + r) * step_y + j + c] = square[c][r];
      }
  });
}

// Whether y has contiguous rows and x is a transposed view of contiguous rows.
static bool is_transposed(const Tensor& y, const Tensor& x) {
  return y.dtype() == x.dtype() && y.rank() == 2 && y.numel() > 0 && y.strides()[1] == 1 &&
         x.strides()[0] == 1 && x.strides()[1] != 1;
}

void copy_into(const Tensor& y, const Tensor& x) {
  if (y.dtype() == x.dtype() && y.is_contiguous() && x.is_contiguous()) {
    size_t size = item_size(x.dtype());
    auto* to =
        static_cast<char*>(y.impl()->storage->data) + y.impl()->offset * static_cast<int64_t>(size);
    auto* from = static_cast<const char*>(x.impl()->storage->data) +
                 x.impl()->offset * static_cast<int64_t>(size);
    parallel_for(x.numel(), kCheapGrain, [=](int64_t begin, int64_t end) {
      std::copy(from + begin * static_cast<int64_t>(size), from + end * static_cast<int64_t>(size),
                to + begin * static_cast<int64_t>(size));
    });
    return;
  }
  if (is_transposed(y, x)) {
    visit_dtype(y.dtype(), [&]<class T>() {
      transpose_into(raw<T>(y), y.strides()[0], raw<T>(x), x.strides()[1], y.size(0), y.size(1));
    });
    return;
  }
  Walk<2> walk(y.shape(), {y.strides(), x.strides()});
  visit_dtype(y.dtype(), [&]<class To>() {
    visit_dtype(x.dtype(), [&]<class From>() {
      if constexpr ((std::is_same_v<To, float> && std::is_same_v<From, BFloat16>) ||
                    (std::is_same_v<To, BFloat16> && std::is_same_v<From, float>)) {
        if (walk.step(0) == 1 && walk.step(1) == 1) {
          parallel_for(y.numel(), kCheapGrain, [&](int64_t begin, int64_t end) {
            walk.range(begin, end, [&](const auto& at, int64_t n) {
              if constexpr (std::is_same_v<To, float>)
                simd::to_float(raw<From>(x) + at[1], raw<To>(y) + at[0], n);
              else simd::to_bfloat16(raw<From>(x) + at[1], raw<To>(y) + at[0], n);
            });
          });
          return;
        }
      }
      parallel_for(y.numel(), kCheapGrain, [&](int64_t begin, int64_t end) {
        KeepDenormals exact;
        walk.range(begin, end, [&](const auto& at, int64_t n) {
          To* to = raw<To>(y) + at[0];
          const From* from = raw<From>(x) + at[1];
          for (int64_t i = 0; i < n; ++i)
            to[i * walk.step(0)] = convert<To>(from[i * walk.step(1)]);
        });
      });
    });
  });
}

}  // namespace vitro
