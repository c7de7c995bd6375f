// Who multiplies: plain loops in float64, SIMD for small products, oneDNN for the rest.
#include "ops/product.h"

#include <array>
#include <mutex>

#include "framework/base/parallel_fork.h"
#include "framework/tensor/loops.h"
#include "ops/simd/gemv.h"
#include "ops/simd/small_matmul.h"

namespace vitro {

namespace {

// Multiplications m n k up to which starting a primitive costs more than its better blocking gains
// (bench_linear, crossover rows; docs/kernels.md has the table).
constexpr int64_t kSmallProduct = 200'000;
// The same against a packed weight that stays in the level 2 cache.
constexpr int64_t kPackedProduct = 5'000'000, kPackedWeight = 1 << 16;
constexpr int64_t kSmallBFloat16 = 40'000;  // against oneDNN's bfloat16 instructions

// Rows of x that are multiplied while a matrix is read once, as long as they stay in the level 1
// cache (bench_linear, L3 rows).
bool few_rows(const MatrixRef& x) {
  return x.rows == 1 || (x.rows <= 4 && x.rows * x.cols <= 8192);
}
// Numbers of a matrix that is packed for one call rather than read in place: that takes less than
// half a microsecond, and then all layouts give the same sums.
constexpr int64_t kPackedForOneCall = 4096;

// oneDNN works through columns 64 at a time, so 65 cost it what 128 do.  Our kernel wastes less,
// and is faster while b stays in the level 2 cache (same table).
bool ragged_for_onednn(int64_t n, int64_t k) {
  int64_t whole = (n + 63) / 64 * 64;
  return n > 64 && 3 * whole >= 4 * n && n * k <= kPackedWeight;
}

// a is read down its columns, as the gradient of a weight reads dz.  Our kernel does so in place
// and is faster than oneDNN while 64 columns of b stay in the level 2 cache (same table).
constexpr int64_t kDownColumns = 100'000'000;
bool down_columns(const MatrixRef& a, const MatrixRef& b) {
  return a.row_stride == 1 && a.col_stride > 1 && b.col_stride == 1 && a.cols <= 2048 &&
         a.rows * b.cols * a.cols <= kDownColumns;
}

// c_ij = sum_k a_ik b_kj + bias_j
void multiply_plain(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                    const Tensor& c) {
  const double *p = raw<double>(a.tensor), *q = raw<double>(b.tensor),
               *r = bias.defined() ? raw<double>(bias) : nullptr;
  double* y = raw<double>(c);
  const int64_t m = a.rows, n = b.cols, depth = a.cols;
  parallel_for(batch * m, std::max<int64_t>(1, 100'000 / std::max<int64_t>(1, n * depth)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) {
                   const double* x = p + row / m * a.batch_stride + row % m * a.row_stride;
                   const double* w = q + row / m * b.batch_stride;
                   for (int64_t j = 0; j < n; ++j)
                     y[row * n + j] = r ? r[j * bias.strides()[0]] : 0;
                   for (int64_t k = 0; k < depth; ++k)
                     for (int64_t j = 0; j < n; ++j)
                       y[row * n + j] +=
                           x[k * a.col_stride] * w[k * b.row_stride + j * b.col_stride];
                 }
               });
}

Activation activation(onednn::PostOp f) {
  constexpr Activation kActivation[] = {Activation::kNone, Activation::kRelu, Activation::kTanh,
                                        Activation::kSigmoid};
  return kActivation[static_cast<int>(f)];
}

// x's matrices with rows and columns that oneDNN runs well; a copy (held by `room`) where they do
// not.
onednn::Matrix operand(int64_t batch, const MatrixRef& x, Tensor& room) {
  // A row or column of one element may stride anyhow: give it the stride that a dense matrix has.
  int64_t row_stride = x.rows == 1 ? x.cols : x.row_stride,
          col_stride = x.cols == 1 ? 1 : x.col_stride;
  if (x.rows == 1 && x.cols > 1 && x.col_stride != 1) col_stride = x.col_stride, row_stride = 1;
  bool dense_batch = batch == 1 || x.batch_stride >= x.rows * x.cols;
  if (onednn::runs_strides(x.rows, x.cols, row_stride, col_stride) && dense_batch)
    return {raw_bytes(x.tensor), row_stride, col_stride,
            batch == 1 ? x.rows * x.cols : x.batch_stride};
  room = empty({batch, x.rows, x.cols}, x.tensor.dtype());
  Tensor from = make_view(x.tensor, room.shape(), {x.batch_stride, x.row_stride, x.col_stride},
                          x.tensor.impl()->offset);
  copy_into(room, from);
  return {raw_bytes(room), x.cols, 1, x.rows * x.cols};
}

// x's values as a dense float32 tensor of this shape.
Tensor widened(const Tensor& x, const Shape& shape, const Strides& strides) {
  Tensor y = empty(shape, kFloat32);
  copy_into(y, make_view(x, shape, strides, x.impl()->offset));
  return y;
}
Tensor widened(int64_t batch, const MatrixRef& x) {
  return widened(x.tensor, {batch, x.rows, x.cols}, {x.batch_stride, x.row_stride, x.col_stride});
}

struct PackedWeight final : Derived {
  PackedWeight(uint32_t of_version, const MatrixRef& b, simd::MatrixView values)
      : Derived(of_version), rows(b.rows), cols(b.cols), matrix(cols, rows, values) {}
  int64_t rows, cols;
  simd::PackedMatrix matrix;
};

PackedWeight* pack(uint32_t version, const MatrixRef& b) {
  if (b.tensor.dtype() == kFloat32)
    return new PackedWeight(version, b, {raw<float>(b.tensor), b.row_stride, b.col_stride});
  Tensor wide = widened(b.tensor, {b.cols, b.rows}, {b.col_stride, b.row_stride});
  return new PackedWeight(version, b, {raw<float>(wide), 1, b.rows});
}

using Mutexes = std::array<std::mutex, 16>;
Mutexes& packing_mutexes() {
  static Mutexes* const all = [] {
    at_fork(
        ForkLock::kPackedWeights,
        [] {
          for (std::mutex& m : packing_mutexes()) m.lock();
        },
        [](bool) {
          for (std::mutex& m : packing_mutexes()) m.unlock();
        });
    return new Mutexes;
  }();
  return *all;
}

// The packed float32 copy of a parameter's transpose that hangs in its storage; made when first
// asked for.  Null if the storage is also a parameter of another shape.  Threads that share the
// parameter take turns; a copy is replaced only after the values changed, which nobody may do while
// another thread multiplies with them.
const simd::PackedMatrix* packed_weight(const MatrixRef& b) {
  auto& mutexes = packing_mutexes();
  Storage& storage = *b.tensor.impl()->storage;
  std::lock_guard lock(mutexes[reinterpret_cast<uintptr_t>(&storage) / 64 % mutexes.size()]);
  Derived* found = storage.derived.load(std::memory_order_relaxed);
  if (!found || found->version != storage.version) {
    PackedWeight* made = pack(storage.version, b);
    delete found;
    storage.derived.store(found = made, std::memory_order_relaxed);
  }
  auto* packed = static_cast<PackedWeight*>(found);
  return packed->rows == b.rows && packed->cols == b.cols ? &packed->matrix : nullptr;
}

// A whole parameter, which will be used again: packing it once pays.  Its bytes must change only
// with its version: not a caller's memory, and no pointer to write through is out.
bool is_parameter(const MatrixRef& b) {
  const Tensor& w = b.tensor;
  const Storage& storage = *w.impl()->storage;
  return owns_bytes(storage) && !storage.exposed && b.row_stride == 1 && b.cols > 1 &&
         w.requires_grad() && w.is_leaf() && w.is_contiguous() && w.rank() == 2 &&
         w.impl()->offset == 0;
}

// In float32.  False, and nothing done, for bfloat16 that would have to be copied first.
bool multiply_small(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                    const Tensor& c) {
  const simd::PackedMatrix* packed = batch == 1 && is_parameter(b) ? packed_weight(b) : nullptr;
  if (c.dtype() == kBFloat16) {
    const bool dense = a.col_stride == 1 && a.row_stride == a.cols;
    if (!packed || !dense) return false;
    const int64_t m = a.rows, n = b.cols, k = a.cols;
    Tensor room = empty({m * k + m * n + n}, kFloat32);  // x, y and the bias in float32
    float *x = raw<float>(room), *y = x + m * k, *shift = y + m * n;
    simd::to_float(raw<BFloat16>(a.tensor), x, m * k);
    if (bias.defined()) simd::to_float(raw<BFloat16>(bias), shift, n);
    simd::matmul(m, n, k, {x, k, 1}, *packed, bias.defined() ? shift : nullptr, y, n);
    simd::to_bfloat16(y, raw<BFloat16>(c), m * n);
    return true;
  }
  const float* shift = bias.defined() ? raw<float>(bias) : nullptr;
  for (int64_t i = 0; i < batch; ++i) {
    simd::MatrixView x{raw<float>(a.tensor) + i * a.batch_stride, a.row_stride, a.col_stride};
    simd::MatrixView w{raw<float>(b.tensor) + i * b.batch_stride, b.row_stride, b.col_stride};
    float* y = raw<float>(c) + i * a.rows * b.cols;
    if (packed) simd::matmul(a.rows, b.cols, a.cols, x, *packed, shift, y, b.cols);
    else if (few_rows(a) && b.row_stride == 1 && b.rows * b.cols > kPackedForOneCall)
      simd::gemv({a.rows, b.cols, a.cols, x.data, a.row_stride, a.col_stride, w.data, b.col_stride,
                  shift, y});
    else simd::matmul(a.rows, b.cols, a.cols, x, w, shift, y, b.cols);
  }
  return true;
}

template <class T>
simd::GemvCall<T> gemv_call(const MatrixRef& x, const MatrixRef& w, int64_t n, int64_t w_stride,
                            const Tensor& bias, const Tensor& y) {
  return {x.rows,
          n,
          x.cols,
          raw<T>(x.tensor),
          x.row_stride,
          x.col_stride,
          raw<T>(w.tensor),
          w_stride,
          bias.defined() ? raw<T>(bias) : nullptr,
          raw<T>(y)};
}

// By the kernels that read a matrix once; false, and nothing done, where another owner is faster or
// the layout is not theirs.
template <class T>
bool multiply_few_rows(const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                       const Tensor& c) {
  if (std::max(a.rows, b.cols) * a.cols <= kPackedForOneCall) return false;
  if (few_rows(a) && b.row_stride == 1) {
    simd::gemv(gemv_call<T>(a, b, b.cols, b.col_stride, bias, c));
  } else if (b.cols == 1 && a.col_stride == 1 && !bias.defined()) {  // c^T = b^T a^T
    simd::gemv(gemv_call<T>(transposed(b), a, a.rows, a.row_stride, bias, c));
  } else if (a.rows == 1 && b.col_stride == 1 && b.rows * b.cols > kSmallProduct) {
    simd::gevm(gemv_call<T>(a, b, b.cols, b.row_stride, bias, c));
  } else {
    return false;
  }
  return true;
}

}  // namespace

