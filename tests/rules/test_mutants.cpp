// Tests gradcheck with ops that have a small error.  It must name each of them, and accept the same
// op without the error.
#include <catch2/catch.hpp>

#include "framework/autograd/gradcheck.h"
#include "framework/tensor/random.h"
#include "ops/ops.h"

using namespace vitro;
using Tensors = std::vector<Tensor>;

namespace {

enum class Health { kRight, kWrong };
using enum Health;

// y = sin x   =>   dx = dy cos x
template <Health kHealth>
struct WrongSign final : Op<WrongSign<kHealth>> {
  static constexpr std::string_view kName = "mutant_wrong_sign";
  TensorList backward(const Tensor& dy) override {
    Tensor dx = dy * cos(this->input(0));
    return {kHealth == kWrong ? -dx : dx};
  }
};

// y = x^2   =>   dx = 2 dy x
template <Health kHealth>
struct WrongFactor final : Op<WrongFactor<kHealth>> {
  static constexpr std::string_view kName = "mutant_wrong_factor";
  TensorList backward(const Tensor& dy) override {
    return {dy * this->input(0) * (kHealth == kWrong ? 1.0 : 2.0)};
  }
};

// y = x^3   =>   dx = 3 dy x^2.  Each of these three ops leaves a part of dx out of its graph, so
// only the second derivative is wrong.
template <Health kHealth>
struct DroppedGraph final : Op<DroppedGraph<kHealth>> {
  static constexpr std::string_view kName = "mutant_dropped_graph";
  TensorList backward(const Tensor& dy) override {
    Tensor x = this->input(0), dx = dy * x * x * 3.0;
    return {kHealth == kWrong ? dx.detach() : dx};
  }
};
template <Health kHealth>
struct DroppedDy final : Op<DroppedDy<kHealth>> {
  static constexpr std::string_view kName = "mutant_dropped_dy";
  TensorList backward(const Tensor& dy) override {
    Tensor x = this->input(0);
    return {(kHealth == kWrong ? dy.detach() : dy) * x * x * 3.0};
  }
};
template <Health kHealth>
struct DroppedInput final : Op<DroppedInput<kHealth>> {
  static constexpr std::string_view kName = "mutant_dropped_input";
  TensorList backward(const Tensor& dy) override {
    Tensor x = this->input(0), known = kHealth == kWrong ? x.detach() : x;
    return {dy * x * known * 3.0};
  }
};

// y = a b   =>   da = dy b,  db = dy a
template <Health kHealth>
struct SwappedInputs final : Op<SwappedInputs<kHealth>> {
  static constexpr std::string_view kName = "mutant_swapped_inputs";
  TensorList backward(const Tensor& dy) override {
    Tensor a = this->input(0), b = this->input(1);
    if (kHealth == kWrong) std::swap(a, b);
    return {dy * b, dy * a};
  }
};

// y_ij = x_ij + b_j   =>   dx = dy,  db = sum of dy's rows
template <Health kHealth>
struct MissingSumTo final : Op<MissingSumTo<kHealth>> {
  static constexpr std::string_view kName = "mutant_missing_sum_to";
  TensorList backward(const Tensor& dy) override {
    return {dy, kHealth == kWrong ? select(dy, 0, 0) : sum_to(dy, {dy.size(-1)})};
  }
};

// y_ij = x_ij - mean_j x_ij   =>   dx = dy - mean_j dy.  With a square matrix, the wrong axis gives
// the right shape.
template <Health kHealth>
struct WrongAxis final : Op<WrongAxis<kHealth>> {
  static constexpr std::string_view kName = "mutant_wrong_axis";
  TensorList backward(const Tensor& dy) override {
    return {dy - mean(dy, kHealth == kWrong ? 0 : 1, /*keepdim=*/true)};
  }
};

// y = x^2   =>   dx = 2 dy x.  The wrong op saves a workspace that the next call overwrites.
template <Health kHealth>
struct StaleWorkspace final : Op<StaleWorkspace<kHealth>> {
  static constexpr std::string_view kName = "mutant_stale_workspace";
  Tensor workspace;
  TensorList backward(const Tensor& dy) override {
    return {dy * (kHealth == kWrong ? workspace : this->input(0)) * 2.0};
  }
};

// y = x^2   =>   dx = 2 dy x.  WrongKernel is wrong if backward records no graph, WrongDefinition
// if it records one.
template <Health kHealth>
struct WrongKernel final : Op<WrongKernel<kHealth>> {
  static constexpr std::string_view kName = "mutant_wrong_kernel";
  TensorList backward(const Tensor& dy) override {
    return {dy * this->input(0) * (kHealth == kWrong && !grad_enabled() ? 2.1 : 2.0)};
  }
};
template <Health kHealth>
struct WrongDefinition final : Op<WrongDefinition<kHealth>> {
  static constexpr std::string_view kName = "mutant_wrong_definition";
  TensorList backward(const Tensor& dy) override {
    return {dy * this->input(0) * (kHealth == kWrong && grad_enabled() ? 2.1 : 2.0)};
  }
};

// y = f(x).  The ops in f are not recorded; T is recorded instead and saves its inputs.
template <class T, class F>
Tensor apply(const Tensors& x, F f) {
  Tensor y;
  {
    NoGradGuard unrecorded;
    y = f();
  }
  T* node = x.size() == 1 ? record<T>(y, x[0]) : record<T>(y, x[0], x[1]);
  for (size_t i = 0; node && i < x.size(); ++i) node->save_input(i, x[i]);
  return y;
}
template <class T>
Tensor square_as(const Tensors& x) {
  return apply<T>(x, [&] { return x[0] * x[0]; });
}
template <class T>
Tensor cube_as(const Tensors& x) {
  return apply<T>(x, [&] { return x[0] * x[0] * x[0]; });
}
template <Health kHealth>
Tensor square_in_workspace(const Tensor& x) {
  static Tensor workspace;
  NoGradGuard unrecorded;
  if (!workspace.defined() || !(workspace.shape() == x.shape())) workspace = empty_like(x);
  workspace.copy_(x.detach());
  Tensor y = workspace * workspace;
  AutoGradMode on(true);
  if (auto* node = record<StaleWorkspace<kHealth>>(y, x)) {
    node->workspace = workspace;
    node->save_input(0, x);
  }
  return y;
}

struct Mutant {
  const char* name;
  int order;  // 1 or 2: the derivative that is wrong
  std::vector<Shape> inputs;
  Definition wrong, right;
};

template <template <Health> class T, class F>
Mutant mutant(int order, std::vector<Shape> inputs, F f) {
  return {T<kWrong>::kName.data(), order, std::move(inputs),
          [f](const Tensors& x) { return f.template operator()<T<kWrong>>(x); },
          [f](const Tensors& x) { return f.template operator()<T<kRight>>(x); }};
}

const std::vector<Mutant>& mutants() {
  static const std::vector<Mutant> all = [] {
    auto sine = []<class T>(const Tensors& x) { return apply<T>(x, [&] { return sin(x[0]); }); };
    auto square = []<class T>(const Tensors& x) { return square_as<T>(x); };
    auto cube = []<class T>(const Tensors& x) { return cube_as<T>(x); };
    auto product = []<class T>(const Tensors& x) {
      return apply<T>(x, [&] { return x[0] * x[1]; });
    };
    auto plus_row = []<class T>(const Tensors& x) {
      return apply<T>(x, [&] { return x[0] + x[1]; });
    };
    auto centred = []<class T>(const Tensors& x) {
      return apply<T>(x, [&] { return x[0] - mean(x[0], 1, true); });
    };
    return std::vector<Mutant>{
        mutant<WrongSign>(1, {{2, 3}}, sine),
        mutant<WrongFactor>(1, {{2, 3}}, square),
        mutant<DroppedGraph>(2, {{2, 3}}, cube),
        mutant<DroppedDy>(2, {{2, 3}}, cube),
        mutant<DroppedInput>(2, {{2, 3}}, cube),
        mutant<SwappedInputs>(1, {{2, 3}, {2, 3}}, product),
        mutant<MissingSumTo>(1, {{4, 3}, {3}}, plus_row),
        mutant<WrongAxis>(1, {{3, 3}}, centred),
        mutant<WrongKernel>(1, {{4}}, square),
        mutant<WrongDefinition>(1, {{4}}, square),
        {"mutant_stale_workspace",
         1,
         {{4}},
         [](const Tensors& x) {
           return square_in_workspace<kWrong>(square_in_workspace<kWrong>(x[0]));
         },
         [](const Tensors& x) {
           return square_in_workspace<kRight>(square_in_workspace<kRight>(x[0]));
         }},
    };
  }();
  return all;
}

Tensors inputs_of(const Mutant& m) {
  Tensors x;
  for (const Shape& shape : m.inputs) x.push_back(randn(shape, kFloat64));
  return x;
}

}  // namespace

