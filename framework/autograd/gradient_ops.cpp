// The three differentiable ops that the engine itself needs: add sums gradients, and sum_to undoes
// the broadcasting of expand.  All other ops are in ops/.
#include "framework/autograd/node.h"
#include "framework/tensor/loops.h"
#include "framework/tensor/reduce.h"

namespace vitro {
namespace {

// y = a + b   =>   da = db = dy
struct Add final : Op<Add> {
  static constexpr std::string_view kName = "add";
  TensorList backward(const Tensor& dy) override {
    return {needs(0) ? dy : Tensor(), needs(1) ? dy : Tensor()};
  }
};

// y = x repeated along new and size-1 axes   =>   dx = dy summed over them
struct Expand final : Op<Expand> {
  static constexpr std::string_view kName = "expand";
  Shape from;
  TensorList backward(const Tensor& dy) override { return {sum_to(dy, from)}; }
};

// y = x summed over axes   =>   dx = dy repeated along them
struct SumTo final : Op<SumTo> {
  static constexpr std::string_view kName = "sum_to";
  Shape from;
  TensorList backward(const Tensor& dy) override { return {expand(dy, from)}; }
};

simd::BinaryKernel add_kernel() {
  static const simd::BinaryKernel kernel = simd::binary_kernel(simd::Binary::kAdd);
  return kernel;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor y = binary("add", a, b, add_kernel(), [](auto u, auto v) { return u + v; });
  record<Add>(y, a, b);
  return y;
}

void add_into(const Tensor& y, const Tensor& x) {
  if (y.dtype() == kFloat32 && y.is_contiguous() && x.is_contiguous()) {
    auto *p = raw<float>(y), *q = raw<float>(x);
    auto kernel = add_kernel();
    parallel_for(y.numel(), kCheapGrain, [=](int64_t begin, int64_t end) {
      kernel(p + begin, q + begin, p + begin, end - begin);
    });
    return;
  }
  binary_into(
      y, y, x, add_kernel(), [](auto u, auto v) { return u + v; }, kCheapGrain);
}

Tensor expand(const Tensor& x, const Shape& wanted) {
  check_defined("expand", x, "the tensor");
  const Shape shape = expanded_shape("expand", x.shape(), wanted);
  checked_numel("expand", shape, x.dtype());
  if (x.shape() == shape) return x;
  Tensor y = expanded_view(x, shape);
  if (auto* node = record<Expand>(y, x)) node->from = x.shape();
  return y;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  check_defined("sum_to", x, "the tensor");
  if (x.shape() == shape) return x;
  check<ShapeError>(broadcast("sum_to", x.shape(), shape) == x.shape(),
                    "sum_to: expected a shape that broadcasts to ", x.shape(), ", got ", shape);
  check<DTypeError>(x.dtype() != kBool,
                    "sum_to: expected a tensor with arithmetic, got bool; use to(kInt64) first");
  Tensor y = reduce_sum(x, shape);
  if (auto* node = record<SumTo>(y, x)) node->from = x.shape();
  return y;
}

}  // namespace vitro
