// Tests hooks that change their gradient in place.  Gradients of other branches, of the caller and
// of other hooks must not change.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using Numbers = std::vector<double>;

namespace {

void times_ten(const Tensor& gradient) {
  NoGradGuard unrecorded;
  Tensor handle = gradient;
  handle.mul_(10);
}
Tensor ten_fold(const Tensor& gradient) {
  times_ten(gradient);
  return Tensor();
}

// Multiplies by ten in place: directly, by a pointer, by views, and by an alias.
const std::function<void(const Tensor&)> kChanges[] = {
    times_ten,
    [](const Tensor& g) {
      visit_dtype(g.dtype(), [&]<class T>() {
        T* p = g.mutable_data<T>();
        for (int64_t i = 0; i < g.numel(); ++i)
          p[i] = static_cast<T>(static_cast<double>(p[i]) * 10);
      });
    },
    [](const Tensor& g) { times_ten(g.slice(0, 0, 2)), times_ten(g.slice(0, 2, 4)); },
    [](const Tensor& g) { times_ten(g.detach()); },
};

// Ops that pass the same dy to a and to b.
struct Branches {
  const char* name;
  std::function<Tensor(const Tensor& a, const Tensor& b)> join;
  bool whole = true;  // whether y has the shape of a and b
};
const Branches kBranches[] = {
    {"add", [](const Tensor& a, const Tensor& b) { return a + b; }},
    {"add, the other order", [](const Tensor& a, const Tensor& b) { return b + a; }},
    {"views",
     [](const Tensor& a, const Tensor& b) {
       return a.view({2, 2}) + b.view({2, 2});
     },
     false},
    {"sums", [](const Tensor& a, const Tensor& b) { return a.sum() + b.sum(); }, false},
    {"cat",
     [](const Tensor& a, const Tensor& b) {
       return cat({a, b}, 0);
     },
     false},
};

enum class GradForm { kBackward, kGrad, kCreateGraph };
constexpr GradForm kGradForms[] = {GradForm::kBackward, GradForm::kGrad, GradForm::kCreateGraph};

std::vector<Tensor> gradients_by(const Tensor& y, const std::vector<Tensor>& xs, const Tensor& dy,
                                 GradForm form) {
  if (form != GradForm::kBackward)
    return grad({y}, xs, {.grad_outputs = {dy}, .create_graph = form == GradForm::kCreateGraph});
  y.backward(dy);
  std::vector<Tensor> all;
  for (const Tensor& x : xs) all.push_back(x.grad());
  return all;
}

struct Shifted : nn::Module {
  Tensor bias;
  explicit Shifted(DType dtype) : bias(zeros({4}, dtype).requires_grad_()) {}
  void members(nn::Visitor& v) override { v("bias", bias); }
  Tensor forward(const Tensor& x) override { return x * 1.0 + bias; }
};

// y = a + b.  Its backward wrongly changes dy in place.
struct CarelessOp final : Op<CarelessOp> {
  static constexpr std::string_view kName = "test_careless";
  TensorList backward(const Tensor& dy) override {
    times_ten(dy);
    return {dy, dy};
  }
};

}  // namespace

TEST_CASE("a hook that changes its gradient in place changes no other branch's") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (const Branches& branches : kBranches)
      for (GradForm form : kGradForms)
        for (bool on_leaf : {false, true})
          for (const auto& change : kChanges) {
            Tensor x = ones({4}, dtype).requires_grad_(), w = ones({4}, dtype).requires_grad_();
            Tensor a = on_leaf ? x : x * 1.0, b = on_leaf ? w : w * 1.0;
            Tensor y = branches.join(a, b), dy = ones(y.shape(), dtype);
            a.register_hook([&](const Tensor& g) { return change(g), Tensor(); });
            const std::vector<Tensor> found = gradients_by(y, {x, w}, dy, form);
            CAPTURE(dtype, branches.name, on_leaf, static_cast<int>(form));
            REQUIRE(values(found[0]) == Numbers(4, 10));
            REQUIRE(values(found[1]) == Numbers(4, 1));
            REQUIRE(values(dy) == Numbers(static_cast<size_t>(dy.numel()), 1));
          }
}

TEST_CASE("later hooks do not change gradients that a hook has stored or returned") {
  Tensor x = leaf({1.0, 2.0}), own = tensor({3.0, 4.0}, kFloat64), y = x * 1.0, kept;
  y.register_hook([&](const Tensor& g) { return kept = g, Tensor(); });
  y.register_hook(ten_fold);
  y.register_hook([&](const Tensor&) { return own; });
  y.register_hook(ten_fold);
  x.register_hook([&](const Tensor&) { return ten_fold(kept); });  // y's backward has run
  y.backward(ones({2}, kFloat64));
  CHECK(values(kept) == Numbers{10, 10});
  CHECK(values(own) == Numbers{3, 4});
  CHECK(values(x.grad()) == Numbers{30, 40});
}

