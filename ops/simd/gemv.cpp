// The product of a few rows with a matrix.  Each thread streams through its part of the matrix with
// prefetching.
#include "ops/simd/gemv.h"

#include <algorithm>
#include <type_traits>

#include "framework/base/parallel.h"
#include "framework/base/scratch.h"

#ifndef VITRO_SIMD_GEMV_ROWS  // once, not per target
#define VITRO_SIMD_GEMV_ROWS
namespace vitro::simd {
struct FloatRows {
  const float* data;
  int64_t stride;
};
}  // namespace vitro::simd
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/gemv.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "framework/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitro::simd::HWY_NAMESPACE {

// Prefetches into the level 2 cache.  The hardware's own prefetching fails here, because x is read
// again for each row of w.  The distances were measured (docs/kernels.md).
template <class T>
HWY_INLINE void PrefetchAhead(const T* p) {
  constexpr int64_t kAhead = sizeof(T) == 4 ? 4096 : 1024;
  __builtin_prefetch(reinterpret_cast<const char*>(p) + kAhead, /*write=*/0, /*locality=*/2);
}
// Whether vector u of a block begins a cache line of 64 bytes.
template <class T>
HWY_INLINE bool BeginsLine(int u) {
  return u * Lanes() * static_cast<int64_t>(sizeof(T)) % 64 == 0;
}

// Multiplies rows [begin, end) of w with kM rows of x.  The order in which a sum is added depends
// only on k and on whether kM is more than 2.
template <int kM, class T>
HWY_INLINE void Dots(const GemvCall<T>& c, const FloatRows& x, int64_t begin, int64_t end) {
  constexpr int kWide = kM <= 2 ? 4 : 2;
  const int64_t lanes = Lanes();
  for (int64_t j = begin; j < end; ++j) {
    const T* w = c.w + j * c.w_stride;
    V sum[kM][kWide];
    for (auto& of_row : sum)
      for (V& s : of_row) s = hn::Zero(d);
    int64_t k = 0;
    for (; k + kWide * lanes <= c.k; k += kWide * lanes) {
      V block[kWide];
      for (int u = 0; u < kWide; ++u) {
        if (BeginsLine<T>(u)) PrefetchAhead(w + k + u * lanes);
        block[u] = Widen(w + k + u * lanes);
      }
      for (int i = 0; i < kM; ++i)
        for (int u = 0; u < kWide; ++u)
          sum[i][u] =
              hn::MulAdd(hn::LoadU(d, x.data + i * x.stride + k + u * lanes), block[u], sum[i][u]);
    }
    for (; k < c.k; k += lanes) {
      const int64_t n = std::min(lanes, c.k - k);
      const V last = WidenUpTo(w + k, n);
      for (int i = 0; i < kM; ++i)
        sum[i][0] = hn::MulAdd(LoadUpTo(x.data + i * x.stride + k, n), last, sum[i][0]);
    }
    const float shift = c.bias ? static_cast<float>(c.bias[j]) : 0.0f;
    for (int i = 0; i < kM; ++i) {
      V total = sum[i][0];
      for (int u = 1; u < kWide; ++u) total = hn::Add(total, sum[i][u]);
      c.y[i * c.n + j] = static_cast<T>(SumLanes(total) + shift);
    }
  }
}

template <class T>
HWY_INLINE void DotsOf(const GemvCall<T>& c, const FloatRows& x, int64_t begin, int64_t end) {
  switch (c.m) {
    case 1: return Dots<1>(c, x, begin, end);
    case 2: return Dots<2>(c, x, begin, end);
    case 3: return Dots<3>(c, x, begin, end);
    default: return Dots<4>(c, x, begin, end);
  }
}
void DotsFloat(const GemvCall<float>& c, const FloatRows& x, int64_t begin, int64_t end) {
  DotsOf(c, x, begin, end);
}
void DotsBFloat16(const GemvCall<BFloat16>& c, const FloatRows& x, int64_t begin, int64_t end) {
  DotsOf(c, x, begin, end);
}

