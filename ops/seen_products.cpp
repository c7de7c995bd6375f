// The matrix products in attention's definition, which ignore masked elements.
#include "ops/seen_products.h"

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// s_ts = sum_d a_td b_sd where seen   =>   da = ds b,  db = ds^T a, both summed where seen
struct SeenScores final : Op<SeenScores> {
  static constexpr std::string_view kName = "seen_scores";
  TensorList backward(const Tensor& ds) override {
    const Tensor seen = extra(0);
    return {
        needs(0) ? seen_sum(ds, input(1), seen) : Tensor(),
        needs(1) ? seen_sum(transpose(ds, -1, -2), input(0), transpose(seen, -1, -2)) : Tensor()};
  }
};

// y_td = sum_s w_ts x_sd where seen   =>   dw = dy x^T where seen,  dx = w^T dy summed where seen
struct SeenSum final : Op<SeenSum> {
  static constexpr std::string_view kName = "seen_sum";
  TensorList backward(const Tensor& dy) override {
    const Tensor seen = extra(0);
    return {
        needs(0) ? seen_scores(dy, input(1), seen) : Tensor(),
        needs(1) ? seen_sum(transpose(input(0), -1, -2), dy, transpose(seen, -1, -2)) : Tensor()};
  }
};

template <class T>
Tensor plain_seen_sum(const Tensor& w, const Tensor& x, const Tensor& seen, const Shape& shape) {
  Shape columns = shape;  // x's shape with the leading axes of y
  columns[columns.rank() - 2] = x.size(-2);
  const Tensor y = zeros(shape, x.dtype()), weights = contiguous(w),
               rows = contiguous(expand(x, columns)), open = contiguous(expand(seen, w.shape()));
  const int64_t count = w.size(-2), S = x.size(-2), D = x.size(-1);
  for (int64_t t = 0; t < w.numel() / S; ++t)
    for (int64_t s = 0; s < S; ++s) {
      if (!raw<bool>(open)[t * S + s]) continue;
      const T* from = raw<T>(rows) + (t / count * S + s) * D;
      for (int64_t j = 0; j < D; ++j) raw<T>(y)[t * D + j] += raw<T>(weights)[t * S + s] * from[j];
    }
  return y;
}

bool is_finite(const Tensor& x) { return sum(x * 0).item() == 0; }

}  // namespace

Tensor seen_scores(const Tensor& a, const Tensor& b, const Tensor& seen) {
  Tensor s;
  {
    NoGradGuard unrecorded;
    s = where(seen, matmul(a, transpose(b, -1, -2)), full_scalar(0, a.dtype()));
  }
  if (Node* node = record<SeenScores>(s, a, b)) {
    node->save_input(0, a);
    node->save_input(1, b);
    node->save_extra(0, seen);
  }
  return s;
}

Tensor seen_sum(const Tensor& w, const Tensor& x, const Tensor& seen) {
  Tensor y;
  {
    NoGradGuard unrecorded;
    y = matmul(where(seen, w, full_scalar(0, w.dtype())), x);
    if (!is_finite(y))  // perhaps because 0 was multiplied with a hidden infinity or NaN
      y = w.dtype() == kFloat64 ? plain_seen_sum<double>(w, x, seen, y.shape())
                                : plain_seen_sum<float>(w, x, seen, y.shape());
  }
  if (Node* node = record<SeenSum>(y, w, x)) {
    node->save_input(0, w);
    node->save_input(1, x);
    node->save_extra(0, seen);
  }
  return y;
}

}  // namespace vitro