TEST_CASE("a gradient that a hook changed in place is still differentiable") {
  Tensor x = leaf({2.0, 3.0}), y = x * 1.0, z = x * 1.0;
  RemovableHandle handle = y.register_hook([](const Tensor& g) { return g * g; });
  RemovableHandle other = z.register_hook([](const Tensor&) { return Tensor(); });
  Tensor dx = grad(((y + z) * (y + z)).sum(), {x}, {.create_graph = true})[0];
  CHECK(values(dx) == Numbers{64 + 8, 144 + 12});  // (2 (y + z))^2 + 2 (y + z), y + z = 2 x
  handle.remove(), other.remove();
  CHECK(values(grad(dx.sum(), {x})[0]) == Numbers{32 * 2 + 4, 32 * 3 + 4});
}

TEST_CASE("a full backward hook changes its own two gradients only") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (GradForm form : kGradForms)
      for (bool input_needs_grad : {false, true}) {
        Shifted m(dtype);
        Tensor x = ones({4}, dtype), w = ones({4}, dtype).requires_grad_();
        if (input_needs_grad) x.requires_grad_();
        std::vector<Tensor> kept;
        m.register_full_backward_hook([&](nn::Module&, const Tensor&, const Tensor& dy) {
          kept.push_back(dy);
          return Tensor();
        });
        m.register_full_backward_hook([&](nn::Module&, const Tensor& dx, const Tensor& dy) {
          if (dx.defined()) times_ten(dx);
          times_ten(dy);
          return Tensor();
        });
        Tensor y = m(x) + w, dy = ones({4}, dtype);
        std::vector<Tensor> inputs = {m.bias, w};
        if (input_needs_grad) inputs.push_back(x);
        const std::vector<Tensor> found = gradients_by(y, inputs, dy, form);
        CAPTURE(dtype, input_needs_grad, static_cast<int>(form));
        REQUIRE(values(found[0]) == Numbers(4, 1));
        REQUIRE(values(found[1]) == Numbers(4, 1));
        if (input_needs_grad) REQUIRE(values(found[2]) == Numbers(4, 10));
        REQUIRE(values(dy) == Numbers(4, 1));
        REQUIRE(values(kept.at(0)) == Numbers(4, 1));
      }
}

TEST_CASE("a post-accumulate hook changes its own leaf's gradient only") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    Tensor x = ones({4}, dtype).requires_grad_(), w = ones({4}, dtype).requires_grad_();
    Tensor dy = ones({4}, dtype);
    for (const Tensor& leaf : {x, w})
      leaf.register_post_accumulate_grad_hook([](Tensor& p) { times_ten(p.grad()); });
    (x + w).backward(dy);
    CHECK(values(x.grad()) == Numbers(4, 10));
    CHECK(values(w.grad()) == Numbers(4, 10));
    CHECK(values(dy) == Numbers(4, 1));
  }
}

TEST_CASE("a backward that changes its gradient in place is refused by name") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (GradForm form : kGradForms) {
      Tensor x = ones({4}, dtype).requires_grad_(), w = ones({4}, dtype).requires_grad_();
      Tensor y = ones({4}, dtype), dy = ones({4}, dtype);
      record<CarelessOp>(y, x, w);
      CHECK_THAT(message_of<VersionError>([&] {
                   gradients_by(y + w, {x, w}, dy, form);
                 }),
                 Contains("test_careless: ") && Contains("clone()"));
      CHECK_FALSE(x.grad().defined());
      CHECK_FALSE(w.grad().defined());
    }
}

TEST_CASE("the grad() of a tensor may be passed to backward as the output gradient") {
  Tensor x = leaf({1.0, 2.0}), w = leaf({1.0, 2.0}), y = x * 1.0;
  x.set_grad(tensor({3.0, 4.0}, kFloat64));
  const Tensor given = x.grad();
  (w + x + y).backward(given);
  CHECK(values(x.grad()) == Numbers{9, 12});
  CHECK(values(w.grad()) == Numbers{3, 4});
  CHECK(values(given) == Numbers{3, 4});
  Tensor z = x * 1.0;
  z.retain_grad();
  z.backward(ones({2}, kFloat64), /*retain_graph=*/true);
  x.zero_grad();
  z.backward(z.grad());
  CHECK(values(x.grad()) == Numbers{1, 1});
  CHECK(values(z.grad()) == Numbers{2, 2});
}
