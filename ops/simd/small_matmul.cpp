// The small matrix product.  It uses the register tiles of small_matmul-inl.h without cache
// blocking; threads split the rows.
#include "ops/simd/small_matmul.h"

#include <algorithm>

#include "framework/base/allocator.h"
#include "framework/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/simd/small_matmul.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include "ops/simd/small_matmul-inl.h"

#if HWY_ONCE
namespace vitro::simd {
HWY_EXPORT(MultiplyRows);
HWY_EXPORT(PackTransposed);

namespace {
int64_t padded_columns(int64_t n) { return (n + 15) / 16 * 16; }
size_t packed_bytes(int64_t n, int64_t k) {
  return static_cast<size_t>(k * padded_columns(n)) * sizeof(float);
}

// Rows that are packed together.  One cache line of each stays in the level 1 cache until it is
// written in full, however far apart the rows are.
constexpr int64_t kPackedRows = 16;

void pack_into(int64_t n, int64_t k, MatrixView b, float* packed) {
  const int64_t ldp = padded_columns(n);
  if (b.row_stride == 1) {
    const auto pack = HWY_DYNAMIC_DISPATCH(PackTransposed);
    const int64_t blocks = (k + kPackedRows - 1) / kPackedRows;
    return parallel_for(blocks, 16'384 / (kPackedRows * std::max<int64_t>(1, n)) + 1,
                        [&](int64_t begin, int64_t end) {
                          for (int64_t i = begin * kPackedRows; i < std::min(end * kPackedRows, k);
                               i += kPackedRows)
                            pack(b.data + i, n, b.col_stride, std::min(kPackedRows, k - i),
                                 packed + i * ldp, ldp);
                        });
  }
  for (int64_t i = 0; i < k; ++i) std::copy_n(b.data + i * b.row_stride, n, packed + i * ldp);
}

// A thread gets about 10 us of work.  Less does not pay, because each core must fetch x and w, and
// few rows do not fill its registers: with 5 us, two threads generated text at 0.93 of the speed of
// one thread.
int64_t rows_per_thread(int64_t n, int64_t k) {
  return std::max<int64_t>(1, 500'000 / std::max<int64_t>(1, n * k));
}
}  // namespace

PackedMatrix::PackedMatrix(int64_t n, int64_t k, MatrixView b)
    : data_(static_cast<float*>(allocate(packed_bytes(n, k)))),
      bytes_(packed_bytes(n, k)),
      stride_(padded_columns(n)) {
  pack_into(n, k, b, data_);
}
PackedMatrix::~PackedMatrix() { deallocate(data_, bytes_); }

void matmul(int64_t m, int64_t n, int64_t k, MatrixView a, const PackedMatrix& b, const float* bias,
            float* c, int64_t ldc) {
  Product p{k, a, b.data(), b.stride(), bias, c, ldc, /*padded=*/true};
  const int64_t grain = rows_per_thread(n, k);
  auto rows = HWY_DYNAMIC_DISPATCH(MultiplyRows);
  parallel_for(m, grain, [&](int64_t begin, int64_t end) { rows(p, begin, end, n); });
}

void matmul(int64_t m, int64_t n, int64_t k, MatrixView a, MatrixView b, const float* bias,
            float* c, int64_t ldc) {
  // Columns must be packed before they can be read as rows.  Packing also pads the last vector,
  // which pays if many rows of a read it.
  if ((b.col_stride != 1 && n > 1) || (n % 16 != 0 && m >= 32))
    return matmul(m, n, k, a, PackedMatrix(n, k, b), bias, c, ldc);
  Product p{k, a, b.data, b.row_stride, bias, c, ldc, /*padded=*/false};
  const int64_t grain = rows_per_thread(n, k);
  auto rows = HWY_DYNAMIC_DISPATCH(MultiplyRows);
  parallel_for(m, grain, [&](int64_t begin, int64_t end) { rows(p, begin, end, n); });
}
}  // namespace vitro::simd
#endif
