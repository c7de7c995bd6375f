// Rows of elementwise ops, reductions and random numbers.
#include "bench/op_rows.h"

namespace vitro::bench {

namespace {

constexpr int64_t kSide = 1 << 10, kMillion = kSide * kSide;

// A row over about a million elements that reads and writes `numbers` float32 numbers.
template <class Prepare>
void million(const std::string& name, const std::string& shape, int64_t numbers, Prepare prepare) {
  row(name, shape, {.bytes = floats(numbers)}, prepare);
}

Tensor square(DType dtype = kFloat32) { return rand({kSide, kSide}, dtype); }
Tensor plus(const Tensor& x, const Tensor& y) { return x + y; }

}  // namespace

void elementwise_rows() {
  using Unary = Tensor (*)(const Tensor&);
  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  const std::pair<const char*, Binary> binaries[] = {
      {"add", add}, {"mul", mul}, {"div", div}, {"pow", pow}, {"maximum", maximum}, {"lt", lt}};
  const std::pair<const char*, Unary> unaries[] = {{"neg", neg},   {"exp", exp}, {"log", log},
                                                   {"sqrt", sqrt}, {"sin", sin}, {"erf", erf}};
  for (auto [size, n] : kLengths) {
    for (auto [name, f] : binaries)
      row(name, size, {.bytes = floats(3 * n)},
          [f = f, n = n] { return unrecorded(f, rand({n}), rand({n})); });
    for (auto [name, f] : unaries)
      row(name, size, {.bytes = floats(2 * n)},
          [f = f, n = n] { return unrecorded(f, rand({n})); });
  }
  constexpr int64_t n = kMillion;
  const std::string text = "1024x1024";
  million("add, in place", text, 3 * n,
          [] { return [x = square(), y = square()]() mutable { x.add_(y); }; });
  million("add, bf16", text, 3 * n / 2,
          [] { return unrecorded(plus, square(kBFloat16), square(kBFloat16)); });
  million("add, f64", text, 6 * n,
          [] { return unrecorded(plus, square(kFloat64), square(kFloat64)); });
  million("add, a row to each", text, 2 * n,
          [] { return unrecorded(plus, square(), rand({kSide})); });
  million("add, a column to each", text, 2 * n, [] {
    return unrecorded(plus, square(), rand({kSide, 1}));
  });
  million("add, one transposed", text, 3 * n,
          [] { return unrecorded(plus, square(), square().t()); });
  million("clamp", text, 2 * n,
          [] { return unrecorded([](const Tensor& x) { clamp(x, 0.2, 0.8); }, square()); });
  million("where", text, 3 * n,
          [] { return unrecorded(where, gt(square(), 0.5), square(), square()); });
  million("to bf16", text, 3 * n / 2,
          [] { return unrecorded([](const Tensor& x) { x.to(kBFloat16); }, square()); });
  million("mul backward, both", text, 5 * n, [] {
    Tensor x = square().requires_grad_(), y = square().requires_grad_(), z = x * y;
    return [=, dz = ones(z.shape())] {
      grad({z}, {x, y}, {.grad_outputs = {dz}, .retain_graph = true});
    };
  });
  million("mse_loss", text, 2 * n, [] {
    return unrecorded([](const Tensor& x, const Tensor& y) { mse_loss(x, y); }, square(), square());
  });
}

void reduction_rows() {
  using F = Tensor (*)(const Tensor&);
  const std::pair<const char*, F> reductions[] = {
      {"sum", [](const Tensor& x) { return sum(x); }},
      {"sum, axis 0", [](const Tensor& x) { return sum(x, 0); }},
      {"sum, axis 1", [](const Tensor& x) { return sum(x, 1); }},
      {"mean, axis 1", [](const Tensor& x) { return mean(x, 1); }},
      {"var", [](const Tensor& x) { return var(x); }},
      {"var, axis 1", [](const Tensor& x) { return var(x, 1); }},
      {"max", [](const Tensor& x) { return max(x); }},
      {"max, axis 0", [](const Tensor& x) { return max(x, 0).values; }},
      {"max, axis 1", [](const Tensor& x) { return max(x, 1).values; }},
      {"argmax, axis 1", [](const Tensor& x) { return argmax(x, 1); }},
      {"topk 10", [](const Tensor& x) { return topk(x, 10).values; }}};
  for (auto [name, f] : reductions)
    million(name, "1024x1024", kMillion, [f = f] { return unrecorded(f, square()); });
  million("sum, bf16", "1024x1024", kMillion / 2,
          [] { return unrecorded([](const Tensor& x) { sum(x); }, square(kBFloat16)); });
  million("sum backward", "1024x1024", kMillion,
          [] { return backward_of([](const Tensor& x) { return sum(x); }, square()); });
  million("var backward, axis 1", "1024x1024", 2 * kMillion,
          [] { return backward_of([](const Tensor& x) { return var(x, 1); }, square()); });
}

void random_rows() {
  constexpr int64_t n = kMillion;
  million("rand", "1M", n, [] { return [] { rand({n}); }; });
  million("randn", "1M", n, [] { return [] { randn({n}); }; });
  million("randint", "1M", 2 * n, [] { return [] { randint(0, 1000, {n}); }; });
  auto drop = [](const Tensor& x) { return dropout(x, 0.1); };
  million("dropout", "1M", 2 * n, [=] { return unrecorded(drop, rand({n})); });
  million("dropout backward", "1M", 2 * n, [=] { return backward_of(drop, rand({n})); });
  million("multinomial, one of each row", "256x65", 256 * 65, [] {
    return unrecorded([](const Tensor& x) { multinomial(x, 1); }, rand({256, 65}));
  });
}

}  // namespace vitro::bench
