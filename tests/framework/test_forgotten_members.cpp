// Tests that a Module or Parameter that members() leaves out is found, without false alarms.
#include <array>
#include <catch2/catch.hpp>
#include <new>
#include <optional>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

// Has a member of each kind.  members() leaves out the one with index `left_out`.
struct Leaky : nn::Module {
  struct Own {  // not a module
    nn::Linear linear{3, 4};
    nn::Parameter parameter = ones({7});
  };
  nn::Linear first{3, 5};
  nn::Parameter parameter = ones({6});
  nn::Dropout dropout;
  std::optional<nn::Linear> maybe{std::in_place, 3, 8};
  std::array<nn::Linear, 2> pair{nn::Linear(3, 9), nn::Linear(3, 10)};
  Own own;
  Tensor buffer = ones({3});
  nn::Parameter last = ones({11});
  size_t left_out;
  explicit Leaky(size_t without) : left_out(without) {}
  void members(nn::Visitor& v) override {
    size_t i = 0;
    const auto name = [&](const std::string& text, auto& member) {
      if (i++ != left_out) v(text, member);
    };
    name("first", first), name("parameter", parameter), name("dropout", dropout);
    name("maybe", *maybe), name("pair.0", pair[0]), name("pair.1", pair[1]);
    name("linear", own.linear), name("own", own.parameter), name("last", last);
    v.buffer("buffer", buffer);
  }
};
const std::vector<std::string> kLeft = {"Linear(3 -> 5)", "a Parameter (6,)", "Dropout(0.5)",
                                        "Linear(3 -> 8)", "Linear(3 -> 9)",   "Linear(3 -> 10)",
                                        "Linear(3 -> 4)", "a Parameter (7,)", "a Parameter (11,)"};

template <class Child>
struct Around : nn::Module {
  Child child;
  template <class... Args>
  explicit Around(Args... args) : child(std::move(args)...) {}
  void members(nn::Visitor& v) override { v("child", child); }
};

}  // namespace

TEST_CASE("forgotten: check_members finds each kind of member in the model itself") {
  Leaky whole(99);
  nn::check_members(whole);
  for (size_t i = 0; i < kLeft.size(); ++i) {
    Leaky m(i);
    CHECK_THAT(message_of<ValueError>([&] { nn::check_members(m); }),
               Contains("Leaky to name each") && Contains("none for " + kLeft[i] + " near byte"));
  }
}

TEST_CASE("forgotten: the first walk finds it in inner modules, in containers and pointers too") {
  for (size_t i = 0; i < kLeft.size(); ++i) {
    const auto check_found = [&](nn::Module& m, const std::string& path) {
      for (int time = 0; time < 2; ++time)
        CHECK_THAT(message_of<ValueError>([&] { m.parameters(); }),
                   Contains("expected " + path + ": Leaky") && Contains(kLeft[i]));
    };
    Around<Leaky> value(i);
    check_found(value, "child");
    Around<Around<Leaky>> deep(i);
    check_found(deep, "child.child");
    Around<std::unique_ptr<Leaky>> pointer(std::make_unique<Leaky>(i));
    check_found(pointer, "child");
    Around<std::vector<Leaky>> list;
    list.child.emplace_back(99), list.child.emplace_back(i);
    check_found(list, "child.1");
    nn::Sequential sequential{nn::Tanh(), Leaky(i)};
    check_found(sequential, "1");
  }
}

TEST_CASE("forgotten: a moved module is searched at its new address") {
  Around<Leaky> a(99);
  a.parameters();
  Around<Leaky> b(std::move(a));
  CHECK(b.parameters().size() == Around<Leaky>(99).parameters().size());
  std::vector<Leaky> many;
  for (int i = 0; i < 5; ++i) many.emplace_back(99);  // the vector moves its modules when it grows
  for (Leaky& m : many) nn::check_members(m);
  Leaky missing(1), moved(std::move(missing));
  CHECK_THAT(message_of<ValueError>([&] { nn::check_members(moved); }), Contains("(6,)"));
  std::swap(many[0], many[1]);
  nn::check_members(many[0]);
}

TEST_CASE("forgotten: undefined, destroyed and outside modules are not taken for members") {
  struct Quiet : nn::Module {
    nn::Parameter absent;
    std::optional<nn::Linear> maybe;
    nn::Linear* other = nullptr;
    nn::Linear child{3, 3};
    void members(nn::Visitor& v) override {
      nn::Module& as_base = child;  // named by its base class, which is smaller than the child
      v("child", as_base);
    }
  };
  // This memory contained modules before, whose marks could remain in padding of the new module.
  alignas(Quiet) std::byte memory[sizeof(Quiet)];
  for (size_t at = 0; at + sizeof(nn::Linear) <= sizeof memory; at += alignof(nn::Linear))
    std::launder(new (memory + at) nn::Linear(1, 1))->~Linear();
  Quiet* m = new (memory) Quiet;
  m->maybe.emplace(3, 3);
  m->maybe.reset();
  nn::Linear outside(3, 3);
  m->other = &outside;
  nn::check_members(*m);
  m->~Quiet();
}

TEST_CASE("forgotten: a derived class is checked even if its base was checked before") {
  struct Base : nn::Module {
    nn::Linear a{3, 3};
    Base() { parameters(); }  // a walk before the derived class is constructed
    void members(nn::Visitor& v) override { v("a", a); }
  };
  struct Derived : Base {
    nn::Parameter b = ones({3}), c = ones({3});
    const char* name = "a";
    void members(nn::Visitor& v) override { Base::members(v), v(name, c); }
  } m;
  CHECK_THAT(message_of<ValueError>([&] { m.parameters(); }), Contains("two of the name a"));
  m.name = "c";
  CHECK_THAT(message_of<ValueError>([&] { nn::check_members(m); }), Contains("Parameter (3,)"));
}

