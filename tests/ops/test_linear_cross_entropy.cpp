// Tests linear_cross_entropy with logits in several tiles: values, memory, a tied weight.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using testing::max_difference;

namespace {

struct Problem {
  Tensor x, weight, targets;
  Problem(int64_t rows, int64_t classes, int64_t features, DType dtype = kFloat32)
      : x(randn({rows, features}).to(dtype).requires_grad_()),
        weight((randn({classes, features}) * 0.3).to(dtype).requires_grad_()),
        targets(randint(0, classes, {rows})) {
    for (int64_t i = 0; i < rows; i += 7) targets[i].fill_(-100);
  }
};

// The most bytes that f has allocated at any time.
template <class F>
int64_t peak_of(F f) {
  // The ballast raises the live bytes to the highest peak so far.  So every byte that f allocates
  // raises the peak.
  const MemoryStats before = memory_stats();
  const Tensor ballast = empty({std::max<int64_t>(0, before.peak - before.live)}, kUInt8);
  const int64_t start = memory_stats().live;
  f();
  return memory_stats().peak - start;
}

}  // namespace

TEST_CASE("linear_cross_entropy: several tiles give the same as cross_entropy of linear") {
  manual_seed(1);
  for (DType dtype : {kFloat32, kBFloat16})
    for (double smoothing : {0.0, 0.1}) {
      INFO(dtype << ", smoothing " << smoothing);
      const CrossEntropyOptions options{.label_smoothing = smoothing};
      const Problem p(600, 5000, 24, dtype);
      const Tensor loss = linear_cross_entropy(p.x, p.weight, p.targets, options);
      const Tensor x = p.x.to(kFloat64).detach().requires_grad_(),
                   w = p.weight.to(kFloat64).detach().requires_grad_(),
                   wanted = cross_entropy(linear(x, w), p.targets, options);
      const double tolerance = dtype == kFloat32 ? 1e-5 : 2e-2;
      CHECK(max_difference(loss, wanted) < tolerance * wanted.item());
      const auto got = grad(loss, {p.x, p.weight}), exact = grad(wanted, {x, w});
      for (size_t i = 0; i < 2; ++i)
        CHECK(norm(got[i].to(kFloat64) - exact[i]).item() < tolerance * norm(exact[i]).item());
    }
}

TEST_CASE("linear_cross_entropy: the logits are never all in memory") {
  manual_seed(2);
  const int64_t rows = 512, classes = 20'000, logits = rows * classes * 4;
  const Problem p(rows, classes, 16);
  CHECK(peak_of([&] { cross_entropy(linear(p.x, p.weight), p.targets); }) >= logits);
  p.x.zero_grad(), p.weight.zero_grad();
  // The bound allows a tile of 4 MiB and the gradient of the weight.
  CHECK(peak_of([&] { linear_cross_entropy(p.x, p.weight, p.targets).backward(); }) <
        (6 << 20) + 2 * p.weight.numel() * 4);
}

TEST_CASE("linear_cross_entropy: the gradient of a tied embedding is in memory once") {
  ScopedThreads two(2);
  manual_seed(3);
  const int64_t classes = 50'000, features = 32;
  const Tensor table = (randn({classes, features}) * 0.3).requires_grad_(),
               ids = randint(0, classes, {64}), targets = randint(0, classes, {64});
  const int64_t peak =
      peak_of([&] { linear_cross_entropy(embedding(ids, table), table, targets).backward(); });
  // The bound allows one tile of logits (4 MiB), the gradient of the table once, and a piece of a
  // product per thread.
  CHECK(peak < (7 << 20) + classes * features * 4);
  const Tensor wide = table.to(kFloat64).detach().requires_grad_();
  cross_entropy(linear(embedding(ids, wide), wide), targets).backward();
  CHECK(max_difference(table.grad(), wide.grad()) < 1e-6);
}

TEST_CASE("linear_cross_entropy: only the required gradients are computed") {
  manual_seed(4);
  const Problem p(70, 300, 8);
  const Tensor both = linear_cross_entropy(p.x, p.weight, p.targets),
               of_x = linear_cross_entropy(p.x, p.weight.detach(), p.targets),
               of_weight = linear_cross_entropy(p.x.detach(), p.weight, p.targets);
  const auto wanted = grad(both, {p.x, p.weight});
  CHECK(testing::same_bits(grad(of_x, {p.x})[0], wanted[0]));
  CHECK(testing::same_bits(grad(of_weight, {p.weight})[0], wanted[1]));
}
