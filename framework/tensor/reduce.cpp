// Sums over axes.  The input is viewed as (outer, n, inner), and the middle axis is summed; this is
// repeated for each group of neighbouring summed axes.  Long sums are cut into chunks of fixed
// size, and the partial sums are added in order, so results do not depend on the number of threads.
#include "framework/tensor/reduce.h"

#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

constexpr int64_t kRowChunk = 512;
constexpr int64_t kElementChunk = 65536;

template <class T>
void sum_middle(const T* x, int64_t outer, int64_t n, int64_t inner, T* y) {
  std::fill(y, y + outer * inner, T(0));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < inner; ++j) y[o * inner + j] += x[(o * n + i) * inner + j];
}

void sum_all(const float* x, int64_t n, float* y) {
  if (n <= kElementChunk) {
    *y = static_cast<float>(simd::sum(x, n));
    return;
  }
  int64_t chunks = (n + kElementChunk - 1) / kElementChunk;
  std::vector<double, PoolAllocator<double>> partial(static_cast<size_t>(chunks));
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      partial[static_cast<size_t>(c)] =
          simd::sum(x + c * kElementChunk, std::min(kElementChunk, n - c * kElementChunk));
  });
  double total = 0;
  for (double p : partial) total += p;
  *y = static_cast<float>(total);
}

void sum_columns(const float* x, int64_t n, int64_t inner, float* y) {
  const int64_t chunks = std::max<int64_t>(1, (n + kRowChunk - 1) / kRowChunk);
  std::vector<float, PoolAllocator<float>> partial(
      static_cast<size_t>(chunks > 1 ? chunks * inner : 0));
  float* to = chunks > 1 ? partial.data() : y;
  const auto sum_part = [=](int64_t chunk, int64_t begin, int64_t end) {
    simd::sum_rows(x + chunk * kRowChunk * inner + begin,
                   std::min(kRowChunk, n - chunk * kRowChunk), end - begin, inner,
                   to + chunk * inner + begin, /*accumulate=*/false);
  };
  // Threads share the columns if there are enough of them, else the chunks; the sums are the same.
  if (inner >= 64)
    parallel_for(inner, std::max<int64_t>(32, grain_of(kCheapGrain, n)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t c = 0; c < chunks; ++c) sum_part(c, begin, end);
                 });
  else
    parallel_for(chunks, grain_of(kCheapGrain, kRowChunk * inner), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) sum_part(c, 0, inner);
    });
  if (chunks > 1) sum_columns(partial.data(), chunks, inner, y);
}

void sum_middle(const float* x, int64_t outer, int64_t n, int64_t inner, float* y) {
  if (outer * inner == 0) return;
  if (n == 0) return std::fill(y, y + outer * inner, 0.0f);
  if (outer == 1) return inner == 1 ? sum_all(x, n, y) : sum_columns(x, n, inner, y);
  parallel_for(outer, grain_of(kCheapGrain, n * inner), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      if (inner == 1) y[o] = static_cast<float>(simd::sum(x + o * n, n));
      else simd::sum_rows(x + o * n * inner, n, inner, inner, y + o * inner, /*accumulate=*/false);
    }
  });
}

}  // namespace

Tensor reduce_sum(const Tensor& x, const Shape& shape) {
  if (x.dtype() == kBFloat16) {
    Tensor wide = empty(x.shape(), kFloat32), y = empty(shape, kBFloat16);
    copy_into(wide, x);
    copy_into(y, reduce_sum(wide, shape));
    return y;
  }
  Tensor from = x;
  if (!x.is_contiguous()) copy_into(from = empty(x.shape(), x.dtype()), x);
  Shape sizes = x.shape();  // summed axes become 1
  int lead = x.rank() - shape.rank();
  auto summed = [&](int axis) { return axis < lead || shape[axis - lead] != x.shape()[axis]; };
  for (int last = x.rank(); last > 0;) {
    if (!summed(last - 1)) {
      --last;
      continue;
    }
    int first = last;
    int64_t outer = 1, n = 1, inner = 1;
    while (first > 0 && summed(first - 1)) n *= sizes[--first];
    for (int i = 0; i < first; ++i) outer *= sizes[i];
    for (int i = last; i < sizes.rank(); ++i) inner *= sizes[i];
    for (int i = first; i < last; ++i) sizes[i] = 1;
    Tensor to = empty(sizes, x.dtype());
    visit_dtype(x.dtype(), [&]<class T>() {
      if constexpr (!std::is_same_v<T, bool> && !std::is_same_v<T, BFloat16>)
        sum_middle(raw<T>(from), outer, n, inner, raw<T>(to));
    });
    from = to;
    last = first;
  }
  if (from.impl()->storage ==
      x.impl()->storage) {  // no axis was summed, but the result must not be a view of x
    copy_into(from = empty(x.shape(), x.dtype()), x);
  }
  return make_view(from, shape, row_major(shape), 0);
}

}  // namespace vitro