namespace {

// Runs a module that its members() does not name.
template <class Child>
struct Runs : nn::Module {
  nn::Linear a{3, 3};
  Child b;
  explicit Runs(Child child = Child()) : b(std::move(child)) {}
  void members(nn::Visitor& v) override { v("a", a); }
  Tensor forward(const Tensor& x) override {
    if constexpr (requires { (*b)(x); }) return (*b)(a(x));
    else if constexpr (requires { b[0](x); }) return b[0](a(x));
    else return b(a(x));
  }
};

}  // namespace

TEST_CASE("forgotten: a call finds a child that runs, in a container or by pointer too") {
  const auto check_refused = [](nn::Module& m) {
    {
      NoGradGuard unrecorded;  // a teacher model runs without gradients
      CHECK(m(ones({1, 3})).shape() == Shape{1, 2});
      m.summary(ones({1, 3}));
    }
    RemovableHandle hook =
        m.register_forward_hook([](nn::Module&, const Tensor&, const Tensor&) {});
    for (int time = 0; time < 2; ++time)
      CHECK_THAT(message_of<ValueError>([&] {
                   m(ones({1, 3}));
                 }),
                 Contains("expected Runs") && Contains("to name Linear(3 -> 2), which it runs"));
    NoGradGuard unrecorded;
    CHECK(m(ones({1, 3})).shape() == Shape{1, 2});
  };
  Runs<nn::Linear> value(nn::Linear(3, 2));
  check_refused(value);
  Runs<std::unique_ptr<nn::Linear>> pointer(std::make_unique<nn::Linear>(3, 2));
  check_refused(pointer);
  Runs<std::vector<nn::Linear>> list;
  list.b.emplace_back(3, 2);
  check_refused(list);
  nn::Linear elsewhere(3, 2);
  Runs<nn::Linear*> reference(&elsewhere);
  check_refused(reference);
}

TEST_CASE("forgotten: frozen modules, and modules that run in a hook, need no name") {
  nn::Linear teacher(3, 2), probe(3, 2);
  for (Tensor& p : teacher.parameters()) p.requires_grad_(false);
  Runs<nn::Linear*> frozen(&teacher);
  CHECK(frozen(ones({1, 3})).shape() == Shape{1, 2});
  Runs<nn::Tanh*> without_parameters(nullptr);
  nn::Tanh activation;
  without_parameters.b = &activation;
  CHECK(without_parameters(ones({1, 3})).shape() == Shape{1, 3});
  Around<nn::Linear> model(3, 3);
  nn::Linear& layer = model.child;
  int runs = 0;
  layer.register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
    runs += static_cast<int>(probe(y.detach()).numel());
  });
  struct Outer : nn::Module {
    nn::Linear& inner;
    explicit Outer(nn::Linear& l) : inner(l) {}
    void members(nn::Visitor& v) override { v("inner", inner); }
    Tensor forward(const Tensor& x) override { return inner(x); }
  } outer(layer);
  outer(ones({1, 3}));
  CHECK(runs == 2);
}

namespace {

// Has the same forward as Module.  Structs derived from Module would give warnings of g++ here,
// because some of them hide Module's forward.
struct Base {
  virtual ~Base() = default;
  virtual Tensor forward(const Tensor& x) { return x; }
};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
struct Right : Base {
  Tensor forward(const Tensor& x) override { return x; }
};
struct Inherits : Right {};
struct Overloads : Base {
  Tensor forward(const Tensor& x) override { return x; }
  Tensor forward(const Tensor& x, const Tensor&) { return x; }
};
struct OfTwo : Base {  // has its own operator()
  Tensor forward(const Tensor& x, const Tensor&) { return x; }
};
struct GivesTwo : Base {
  std::pair<Tensor, Tensor> forward(Tensor x) { return {x, x}; }
};
class IsPrivate : Base {
  Tensor forward(const Tensor& x) override { return x; }
};
struct ByValue : Base {
  Tensor forward(Tensor x) { return x; }
};
struct ByReference : Base {
  Tensor forward(Tensor& x) { return x; }
};
struct ByMove : Base {
  Tensor forward(Tensor&& x) { return x; }
};
struct IsConst : Base {
  Tensor forward(const Tensor& x) const { return x; }
};
struct WithDefault : Base {
  Tensor forward(const Tensor& x, bool = true) { return x; }
};
struct TwoWrong : Base {
  Tensor forward(Tensor x) { return x; }
  Tensor forward(int) { return {}; }
};
struct HidesRight : Right {
  Tensor forward(Tensor x) { return x; }
};
#pragma GCC diagnostic pop

template <class... M>
constexpr bool all_hide = (nn::HidesForward<M> && ...);
template <class... M>
constexpr bool none_hides = (!nn::HidesForward<M> && ...);

}  // namespace

static_assert(none_hides<Base, Right, Inherits, Overloads, OfTwo, GivesTwo, IsPrivate, nn::Module,
                         nn::ModuleList, nn::MultiheadAttention, models::GPT>);
static_assert(all_hide<ByValue, ByReference, ByMove, IsConst, WithDefault, TwoWrong, HidesRight>);