TEST_CASE("mutants: each is reported by its name, and the correct op passes") {
  manual_seed(1);
  for (const Mutant& m : mutants()) {
    INFO(m.name);
    for (int sample = 0; sample < 3; ++sample) {
      Tensors x = inputs_of(m);
      GradCheck first = gradcheck(m.wrong, x), second = gradgradcheck(m.wrong, x);
      CHECK(first.ok == (m.order == 2));  // only second derivatives show a lost graph
      CHECK_FALSE((second.ok && first.ok));
      const GradCheck& caught = m.order == 1 ? first : second;
      CHECK_FALSE(caught.ok);
      CHECK_THAT(caught.message, Catch::Contains(m.name));
      GradCheck right = gradcheck(m.right, x), twice = gradgradcheck(m.right, x);
      CHECK(right.message == "");
      CHECK(twice.message == "");
      CHECK((right.ok && twice.ok));
    }
  }
}

TEST_CASE("mutants: the message says which of the two kinds of backward is wrong") {
  manual_seed(2);
  for (const Mutant& m : mutants()) {
    std::string message = gradcheck(m.wrong, inputs_of(m)).message;
    if (m.name == std::string("mutant_wrong_kernel"))
      CHECK_THAT(message, !Catch::Contains("create_graph"));
    if (m.name == std::string("mutant_wrong_definition"))
      CHECK_THAT(message, Catch::Contains("create_graph"));
  }
}

