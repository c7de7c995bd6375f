// The small matrix product: the register tiles of matmul-inl.h, no cache blocking, threads split
// rows.
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

// Rows that are written together: a line of each stays in the level 1 cache until it is full, at
// any distance of the rows.
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

// Worth a fork: about 10 us of work.  A second core must fetch x and w, and half the rows use its
// registers less well: at 5 us, generating with two threads was 0.93 as fast as with one.
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
  // Columns must be packed to be read as rows; a ragged last vector is worth it when it is read
  // often.
  if ((b.col_stride != 1 && n > 1) || (n % 16 != 0 && m >= 32))
    return matmul(m, n, k, a, PackedMatrix(n, k, b), bias, c, ldc);
  Product p{k, a, b.data, b.row_stride, bias, c, ldc, /*padded=*/false};
  const int64_t grain = rows_per_thread(n, k);
  auto rows = HWY_DYNAMIC_DISPATCH(MultiplyRows);
  parallel_for(m, grain, [&](int64_t begin, int64_t end) { rows(p, begin, end, n); });
}
}  // namespace vitro::simd
#endif
