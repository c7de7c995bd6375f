// Runs each matrix product on its owner: plain loops, SIMD kernels, or oneDNN.
#include "ops/product.h"

#include <mutex>

#include "framework/base/parallel_fork.h"
#include "framework/tensor/loops.h"
#include "ops/onednn/gemm.h"
#include "ops/owner.h"
#include "ops/simd/gemv.h"
#include "ops/simd/small_matmul.h"

namespace vitro {

namespace {

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

// x's matrices in place, or a dense copy of them (owned by `room`) if oneDNN does not run their
// strides well.
onednn::Matrix operand(int64_t batch, const MatrixRef& x, Tensor& room) {
  onednn::Matrix y{raw_bytes(x.tensor), x.row_stride, x.col_stride,
                   batch == 1 ? x.rows * x.cols : x.batch_stride};
  // The stride along an axis of size 1 is arbitrary, so use the stride of a dense matrix.
  if (x.cols == 1) y.col_stride = 1;
  if (x.rows == 1) y.row_stride = y.col_stride == 1 ? x.cols : 1;
  if (onednn::runs_strides(batch, x.rows, x.cols, y)) return y;
  room = empty({batch, x.rows, x.cols}, x.tensor.dtype());
  Tensor from = make_view(x.tensor, room.shape(), {x.batch_stride, x.row_stride, x.col_stride},
                          x.tensor.impl()->offset);
  copy_into(room, from);
  return {raw_bytes(room), x.cols, 1, x.rows * x.cols};
}

Tensor dense(const Tensor& x) {
  Tensor y = empty(x.shape(), x.dtype());
  copy_into(y, x);
  return y;
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
  PackedWeight(uint64_t of_version, const MatrixRef& b, simd::MatrixView values)
      : Derived(of_version), rows(b.rows), cols(b.cols), matrix(cols, rows, values) {}
  int64_t rows, cols;
  simd::PackedMatrix matrix;
};

PackedWeight* pack(uint64_t version, const MatrixRef& b) {
  if (b.tensor.dtype() == kFloat32)
    return new PackedWeight(version, b, {raw<float>(b.tensor), b.row_stride, b.col_stride});
  Tensor wide = widened(b.tensor, {b.cols, b.rows}, {b.col_stride, b.row_stride});
  return new PackedWeight(version, b, {raw<float>(wide), 1, b.rows});
}

// The packed float32 copy of a parameter's transpose.  It is made on first use, and the parameter's
// storage owns it.  Null if the storage has a copy of another shape, made for another parameter in
// the same storage.  The lock is for threads that share a parameter.  A new version replaces the
// copy; no thread may change a parameter while another thread multiplies with it.
const simd::PackedMatrix* packed_weight(const MatrixRef& b) {
  Storage& storage = *b.tensor.impl()->storage;
  std::lock_guard lock(fork_mutex<ForkLock::kPackedWeights>(&storage));
  Derived* found = storage.derived.load(std::memory_order_relaxed);
  if (!found || found->version != storage.version) {
    PackedWeight* made = pack(storage.version, b);
    delete found;
    storage.derived.store(found = made, std::memory_order_relaxed);
  }
  auto* packed = static_cast<PackedWeight*>(found);
  return packed->rows == b.rows && packed->cols == b.cols ? &packed->matrix : nullptr;
}

// Whether b is W^T for a whole parameter W.  A parameter is used many times, so packing it once
// pays.  Each change of its bytes must change its version, so the storage must own the bytes, and
// must not have given out a pointer that can write to them.
bool is_parameter(const MatrixRef& b) {
  const Tensor& w = b.tensor;
  const Storage& storage = *w.impl()->storage;
  return owns_bytes(storage) && !storage.exposed && b.row_stride == 1 && b.cols > 1 &&
         w.requires_grad() && w.is_leaf() && w.is_contiguous() && w.rank() == 2 &&
         w.impl()->offset == 0;
}

// Multiplies with the packed copy of b; bfloat16 is computed in float32 and rounded once.
void multiply_packed(const MatrixRef& a, const simd::PackedMatrix& b, const Tensor& bias,
                     const Tensor& c) {
  const int64_t m = a.rows, k = a.cols, n = c.numel() / m;
  if (c.dtype() == kFloat32)
    return simd::matmul(m, n, k, {raw<float>(a.tensor), a.row_stride, a.col_stride}, b,
                        bias.defined() ? raw<float>(bias) : nullptr, raw<float>(c), n);
  const Tensor room = empty({m * k + m * n + n}, kFloat32);  // x, y and the bias
  float *x = raw<float>(room), *y = x + m * k, *shift = y + m * n;
  simd::to_float(raw<BFloat16>(a.tensor), x, m * k);
  if (bias.defined()) simd::to_float(raw<BFloat16>(bias), shift, n);
  simd::matmul(m, n, k, {x, k, 1}, b, bias.defined() ? shift : nullptr, y, n);
  simd::to_bfloat16(y, raw<BFloat16>(c), m * n);
}

void multiply_small(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                    const Tensor& c) {
  const float* shift = bias.defined() ? raw<float>(bias) : nullptr;
  const bool reads_in_place =
      few_rows(a.rows, a.cols) && b.row_stride == 1 && b.rows * b.cols > kPackedForOneCall;
  for (int64_t i = 0; i < batch; ++i) {
    simd::MatrixView x{raw<float>(a.tensor) + i * a.batch_stride, a.row_stride, a.col_stride};
    simd::MatrixView w{raw<float>(b.tensor) + i * b.batch_stride, b.row_stride, b.col_stride};
    float* y = raw<float>(c) + i * a.rows * b.cols;
    if (reads_in_place)
      simd::gemv({a.rows, b.cols, a.cols, x.data, a.row_stride, a.col_stride, w.data, b.col_stride,
                  shift, y});
    else simd::matmul(a.rows, b.cols, a.cols, x, w, shift, y, b.cols);
  }
}

// The call y (x.rows, n) = x W^T + bias, where row j of W begins at j w_stride.
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

template <class T>
void multiply_vector(Owner owner, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                     const Tensor& c) {
  if (owner == Owner::kFewRows) simd::gemv(gemv_call<T>(a, b, b.cols, b.col_stride, bias, c));
  else if (owner == Owner::kOneColumn)  // c^T = b^T a^T
    simd::gemv(gemv_call<T>(transposed(b), a, a.rows, a.row_stride, bias, c));
  else simd::gevm(gemv_call<T>(a, b, b.cols, b.row_stride, bias, c));
}

// Computes with float32 copies, and rounds once.
void multiply_in_float(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                       Activation f, const Tensor& c) {
  const Tensor x = widened(batch, a), w = widened(batch, b), y = empty(c.shape(), kFloat32);
  multiply(batch, matrix(x, a.rows * a.cols), matrix(w, b.rows * b.cols),
           bias.defined() ? widened(bias, bias.shape(), bias.strides()) : Tensor(), f, y);
  copy_into(c, y);
}

void multiply_on_onednn(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                        Activation f, const Tensor& c) {
  Tensor room_a, room_b;
  onednn::matmul({c.dtype(), batch, a.rows, b.cols, a.cols, operand(batch, a, room_a),
                  operand(batch, b, room_b), bias.defined() ? raw_bytes(bias) : nullptr, f,
                  /*accumulate=*/false, raw_bytes(c)});
}

// The product for k = 0: c = bias, or 0.
void fill_with_bias(const Tensor& bias, const Tensor& c) {
  const Tensor from = bias.defined() ? bias : zeros({1}, c.dtype());
  copy_into(c, expanded_view(from, c.shape()));
}

Product product_of(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                   const Tensor& c) {
  return {.dtype = c.dtype(),
          .batch = batch,
          .m = a.rows,
          .n = b.cols,
          .k = a.cols,
          .a_dense_rows = a.col_stride == 1,
          .a_dense_columns = a.row_stride == 1 && a.col_stride > 1,
          .a_dense = a.col_stride == 1 && a.row_stride == a.cols,
          .b_dense_rows = b.col_stride == 1,
          .b_dense_columns = b.row_stride == 1,
          .b_is_parameter = is_parameter(b),
          .has_bias = bias.defined(),
          .bfloat16_instructions = c.dtype() != kBFloat16 || onednn::has_bfloat16()};
}

}  // namespace

void multiply(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
              Activation f, const Tensor& c) {
  if (c.numel() == 0) return;
  if (a.cols == 0) {
    fill_with_bias(bias, c);
    return activate_into(c, c, f);
  }
  Product p = product_of(batch, a, b, bias, c);
  if (bias.defined() && !bias.is_contiguous() && p.dtype != kFloat64)
    return multiply(batch, a, b, dense(bias), f, c);
  Owner owner = owner_of(p);
  const simd::PackedMatrix* packed = owner == Owner::kPackedWeight ? packed_weight(b) : nullptr;
  if (owner == Owner::kPackedWeight && !packed) {
    p.b_is_parameter = false;
    owner = owner_of(p);
  }
  switch (owner) {
    case Owner::kPlainLoops: multiply_plain(batch, a, b, bias, c); break;
    case Owner::kFewRows:
    case Owner::kOneColumn:
    case Owner::kOneRow:
      if (p.dtype == kFloat32) multiply_vector<float>(owner, a, b, bias, c);
      else multiply_vector<BFloat16>(owner, a, b, bias, c);
      break;
    case Owner::kPackedWeight: multiply_packed(a, *packed, bias, c); break;
    case Owner::kSmall: multiply_small(batch, a, b, bias, c); break;
    case Owner::kInFloat: return multiply_in_float(batch, a, b, bias, f, c);
    case Owner::kOneDnn: return multiply_on_onednn(batch, a, b, bias, f, c);
  }
  activate_into(c, c, f);
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
                  nullptr, Activation::kNone, add, raw_bytes(c), /*c_in_float=*/true});
}

}  // namespace vitro
