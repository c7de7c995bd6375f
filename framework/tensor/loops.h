// Loops over the elements of strided and broadcast tensors.
//
// float32 uses a SIMD kernel on contiguous elements.  Operands that stride or broadcast are first
// gathered into a small buffer, and bfloat16 is converted there, so every layout gives the same
// numbers.  The other dtypes use plain loops that read like the formula.
#pragma once
#include <algorithm>
#include <array>

#include "framework/base/parallel.h"
#include "framework/simd/elementwise.h"
#include "framework/tensor/factories.h"

namespace vitro {

// Walks over the elements of `shape` in row-major order, in N operands at once.  A run is a part of
// the last axis.  Neighbouring axes are merged if each operand has one stride for both, so that
// runs are long.
template <int N>
class Walk {
 public:
  Walk(const Shape& shape, const std::array<Strides, N>& strides) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == 1) continue;
      if (rank_ > 0 && merges(shape[axis], axis, strides)) {
        sizes_[rank_ - 1] *= shape[axis];
        for (int i = 0; i < N; ++i) steps_[rank_ - 1][i] = strides[i][axis];
        continue;
      }
      sizes_[rank_] = shape[axis];
      for (int i = 0; i < N; ++i) steps_[rank_][i] = strides[i][axis];
      ++rank_;
    }
    if (rank_ == 0) sizes_[rank_++] = 1;
  }

  // The distance between neighbours in a run of this operand, in elements.
  int64_t step(int operand) const { return steps_[rank_ - 1][operand]; }

  // Calls f(offsets, n) for each run in [begin, end): its offset in each operand, and its length.
  template <class F>
  void range(int64_t begin, int64_t end, F f) const {
    const int64_t run = sizes_[rank_ - 1];
    std::array<int64_t, Shape::kMaxRank> index{};
    std::array<int64_t, N> offsets{};
    if (begin > 0) {
      for (int64_t rest = begin, axis = rank_ - 1; axis >= 0; --axis) {
        index[axis] = rest % sizes_[axis];
        rest /= sizes_[axis];
        for (int i = 0; i < N; ++i) offsets[i] += index[axis] * steps_[axis][i];
      }
    }
    while (begin < end) {
      int64_t n = std::min(run - index[rank_ - 1], end - begin);
      f(offsets, n);
      begin += n;
      if (begin >= end) return;
      for (int i = 0; i < N; ++i) offsets[i] -= index[rank_ - 1] * steps_[rank_ - 1][i];
      index[rank_ - 1] = 0;
      for (int axis = rank_ - 2; axis >= 0; --axis) {
        for (int i = 0; i < N; ++i) offsets[i] += steps_[axis][i];
        if (++index[axis] < sizes_[axis]) break;
        for (int i = 0; i < N; ++i) offsets[i] -= sizes_[axis] * steps_[axis][i];
        index[axis] = 0;
      }
    }
  }

 private:
  bool merges(int64_t size, int axis, const std::array<Strides, N>& strides) const {
    for (int i = 0; i < N; ++i)
      if (steps_[rank_ - 1][i] != size * strides[i][axis]) return false;
    return true;
  }
  int rank_ = 0;
  int64_t sizes_[Shape::kMaxRank + 1];
  int64_t steps_[Shape::kMaxRank + 1][N] = {};
};

// The strides of x expanded to `shape`; and a view of x with these strides, without a graph.
inline Strides strides_in(const Tensor& x, const Shape& shape) {
  return expanded_strides(x.shape(), x.strides(), shape);
}
inline Tensor expanded_view(const Tensor& x, const Shape& shape) {
  return make_view(x, shape, strides_in(x, shape), x.impl()->offset);
}

inline constexpr int64_t kRoom = 512;          // elements that are converted or gathered at a time
inline constexpr int64_t kCheapGrain = 32768;  // elements per range of add, copy ...
inline constexpr int64_t kCostlyGrain = 8192;  // elements per range of exp, tanh ...

// y_i = f(a_i, b_i, ...) for the elements of a walk over (y, xs...).
template <class Y, class... X, class F>
void loop(const Walk<1 + sizeof...(X)>& walk, int64_t n, int64_t grain, F f, Y* y, const X*... xs) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    walk.range(begin, end, [&](const auto& at, int64_t count) {
      [&]<size_t... I>(std::index_sequence<I...>) {
        for (int64_t i = 0; i < count; ++i)
          y[at[0] + i * walk.step(0)] = static_cast<Y>(f(xs[at[I + 1] + i * walk.step(I + 1)]...));
      }
      (std::index_sequence_for<X...>{});
    });
  });
}

// n values from p, `step` apart, as contiguous float32.  Returns p if no change is needed, and else
// fills and returns `room`.
template <class T>
const float* load_run(const T* p, int64_t step, int64_t n, float* room) {
  if constexpr (std::is_same_v<T, float>) {
    if (step == 1) return p;
  } else if (step == 1) {
    simd::to_float(p, room, n);
    return room;
  }
  if (step == 0) std::fill_n(room, n, static_cast<float>(*p));
  else
    for (int64_t i = 0; i < n; ++i) room[i] = p[i * step];
  return room;
}