// sums_j += sum_k x_k w_kj over kDeep rows of w.
template <int kDeep, class T>
HWY_INLINE void AddScaled(const T* w, int64_t stride, const float* x, float* sums, int64_t n) {
  V a[kDeep];
  for (int r = 0; r < kDeep; ++r) a[r] = C(x[r]);
  ForEach(n, [&](int64_t j, int64_t m) HWY_ATTR {
    V sum = LoadUpTo(sums + j, m);
    for (int r = 0; r < kDeep; ++r) {
      PrefetchAhead(w + r * stride + j);
      sum = hn::MulAdd(a[r], WidenUpTo(w + r * stride + j, m), sum);
    }
    StoreUpTo(sum, sums + j, m);
  });
}
// sums_j = sum_k x_k w_kj over rows [begin, end) of w, read from the first to the last.
template <class T>
HWY_INLINE void RowSums(const GemvCall<T>& c, const float* x, int64_t begin, int64_t end,
                        float* sums) {
  std::fill_n(sums, c.n, 0.0f);
  int64_t k = begin;
  for (; k + 2 <= end; k += 2) AddScaled<2>(c.w + k * c.w_stride, c.w_stride, x + k, sums, c.n);
  if (k < end) AddScaled<1>(c.w + k * c.w_stride, c.w_stride, x + k, sums, c.n);
}
void RowSumsFloat(const GemvCall<float>& c, const float* x, int64_t begin, int64_t end,
                  float* sums) {
  RowSums(c, x, begin, end, sums);
}
void RowSumsBFloat16(const GemvCall<BFloat16>& c, const float* x, int64_t begin, int64_t end,
                     float* sums) {
  RowSums(c, x, begin, end, sums);
}

}  // namespace vitro::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(DotsFloat);
HWY_EXPORT(DotsBFloat16);
HWY_EXPORT(RowSumsFloat);
HWY_EXPORT(RowSumsBFloat16);

namespace {

// Scratch memory for `numbers` floats.
class Floats {
 public:
  explicit Floats(int64_t numbers) : memory_(static_cast<size_t>(numbers) * sizeof(float)) {}
  float* data() const { return static_cast<float*>(memory_.data()); }

 private:
  Scratch memory_;
};

template <class T>
bool needs_copy(const GemvCall<T>& c) {
  return !std::is_same_v<T, float> || c.x_col_stride != 1;
}
// x in float32 with contiguous rows: in place, or as a copy in `room`.
template <class T>
FloatRows float_rows(const GemvCall<T>& c, const Floats& room) {
  if constexpr (std::is_same_v<T, float>)
    if (!needs_copy(c)) return {c.x, c.x_row_stride};
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t k = 0; k < c.k; ++k)
      room.data()[i * c.k + k] = c.x[i * c.x_row_stride + k * c.x_col_stride];
  return {room.data(), c.k};
}

// Bytes of w that are worth another thread: reading them takes about 10 us.
constexpr int64_t kBytesPerThread = 300'000;

template <class T, class Kernel>
void dots(const GemvCall<T>& c, Kernel kernel) {
  const Floats room(needs_copy(c) ? c.m * c.k : 0);
  const FloatRows x = float_rows(c, room);
  const int64_t row_bytes = c.k * static_cast<int64_t>(sizeof(T));
  parallel_for(c.n, std::max<int64_t>(1, kBytesPerThread / row_bytes),
               [&](int64_t begin, int64_t end) { kernel(c, x, begin, end); });
}

// Cuts w into eight runs of adjacent rows, and adds the sums of the runs in order.  Each thread
// reads adjacent memory, and the result does not depend on the number of threads.
template <class T, class Kernel>
void row_sums(const GemvCall<T>& c, Kernel kernel) {
  constexpr int64_t kRuns = 8;
  const Floats room(needs_copy(c) ? c.k : 0), parts(kRuns * c.n);
  const float* x = float_rows(c, room).data;
  const int64_t rows = (c.k + kRuns - 1) / kRuns;
  const int64_t run_bytes = rows * c.n * static_cast<int64_t>(sizeof(T));
  parallel_for(kRuns, std::max<int64_t>(1, kBytesPerThread / run_bytes),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   kernel(c, x, std::min(c.k, i * rows), std::min(c.k, (i + 1) * rows),
                          parts.data() + i * c.n);
               });
  parallel_for(c.n, 32'768, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      float sum = c.bias ? static_cast<float>(c.bias[j]) : 0.0f;
      for (int64_t i = 0; i < kRuns; ++i) sum += parts.data()[i * c.n + j];
      c.y[j] = static_cast<T>(sum);
    }
  });
}

}  // namespace

void gemv(const GemvCall<float>& c) { dots(c, HWY_DYNAMIC_DISPATCH(DotsFloat)); }
void gemv(const GemvCall<BFloat16>& c) { dots(c, HWY_DYNAMIC_DISPATCH(DotsBFloat16)); }
void gevm(const GemvCall<float>& c) { row_sums(c, HWY_DYNAMIC_DISPATCH(RowSumsFloat)); }
void gevm(const GemvCall<BFloat16>& c) { row_sums(c, HWY_DYNAMIC_DISPATCH(RowSumsBFloat16)); }
}  // namespace vitro::simd
#endif