// --- faults that throw an error before any number is compared ---

namespace {

// y = 3 e^x   =>   dx = dy y.  The wrong op triples y in place after it was saved.
template <Health kHealth>
struct StaleSave final : Op<StaleSave<kHealth>> {
  static constexpr std::string_view kName = "mutant_stale_save";
  TensorList backward(const Tensor& dy) override { return {dy * this->output()}; }
};
template <Health kHealth>
Tensor tripled_exp(const Tensors& x) {
  Tensor y =
      apply<StaleSave<kHealth>>(x, [&] { return exp(x[0]) * (kHealth == kWrong ? 1.0 : 3.0); });
  if (Node* node = y.grad_fn()) node->save_output(y);
  NoGradGuard unrecorded;
  if (kHealth == kWrong) y.mul_(3);
  return y;
}

// y_ij = x_ij + b_j.  The gradient for b has a shape that cannot be reduced to the shape of b.
struct WrongShape final : Op<WrongShape> {
  static constexpr std::string_view kName = "mutant_wrong_shape";
  TensorList backward(const Tensor& dy) override { return {dy, t(dy)}; }
};
struct WrongCount final : Op<WrongCount> {
  static constexpr std::string_view kName = "mutant_wrong_count";
  TensorList backward(const Tensor& dy) override { return {dy, dy, dy}; }
};
struct WrongDType final : Op<WrongDType> {
  static constexpr std::string_view kName = "mutant_wrong_dtype";
  TensorList backward(const Tensor& dy) override { return {dy, to(dy, kFloat32)}; }
};
struct Unsaved final : Op<Unsaved> {
  static constexpr std::string_view kName = "mutant_unsaved";
  TensorList backward(const Tensor&) override { return {extra(0), Tensor()}; }
};

template <class T>
Tensor plus_as(const Tensors& x) {
  return apply<T>(x, [&] { return x[0] + x[1]; });
}

}  // namespace

TEST_CASE("mutants: a stale save is a VersionError that names the op") {
  Tensors x = {randn({2, 3}, kFloat64)};
  CHECK_THROWS_AS(gradcheck(tripled_exp<kWrong>, x), VersionError);
  CHECK_THROWS_WITH(gradcheck(tripled_exp<kWrong>, x), Catch::Contains("mutant_stale_save"));
  CHECK(gradcheck(tripled_exp<kRight>, x).message == "");
  CHECK(gradgradcheck(tripled_exp<kRight>, x).message == "");
}

TEST_CASE("mutants: an impossible gradient is a GraphError that names the op") {
  Tensors x = {randn({4, 3}, kFloat64), randn({3}, kFloat64)};
  const std::pair<const char*, Definition> wrong[] = {{"mutant_wrong_shape", plus_as<WrongShape>},
                                                      {"mutant_wrong_count", plus_as<WrongCount>},
                                                      {"mutant_wrong_dtype", plus_as<WrongDType>},
                                                      {"mutant_unsaved", plus_as<Unsaved>}};
  for (const auto& [name, f] : wrong) {
    INFO(name);
    CHECK_THROWS_AS(gradcheck(f, x), GraphError);
    CHECK_THROWS_WITH(gradcheck(f, x), Catch::Contains(name));
  }
}
