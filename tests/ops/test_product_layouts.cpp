// Tests products of operands in any layout (sliced, stepped, transposed, broadcast), and gradients.
//
// Each case is random.  It is computed in float32 or bfloat16 on the operands in place, and
// compared with float64 on dense copies.  The memory between the elements is NaN.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

class RandomCase {
 public:
  explicit RandomCase(uint64_t seed) : random_(seed) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool one_in(int64_t n) { return below(n) == 0; }

  // A size of at most `most`, often near the width of a tile or vector.
  int64_t size(int64_t most) {
    constexpr std::array<int64_t, 14> kSizes{1, 1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 65, 127, 300};
    return one_in(3) ? 1 + below(std::min<int64_t>(most, 70))
                     : std::min(most, kSizes[static_cast<size_t>(below(kSizes.size()))]);
  }

  // Whole numbers, for which float32 sums are exact, or any numbers.
  Tensor numbers(const Shape& shape) {
    return whole_ ? randint(-4, 5, shape).to(kFloat64) : randn(shape, kFloat64);
  }

  // A tensor of this shape, stored with gaps, steps or another order of axes; some axes are
  // broadcast.
  Tensor operand(const Shape& shape) {
    Shape stored = shape;
    for (int i = 0; i < shape.rank(); ++i)
      if (one_in(12)) stored[i] = 1;
    return laid_out(numbers(stored)).expand(shape);
  }

  Tensor laid_out(const Tensor& x) {
    const int rank = x.rank();
    const bool plain = one_in(3);
    Shape order, back, base;
    for (int i = 0; i < rank; ++i) order.push_back(i);
    if (rank > 1 && one_in(2)) std::swap(order[rank - 1], order[rank - 2]);
    if (rank > 2 && one_in(4)) std::swap(order[0], order[below(rank)]);
    back = order;
    std::vector<std::array<int64_t, 2>> slices;  // first element and step of each axis
    for (int i = 0; i < rank; ++i) {
      const int64_t step = plain || !one_in(4) ? 1 : 2 + below(2),
                    first = plain || !one_in(4) ? 0 : 1 + below(3);
      slices.push_back({first, step});
    }
    for (int i = 0; i < rank; ++i) {
      const auto axis = static_cast<int>(order[i]);
      const auto [first, step] = slices[static_cast<size_t>(axis)];
      const int64_t behind = plain || !one_in(4) ? 0 : below(3);
      base.push_back(first + std::max<int64_t>(0, x.size(axis) - 1) * step + 1 + behind);
      back[axis] = i;
    }
    Tensor y = full(base, kNaN, dtype_).permute(back);
    for (int i = 0; i < rank; ++i) {
      const auto [first, step] = slices[static_cast<size_t>(i)];
      y = y.slice(i, first, first + (x.size(i) - 1) * step + 1, step);
    }
    y.copy_(x.to(dtype_));
    return y;
  }

  void run();

 private:
  using Operands = std::vector<Tensor>;
  using Product = std::function<Tensor(const Operands&)>;
  Product draw(Operands& x);
  Product draw_matmul(Operands& x);
  Product draw_linear(Operands& x);
  void compare(const char* of, const Tensor& got, const Tensor& wanted);

  std::mt19937_64 random_;
  DType dtype_ = kFloat32;
  bool whole_ = false;
  std::ostringstream text_ = {};
};

