// Tests that backward refuses a saved tensor that was changed in place, directly or through a view:
// every kind of change, with every op that saves a tensor.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

// `kept` is the tensor that an op saved and the test changes; `loss` is differentiated afterwards.
struct Recorded {
  Tensor kept, loss;
};
struct Saver {
  const char* name;   // the op in the error
  const char* which;  // "input 0", "its output"
  std::function<Recorded()> record;
};

Tensor random_leaf(const Shape& shape) {
  Tensor x = rand(shape, kFloat64);
  x.add_(0.5);
  return x.requires_grad_();
}
Tensor plain(const Shape& shape) { return rand(shape, kFloat64) + 0.5; }

// Savers for ops f that save their input, their output, or their second operand.
Saver saves_input(const char* name, std::function<Tensor(const Tensor&)> f) {
  return {name, "input ", [f] {
            Tensor x = random_leaf({3, 4});
            return Recorded{x, f(x).sum()};
          }};
}
Saver saves_output(const char* name, std::function<Tensor(const Tensor&)> f) {
  return {name, "its output", [f] {
            Tensor y = f(random_leaf({3, 4}));
            return Recorded{y, y.sum()};
          }};
}
Saver saves_other(const char* name, const char* which, const Shape& shape,
                  std::function<Tensor(const Tensor&, const Tensor&)> f) {
  return {name, which, [=] {
            Tensor x = random_leaf({3, 4}), other = plain(shape);
            return Recorded{other, f(x, other).sum()};
          }};
}
Saver saves_ids(const char* name, std::function<Tensor(const Tensor&, const Tensor&)> f,
                Shape shape = {3, 4}) {
  return {name, "", [=] {
            Tensor x = random_leaf({3, 4}), ids = zeros(shape, kInt64);
            return Recorded{ids, f(x, ids).sum()};
          }};
}
Saver gives_ids(const char* name, std::function<ValuesAndIndices(const Tensor&)> f) {
  return {name, "", [=] {
            auto [chosen, ids] = f(random_leaf({3, 4}));
            return Recorded{ids, chosen.sum()};
          }};
}

