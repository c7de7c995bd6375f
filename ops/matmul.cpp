// matmul: products of matrices and of stacks of matrices.
#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "ops/product.h"

namespace vitro {
namespace {

// c_ij = sum_k a_ik b_kj   =>   da = dc b^T,  db = a^T dc
struct MatMul final : Op<MatMul> {
  static constexpr std::string_view kName = "matmul";
  TensorList backward(const Tensor& dc) override {
    return {needs(0) ? matmul(dc, transpose(input(1), -1, -2)) : Tensor(),
            needs(1) ? gradient_of_b(dc) : Tensor()};
  }
  // If b is one matrix, db sums over a's stack: a and dc are flattened to one tall matrix each.
  Tensor gradient_of_b(const Tensor& dc) const {
    Tensor a = input(0);
    if (inputs[1]->shape.rank() > 2) return matmul(transpose(a, -1, -2), dc);
    return matmul(t(as_rows(a)), as_rows(dc));
  }
};

// x with its leading axes expanded to `lead` and joined to one axis; copies if necessary.
Tensor stacked(const Tensor& x, const Shape& lead) {
  Shape shape = lead;
  shape.push_back(x.size(-2));
  shape.push_back(x.size(-1));
  return reshape(expanded_view(x, shape), {numel(lead), x.size(-2), x.size(-1)});
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_same_dtype("matmul", a, b);
  check_floating("matmul", a);
  check<ShapeError>(a.rank() > 0 && b.rank() > 0, "matmul: expected tensors with axes, got ",
                    a.shape(), " x ", b.shape(), "; use mul for scalars");
  if (a.rank() == 1) return squeeze(matmul(unsqueeze(a, 0), b), b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  check<ShapeError>(b.size(-2) == k, "matmul: expected equal inner sizes, got ", a.shape(), " x ",
                    b.shape());

  Tensor c;
  if (a.rank() == 2 && b.rank() == 2) {
    c = empty({m, n}, a.dtype());
    multiply(1, matrix(a), matrix(b), {}, Activation::kNone, c);
  } else {
    auto leading = [](const Tensor& x) {
      return Shape(std::span(x.shape().begin(), static_cast<size_t>(x.rank() - 2)));
    };
    Shape lead = broadcast("matmul", leading(a), leading(b)), shape = lead;
    shape.push_back(m);
    shape.push_back(n);
    c = empty(shape, a.dtype());
    NoGradGuard unrecorded;
    if (b.rank() == 2) {
      Tensor tall = as_rows(a);
      multiply(1, matrix(tall), matrix(b), {}, Activation::kNone, c);
    } else {
      Tensor x = stacked(a, lead), y = stacked(b, lead);
      multiply(numel(lead), matrix(x, x.strides()[0]), matrix(y, y.strides()[0]), {},
               Activation::kNone, c);
    }
  }
  if (Node* node = record<MatMul>(c, a, b)) {
    if (node->needs(1)) node->save_input(0, a);
    if (node->needs(0)) node->save_input(1, b);
  }
  return c;
}

}  // namespace vitro