void multiply(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
              onednn::PostOp f, const Tensor& c) {
  const DType dtype = c.dtype();
  const int64_t products = a.rows * b.cols * a.cols;
  if (c.numel() == 0) return;
  bool one_bias = !bias.defined() || bias.is_contiguous();
  if (dtype == kFloat64 || a.cols == 0 || !one_bias) {
    if (dtype == kFloat64) {
      multiply_plain(batch, a, b, bias, c);
    } else if (a.cols == 0) {
      Tensor zero = bias.defined() ? bias : zeros({1}, dtype);
      copy_into(
          c, make_view(zero, c.shape(), expanded_strides(zero.shape(), zero.strides(), c.shape()),
                       zero.impl()->offset));
    } else {
      Tensor dense = empty(bias.shape(), dtype);
      copy_into(dense, bias);
      return multiply(batch, a, b, dense, f, c);
    }
    if (f != onednn::PostOp::kNone) activate_into(c, c, activation(f));
    return;
  }
  bool b_streams = b.col_stride == 1 || b.row_stride == 1;
  bool small = dtype == kFloat32
                   ? products * batch <= kSmallProduct ||
                         (batch == 1 && (ragged_for_onednn(b.cols, b.rows) || down_columns(a, b) ||
                                         (products <= kPackedProduct &&
                                          b.cols * b.rows <= kPackedWeight && is_parameter(b))))
                   : products <= kSmallBFloat16;
  const bool packs = small && is_parameter(b);
  if (batch == 1 && !packs &&
      (dtype == kFloat32 ? multiply_few_rows<float>(a, b, bias, c)
                         : multiply_few_rows<BFloat16>(a, b, bias, c))) {
    if (f != onednn::PostOp::kNone) activate_into(c, c, activation(f));
    return;
  }
  if (dtype == kBFloat16 && !onednn::has_bfloat16()) {  // compute in float32, round once
    Tensor x = widened(batch, a), w = widened(batch, b);
    Tensor y = empty(c.shape(), kFloat32);
    multiply(batch, matrix(x, a.rows * a.cols), matrix(w, b.rows * b.cols),
             bias.defined() ? widened(bias, bias.shape(), bias.strides()) : Tensor(), f, y);
    return copy_into(c, y);
  }
  if (small && b_streams && multiply_small(batch, a, b, bias, c)) {
    if (f != onednn::PostOp::kNone) activate_into(c, c, activation(f));
    return;
  }
  Tensor room_a, room_b;
  onednn::matmul({dtype, batch, a.rows, b.cols, a.cols, operand(batch, a, room_a),
                  operand(batch, b, room_b), bias.defined() ? raw_bytes(bias) : nullptr, f,
                  /*accumulate=*/false, raw_bytes(c)});
}

void multiply_part(const MatrixRef& a, const MatrixRef& b, bool add, const Tensor& c) {
  const DType dtype = a.tensor.dtype();
  if (c.numel() == 0) return;
  if (a.cols == 0) {
    if (!add) std::fill_n(raw<float>(c), c.numel(), 0.0f);
    return;
  }
  if (dtype == kBFloat16 && !onednn::has_bfloat16()) {
    Tensor x = widened(1, a), y = widened(1, b);
    return multiply_part(matrix(x), matrix(y), add, c);
  }
  Tensor room_a, room_b;
  onednn::matmul({dtype, 1, a.rows, b.cols, a.cols, operand(1, a, room_a), operand(1, b, room_b),
                  nullptr, onednn::PostOp::kNone, add, raw_bytes(c), /*c_in_float=*/true});
}

}  // namespace vitro