const std::vector<Saver>& savers() {
  using T = const Tensor&;
  static const std::vector<Saver> all = {
      saves_input("log", [](T x) { return log(x); }),
      saves_input("abs", [](T x) { return abs(x); }),
      saves_input("sin", [](T x) { return sin(x); }),
      saves_input("cos", [](T x) { return cos(x); }),
      saves_input("erf", [](T x) { return erf(x); }),
      saves_input("pow_scalar", [](T x) { return pow(x, 2.5); }),
      saves_input("clamp", [](T x) { return clamp(x, 0.6, 1.2); }),
      saves_input("mul", [](T x) { return x * x; }),
      saves_input("div", [](T x) { return x / x; }),
      saves_input("pow", [](T x) { return pow(x, x); }),
      saves_input("minimum", [](T x) { return minimum(x, x); }),
      saves_input("maximum", [](T x) { return maximum(x, x); }),
      saves_input("relu", [](T x) { return relu(x); }),
      saves_input("gelu", [](T x) { return gelu(x); }),
      saves_input("gelu_tanh", [](T x) { return gelu(x, GeluForm::kTanh); }),
      saves_input("silu", [](T x) { return silu(x); }),
      saves_input("softplus", [](T x) { return softplus(x); }),
      saves_input("logsumexp", [](T x) { return logsumexp(x, 0); }),
      saves_input("matmul", [](T x) { return matmul(x, x.t()); }),
      saves_input("cross_entropy", [](T x) { return cross_entropy(x, zeros({3}, kInt64)); }),
      saves_input("linear_cross_entropy",
                  [](T x) {
                    return linear_cross_entropy(x, random_leaf({5, 4}), zeros({3}, kInt64));
                  }),
      saves_output("exp", [](T x) { return exp(x); }),
      saves_output("sqrt", [](T x) { return sqrt(x); }),
      saves_output("rsqrt", [](T x) { return rsqrt(x); }),
      saves_output("tanh", [](T x) { return tanh(x); }),
      saves_output("sigmoid", [](T x) { return sigmoid(x); }),
      saves_output("softmax", [](T x) { return softmax(x, -1); }),
      saves_output("log_softmax", [](T x) { return log_softmax(x, 0); }),
      saves_output("logsumexp", [](T x) { return logsumexp(x, -1, /*keepdim=*/true); }),
      saves_output("linear",
                   [](T x) {
                     return linear(x, random_leaf({5, 4}), {}, Activation::kTanh);
                   }),
      saves_other("mul", "input 1", {4}, [](T x, T y) { return x * y; }),
      saves_other("mul", "input 0", {3, 1}, [](T x, T y) { return y * x; }),
      saves_other("div", "input 1", {3, 4}, [](T x, T y) { return x / y; }),
      saves_other("div", "input 0", {3, 4}, [](T x, T y) { return y / x; }),
      saves_other("pow", "input 1", {3, 4}, [](T x, T y) { return pow(x, y); }),
      saves_other("minimum", "input 1", {3, 4}, [](T x, T y) { return minimum(x, y); }),
      saves_other("maximum", "input 0", {3, 4}, [](T x, T y) { return maximum(y, x); }),
      saves_other("matmul", "input 1", {4, 2}, [](T x, T y) { return matmul(x, y); }),
      saves_other("matmul", "input 0", {2, 3}, [](T x, T y) { return matmul(y, x); }),
      saves_other("linear", "input 1", {2, 4}, [](T x, T y) { return linear(x, y); }),
      saves_other("linear", "input 0", {2, 4}, [](T x, T y) { return linear(y, x); }),
      saves_other("linear_cross_entropy", "input 1", {2, 4},
                  [](T x, T y) { return linear_cross_entropy(x, y, zeros({3}, kInt64)); }),
      {"where", "input 0",
       [] {
         Tensor condition = ones({3, 4}, kBool);
         return Recorded{condition, where(condition, random_leaf({3, 4}), plain({3, 4})).sum()};
       }},
      {"cross_entropy", "",
       [] {
         Tensor targets = zeros({3}, kInt64);
         return Recorded{targets, cross_entropy(random_leaf({3, 4}), targets)};
       }},
      saves_ids("gather", [](T x, T ids) { return gather(x, 1, ids); }),
      saves_ids("scatter_add",
                [](T x, T ids) {
                  return scatter_add(zeros({3, 4}, kFloat64), 1, ids, x);
                }),
      saves_ids("index_select", [](T x, T ids) { return index_select(x, 1, ids); }, {5}),
      saves_ids("embedding", [](T x, T ids) { return embedding(ids, x); }),
      gives_ids("max", [](T x) { return max(x, 1); }),
      gives_ids("min", [](T x) { return min(x, 0, /*keepdim=*/true); }),
      gives_ids("topk", [](T x) { return topk(x, 2); }),
  };
  return all;
}

struct Change {
  const char* name;
  std::function<void(Tensor&)> apply;
  bool arithmetic = true;  // whether the change is arithmetic, which bool tensors do not have
};
const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"add_", [](Tensor& x) { x.add_(1); }},
      {"sub_", [](Tensor& x) { x.sub_(ones({}, x.dtype())); }},
      {"mul_", [](Tensor& x) { x.mul_(2); }},
      {"div_", [](Tensor& x) { is_floating(x.dtype()) ? x.div_(2) : x.mul_(2); }},
      {"copy_", [](Tensor& x) { x.copy_(ones({}, kFloat32)); }, false},
      {"fill_", [](Tensor& x) { x.fill_(1); }, false},
      {"zero_", [](Tensor& x) { x.zero_(); }, false},
      {"mutable_data",
       [](Tensor& x) { visit_dtype(x.dtype(), [&]<class T>() { *x.mutable_data<T>() = T(1); }); },
       false},
  };
  return all;
}

