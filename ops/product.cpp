// Who multiplies: plain loops in float64, SIMD for small float32, oneDNN for the rest.
#include "ops/product.h"

#include "framework/elementwise.h"
#include "framework/simd/matmul.h"

namespace vitro {

namespace {

// Multiplications m n k up to which starting a primitive costs more than its better blocking gains
// (bench_linear, crossover rows; docs/kernels.md has the table).
constexpr int64_t kSmallProduct = 200'000;

// oneDNN works through columns 64 at a time, so 65 cost it what 128 do.  Our kernel wastes less,
// and is faster while b stays in the level 2 cache (same table).
bool ragged_for_onednn(int64_t n, int64_t k) {
  int64_t whole = (n + 63) / 64 * 64;
  return n > 64 && 3 * whole >= 4 * n && n * k <= (int64_t{1} << 16);
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

struct PackedWeight final : Derived {
  PackedWeight(uint32_t of_version, const MatrixRef& b)
      : Derived(of_version),
        rows(b.rows),
        cols(b.cols),
        matrix(cols, rows, {raw<float>(b.tensor), b.row_stride, b.col_stride}) {}
  int64_t rows, cols;
  simd::PackedMatrix matrix;
};

// The packed copy of a parameter's transpose that hangs in its storage; made when first asked for.
// Null if the storage is also a parameter of another shape.
const simd::PackedMatrix* packed_weight(const MatrixRef& b) {
  Storage& storage = *b.tensor.impl()->storage;
  Derived* found = storage.derived.load(std::memory_order_acquire);
  if (!found || found->version != storage.version) {
    Derived* stale = found;
    auto* made = new PackedWeight(storage.version, b);
    if (storage.derived.compare_exchange_strong(found, made, std::memory_order_acq_rel)) {
      delete stale;
      found = made;
    } else {
      delete made;  // another thread was first
    }
  }
  auto* packed = static_cast<PackedWeight*>(found);
  return packed->rows == b.rows && packed->cols == b.cols ? &packed->matrix : nullptr;
}

// A whole parameter, used as it will be used again: packing it once pays.
bool is_frozen_weight(const MatrixRef& b) {
  const Tensor& w = b.tensor;
  return !grad_enabled() && b.row_stride == 1 && b.cols > 1 && w.requires_grad() && w.is_leaf() &&
         w.is_contiguous() && w.rank() == 2 && w.impl()->offset == 0;
}

void multiply_small(int64_t batch, const MatrixRef& a, const MatrixRef& b, const Tensor& bias,
                    const Tensor& c) {
  const float* shift = bias.defined() ? raw<float>(bias) : nullptr;
  const simd::PackedMatrix* packed = batch == 1 && is_frozen_weight(b) ? packed_weight(b) : nullptr;
  if (packed)
    return simd::matmul(a.rows, b.cols, a.cols, {raw<float>(a.tensor), a.row_stride, a.col_stride},
                        *packed, shift, raw<float>(c), b.cols);
  for (int64_t i = 0; i < batch; ++i)
    simd::matmul(a.rows, b.cols, a.cols,
                 {raw<float>(a.tensor) + i * a.batch_stride, a.row_stride, a.col_stride},
                 {raw<float>(b.tensor) + i * b.batch_stride, b.row_stride, b.col_stride}, shift,
                 raw<float>(c) + i * a.rows * b.cols, b.cols);
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
  if (dtype == kBFloat16 && !onednn::has_bfloat16()) {  // compute in float32, round once
    auto wide = [](const Tensor& x, const Shape& shape, const Strides& strides) {
      Tensor y = empty(shape, kFloat32);
      copy_into(y, make_view(x, shape, strides, x.impl()->offset));
      return y;
    };
    Tensor x =
        wide(a.tensor, {batch, a.rows, a.cols}, {a.batch_stride, a.row_stride, a.col_stride});
    Tensor w =
        wide(b.tensor, {batch, b.rows, b.cols}, {b.batch_stride, b.row_stride, b.col_stride});
    Tensor y = empty(c.shape(), kFloat32);
    multiply(batch, matrix(x, a.rows * a.cols), matrix(w, b.rows * b.cols),
             bias.defined() ? wide(bias, bias.shape(), bias.strides()) : Tensor(), f, y);
    return copy_into(c, y);
  }
  bool b_streams = b.col_stride == 1 || b.row_stride == 1;
  bool small =
      products * batch <= kSmallProduct || (batch == 1 && ragged_for_onednn(b.cols, b.rows));
  if (dtype == kFloat32 && small && b_streams) {
    multiply_small(batch, a, b, bias, c);
    if (f != onednn::PostOp::kNone) activate_into(c, c, activation(f));
    return;
  }
  Tensor room_a, room_b;
  onednn::matmul({dtype, batch, a.rows, b.cols, a.cols, operand(batch, a, room_a),
                  operand(batch, b, room_b), bias.defined() ? raw_bytes(bias) : nullptr, f,
                  /*accumulate=*/false, raw_bytes(c)});
}

}  // namespace vitro
