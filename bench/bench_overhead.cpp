// Times the overhead of an op: chains of ops on 8 floats, new tensors, module calls.
#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

const char* const kAbout =
    "Times are per op.  O1-O3: 100 chained adds of 8 floats, with the destruction of the graph.";

namespace {

constexpr int kChain = 100;

template <class F>
Tensor chain(const Tensor& x, const Tensor& y, F op) {
  Tensor result = x;
  for (int i = 0; i < kChain; ++i) result = op(result, y);
  return result;
}

// Times one op in three ways: recorded, not recorded, and with backward.
template <class F>
void op_rows(const std::string (&names)[3], F op, const double (&targets)[3]) {
  auto leaf = [] { return full({8}, 0.5).requires_grad_(); };
  auto work = [&](int i) { return Work{.ops = kChain, .target = targets[i]}; };
  const std::string shape = "100 x (8)";
  row(names[0], shape, work(0),
      [=] { return [=, x = leaf(), y = ones({8})] { chain(x, y, op); }; });
  row(names[1], shape, work(1), [=] {
    return [=, x = leaf(), y = ones({8})] {
      NoGradGuard unrecorded;
      chain(x, y, op);
    };
  });
  row(names[2], shape, work(2), [=] {
    return [=, x = leaf(), y = ones({8})] {
      sum(chain(x, y, op)).backward();
      x.zero_grad();
    };
  });
}

// Times `run`, which is called a hundred times per measured run.
template <class F>
void single(const std::string& name, const std::string& shape, F run) {
  row(name, shape, {.ops = kChain}, [=] {
    return [=] {
      for (int i = 0; i < kChain; ++i) run();
    };
  });
}

void module_rows() {
  row("module call", "Identity", {.ops = kChain}, [] {
    return [m = std::make_shared<nn::Identity>(), x = ones({8})] {
      for (int i = 0; i < kChain; ++i) (*m)(x);
    };
  });
  row("module call, a forward hook", "Identity", {.ops = kChain}, [] {
    auto m = std::make_shared<nn::Identity>();
    m->register_forward_hook([](auto&, const Tensor&, const Tensor&) { return Tensor(); });
    return [m, x = ones({8})] {
      for (int i = 0; i < kChain; ++i) (*m)(x);
    };
  });
  row("module in a module", "2 Identities", {.ops = kChain}, [] {
    struct Outer : nn::Module {
      nn::Identity inner;
      void members(nn::Visitor& v) override { v("inner", inner); }
      Tensor forward(const Tensor& x) override { return inner(x); }
    };
    return [m = std::make_shared<Outer>(), x = ones({8})] {
      for (int i = 0; i < kChain; ++i) (*m)(x);
    };
  });
}

}  // namespace

void register_rows() {
  op_rows({"O1 add, recorded", "O2 add, no grad", "O3 add, with backward"},
          [](const Tensor& x, const Tensor& y) { return add(x, y); }, {80, 35, 150});
  op_rows({"mul, recorded", "mul, no grad", "mul, with backward"},
          [](const Tensor& x, const Tensor& y) { return mul(x, y); }, {0, 0, 0});
  op_rows({"mul by a number, recorded", "mul by a number, no grad", "mul by a number, backward"},
          [](const Tensor& x, const Tensor&) { return x * 1.5; }, {0, 0, 0});
  op_rows({"tanh, recorded", "tanh, no grad", "tanh, with backward"},
          [](const Tensor& x, const Tensor&) { return tanh(x); }, {0, 0, 0});

  single("make a tensor, empty", "(8)", [] { empty({8}); });
  single("make a tensor, zeros", "(8)", [] { zeros({8}); });
  single("make a tensor, empty", "(2, 2, 2, 2)", [] { empty({2, 2, 2, 2}); });
  single("copy a handle", "(8)", [x = ones({8})] {
    Tensor copy = x;
    benchmark::DoNotOptimize(copy);
  });
  single("detach", "(8)", [x = ones({8})] { x.detach(); });
  single("item", "()", [x = ones({})] { benchmark::DoNotOptimize(x.item()); });
  module_rows();
}

}  // namespace vitro::bench