struct Route {
  const char* name;
  Tensor (*view)(const Tensor&);
};
constexpr Route kRoutes[] = {
    {"the tensor itself", [](const Tensor& x) { return x; }},
    {"a detached alias", [](const Tensor& x) { return x.detach(); }},
    {"one row of it", [](const Tensor& x) { return x.detach().select(0, -1); }},
    {"a slice of its transpose",
     [](const Tensor& x) { return x.detach().transpose(0, -1).slice(0, 0, 1); }},
};

}  // namespace

TEST_CASE("every change in place of every saved tensor, through views, is noticed") {
  for (const Saver& saver : savers()) {
    for (const Change& change : changes()) {
      for (const Route& route : kRoutes) {
        Recorded r = saver.record();
        if (change.arithmetic && r.kept.dtype() == kBool) continue;
        Tensor target = route.view(r.kept);
        {
          NoGradGuard unrecorded;
          change.apply(target);
        }
        const std::string message = message_of<VersionError>([&] { r.loss.backward(); });
        CAPTURE(saver.name, saver.which, change.name, route.name, message);
        REQUIRE_THAT(message, Catch::StartsWith(saver.name + std::string(": ")) &&
                                  Contains(saver.which) && Contains("changed in place"));
      }
    }
  }
}

TEST_CASE("2^32 changes are noticed like one change") {
  for (const Saver& saver : savers()) {
    Recorded r = saver.record();
    r.kept.impl()->storage->version += uint64_t{1} << 32;
    CAPTURE(saver.name, saver.which);
    CHECK_THAT(message_of<VersionError>([&] { r.loss.backward(); }), Contains("version 42949672"));
  }
  // The packed copy of a parameter must be made again too.
  nn::Linear m(64, 64);
  const Tensor x = ones({1, 64});
  NoGradGuard unrecorded;
  for (int i = 0; i < 3; ++i) m(x);
  Storage& storage = *m.weight.impl()->storage;
  const uint64_t version = storage.version;
  m.weight.zero_(), m.bias.zero_();
  storage.version = version + (uint64_t{1} << 32);
  CHECK(values(m(x)) == std::vector<double>(64, 0));
}

TEST_CASE("backward accepts saved tensors that were not changed") {
  for (const Saver& saver : savers()) {
    Recorded r = saver.record();
    CAPTURE(saver.name, saver.which);
    REQUIRE_NOTHROW(r.loss.backward());
  }
}

TEST_CASE("the error names shape, versions and the parameter") {
  nn::Sequential model(nn::Linear(4, 3), nn::Linear(3, 2));
  Tensor y = model(randn({5, 4}).requires_grad_()).sum();
  NoGradGuard unrecorded;
  model.parameters()[2].mul_(0.5);
  CHECK_THAT(message_of<VersionError>([&] { y.backward(); }),
             Contains("linear: ") && Contains("input 1") && Contains("(2, 3)") &&
                 Contains("(1.weight)") && Contains("saved at version"));
}

TEST_CASE("a tensor that no op saved may be changed in no-grad mode") {
  Tensor x = random_leaf({3}), y = x + x, z = y.sum();
  NoGradGuard unrecorded;
  x.mul_(2);
  z.backward();
  CHECK(values(x.grad()) == std::vector<double>{2, 2, 2});
}

TEST_CASE("loading and initialising count as changes") {
  nn::Linear m(3, 2);
  Tensor x = rand({4, 3}).requires_grad_();
  auto stale = [&](auto&& change) {
    Tensor y = m(x).sum();
    change();
    return !message_of<VersionError>([&] { y.backward(); }).empty();
  };
  CHECK(stale([&] { m.load_state_dict(nn::Linear(3, 2).state_dict()); }));
  CHECK(stale([&] { nn::init::uniform_(m.weight); }));
  CHECK(stale([&] { nn::init::normal_(m.weight); }));
  CHECK(stale([&] { nn::init::orthogonal_(m.weight); }));
  CHECK(stale([&] { nn::init::constant_(m.weight, 3); }));
  CHECK(stale([&] { nn::init::trunc_normal_(m.weight); }));
  CHECK_FALSE(stale([] {}));
}