// y = kernel(xs...).  T is float or BFloat16; every operand may stride.
template <class T, class Kernel, class... X>
void kernel_loop(const Walk<1 + sizeof...(X)>& walk, int64_t n, int64_t grain, Kernel kernel, T* y,
                 const X*... xs) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    walk.range(begin, end, [&](const auto& at, int64_t count) {
      [&]<size_t... I>(std::index_sequence<I...>) {
        bool direct =
            std::is_same_v<T, float> && walk.step(0) == 1 && ((walk.step(I + 1) == 1) && ...);
        int64_t length = direct ? count : kRoom;
        alignas(64) float rooms[sizeof...(X)][kRoom];
        alignas(64) float out[kRoom];
        for (int64_t i = 0; i < count; i += length) {
          int64_t m = std::min(length, count - i);
          T* q = y + at[0] + i * walk.step(0);
          bool in_place = std::is_same_v<T, float> && walk.step(0) == 1;
          float* to = in_place ? reinterpret_cast<float*>(q) : out;
          kernel(load_run(xs + at[I + 1] + i * walk.step(I + 1), walk.step(I + 1), m, rooms[I])...,
                 to, m);
          if (in_place) continue;
          if constexpr (std::is_same_v<T, BFloat16>) {
            if (walk.step(0) == 1) {
              simd::to_bfloat16(out, q, m);
              continue;
            }
          }
          for (int64_t k = 0; k < m; ++k) q[k * walk.step(0)] = static_cast<T>(out[k]);
        }
      }
      (std::index_sequence_for<X...>{});
    });
  });
}

// The address of the first element.  Checks nothing and leaves the version as it is.
inline void* raw_bytes(const Tensor& x) {
  return static_cast<char*>(x.impl()->storage->data) +
         x.impl()->offset * static_cast<int64_t>(item_size(x.impl()->dtype));
}
template <class T>
T* raw(const Tensor& x) {
  return static_cast<T*>(x.impl()->storage->data) + x.impl()->offset;
}

// y_i = f(a_i, b_i).  y has the broadcast shape; f is the formula for one element.
template <class F>
void binary_into(const Tensor& y, const Tensor& a, const Tensor& b, simd::BinaryKernel kernel, F f,
                 int64_t grain) {
  Walk<3> walk(y.shape(), {y.strides(), strides_in(a, y.shape()), strides_in(b, y.shape())});
  visit_dtype(y.dtype(), [&]<class T>() {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, BFloat16>)
      kernel_loop(walk, y.numel(), grain, kernel, raw<T>(y), raw<T>(a), raw<T>(b));
    else if constexpr (!std::is_same_v<T, bool>)
      loop(walk, y.numel(), grain, f, raw<T>(y), raw<T>(a), raw<T>(b));
  });
}

// Throw an error that names `op`: ValueError for an undefined tensor, DTypeError for a wrong dtype.
void check_defined(std::string_view op, const Tensor& x, std::string_view what);
void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b);
void check_floating(std::string_view op, const Tensor& x);
// `wanted`, with -1 replaced by the size in `shape`.  ShapeError unless `shape` broadcasts to it.
Shape expanded_shape(std::string_view op, const Shape& shape, const Shape& wanted);

// y_i = f(a_i, b_i) in a new tensor of the broadcast shape.  DTypeError for bool.
template <class F>
Tensor binary(std::string_view op, const Tensor& a, const Tensor& b, simd::BinaryKernel kernel, F f,
              int64_t grain = kCheapGrain) {
  check_same_dtype(op, a, b);
  const TensorImpl &x = *a.impl(), &y = *b.impl();
  if (x.dtype == kFloat32 && x.contiguous && y.contiguous && x.shape == y.shape) [[likely]] {
    Tensor out = empty_like(a);
    auto *p = raw<float>(a), *q = raw<float>(b), *r = raw<float>(out);
    parallel_for(x.numel, grain, [=](int64_t begin, int64_t end) {
      kernel(p + begin, q + begin, r + begin, end - begin);
    });
    return out;
  }
  check<DTypeError>(
      x.dtype != kBool, op,
      ": expected a dtype with arithmetic, got bool; convert with to(kInt64) or to(kFloat32)");
  Tensor out = empty(broadcast(op, x.shape, y.shape), x.dtype);
  binary_into(out, a, b, kernel, f, grain);
  return out;
}

// y_i = f(x_i) in a new tensor; f is the formula in float64.  DTypeError unless x is floating.
template <class F>
Tensor unary(std::string_view op, const Tensor& x, simd::UnaryKernel kernel, F f,
             int64_t grain = kCostlyGrain) {
  check_floating(op, x);
  Tensor y = empty_like(x);
  Walk<2> walk(y.shape(), {y.strides(), x.strides()});
  if (x.dtype() == kFloat32)
    kernel_loop(walk, y.numel(), grain, kernel, raw<float>(y), raw<float>(x));
  else if (x.dtype() == kBFloat16)
    kernel_loop(walk, y.numel(), grain, kernel, raw<BFloat16>(y), raw<BFloat16>(x));
  else loop(walk, y.numel(), grain, f, raw<double>(y), raw<double>(x));
  return y;
}

// y_i = x_i, converted to y's dtype.  x and y have the same shape and may have any layout.
void copy_into(const Tensor& y, const Tensor& x);

}  // namespace vitro