RandomCase::Product RandomCase::draw_matmul(Operands& x) {
  const int64_t large = one_in(8) ? 300 : 70, m = size(large), n = size(large), k = size(large);
  Shape a, b;
  const int64_t leading = below(3);
  for (int64_t i = 0; i < leading; ++i) {
    const int64_t count = 1 + below(m * n * k > 200'000 ? 2 : 4);
    a.push_back(one_in(5) ? 1 : count), b.push_back(one_in(5) ? 1 : count);
  }
  if (leading && one_in(4)) b = {};
  else if (leading && one_in(6)) a = {};
  if (!(a.rank() == 0 && one_in(8))) a.push_back(m);
  a.push_back(k), b.push_back(k);
  if (!(b.rank() == 1 && one_in(8))) b.push_back(n);
  x = {operand(a), operand(b)};
  text_ << "matmul";
  return [](const Operands& v) { return matmul(v[0], v[1]); };
}

RandomCase::Product RandomCase::draw_linear(Operands& x) {
  const int64_t large = one_in(8) ? 300 : 70, in = size(large), out = size(large);
  Shape shape;
  for (int64_t i = below(3); i >= 0; --i) shape.push_back(i ? 1 + below(4) : size(large));
  if (one_in(8)) shape = {};
  shape.push_back(in);
  // Whole numbers stay whole only without f or with relu.  Other numbers do not use relu, because
  // rounding may move a 0 to either side.  bfloat16 does not use smooth functions, because its few
  // digits get lost where they are flat.
  constexpr std::array kSmooth{Activation::kNone, Activation::kTanh, Activation::kSigmoid,
                               Activation::kGelu};
  const Activation f = whole_               ? (one_in(2) ? Activation::kRelu : Activation::kNone)
                       : dtype_ == kFloat32 ? kSmooth[static_cast<size_t>(below(4))]
                                            : Activation::kNone;
  x = {operand(shape), operand({out, in})};
  const bool bias = one_in(2);
  if (bias) x.push_back(operand({out}));
  text_ << "linear, activation " << static_cast<int>(f);
  return [f, bias](const Operands& v) { return linear(v[0], v[1], bias ? v[2] : Tensor(), f); };
}

RandomCase::Product RandomCase::draw(Operands& x) {
  dtype_ = one_in(3) ? kBFloat16 : kFloat32;
  whole_ = !one_in(4);
  manual_seed(random_());
  return one_in(2) ? draw_linear(x) : draw_matmul(x);
}

// float32 must be exact for whole numbers, because their sums are exact; bfloat16 rounds them.
void RandomCase::compare(const char* of, const Tensor& got, const Tensor& wanted) {
  const double far = max_difference(got, wanted), large = max(abs(wanted)).item();
  const double most = dtype_ == kBFloat16 ? 2e-2 : whole_ ? 0 : 3e-5;
  if (!(far <= most * std::max(1.0, large)))
    FAIL_CHECK(text_.str() << ": " << of << " is off by " << far << " of " << large);
}

void RandomCase::run() {
  Operands x, reference;
  const Product product = draw(x);
  text_ << ' ' << dtype_;
  for (Tensor& operand : x) {
    text_ << ' ' << operand.shape() << " by " << Shape(operand.strides());
    reference.push_back(operand.to(kFloat64).contiguous().detach().requires_grad_());
    operand = operand.detach().requires_grad_();
  }
  try {
    const Tensor wanted = product(reference), y = product(x);
    compare("the result", y, wanted);
    const Tensor dy = operand(wanted.shape());
    text_ << ", dy by " << Shape(dy.strides());
    const auto want = grad({wanted}, reference, {.grad_outputs = {dy.to(kFloat64).contiguous()}}),
               got = grad({y}, x, {.grad_outputs = {dy}});
    for (size_t i = 0; i < x.size(); ++i) compare("a gradient", got[i], want[i]);
  } catch (const Error& error) { FAIL_CHECK(text_.str() << ": " << error.what()); }
}

}  // namespace

TEST_CASE("products of operands in 2,000 layouts are those of dense copies in float64") {
  for (uint64_t i = 0; i < 2000; ++i) RandomCase(i).run();
}

TEST_CASE("products in VITRO_CASES more layouts", "[.layouts]") {
  const char* const cases = std::getenv("VITRO_CASES");
  const uint64_t count = cases ? std::strtoull(cases, nullptr, 10) : 100'000;
  for (uint64_t i = 0; i < count; ++i) RandomCase(1'000'000 + i).run();
}

// Rows with a step of 2 reach beyond their matrix, into the next matrix of the batch.
TEST_CASE("oneDNN computes batches whose rows have a step") {
  for (DType dtype : {kFloat32, kBFloat16})
    for (const Shape& shape : {Shape{2, 65, 64}, Shape{2, 5, 8}, Shape{7, 33, 48}}) {
      INFO(dtype << ' ' << shape);
      const Tensor rows =
          randint(-4, 5, shape).to(dtype).slice(1, 0, shape[1], 2).detach().requires_grad_();
      const Tensor b = randint(-4, 5, {shape[0], shape[2], 64}).to(dtype).requires_grad_();
      const Tensor dense = rows.detach().contiguous().requires_grad_();
      CHECK(same_bits(matmul(rows, b), matmul(dense, b)));
      const Tensor dy = randint(-4, 5, {shape[0], shape[1], 64}).to(dtype).slice(1, 0, shape[1], 2);
      const auto got = grad({matmul(rows, b)}, {rows, b}, {.grad_outputs = {dy}}),
                 want = grad({matmul(dense, b)}, {dense, b}, {.grad_outputs = {dy.contiguous()}});
      CHECK(same_bits(got[0], want[0]));
      CHECK(same_bits(got[1], want[1]));
    }
}
