// Tests the checks of members(): parameters require grad, and each has a different name.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;

namespace {

// Every method that walks over the members of a module.  A call of the module begins with a walk.
using Walk = std::pair<const char*, std::function<void(nn::Module&)>>;
const std::vector<Walk>& walks() {
  static const std::vector<Walk> all = {
      {"named_parameters", [](nn::Module& m) { m.named_parameters(); }},
      {"named_buffers", [](nn::Module& m) { m.named_buffers(); }},
      {"named_modules", [](nn::Module& m) { m.named_modules(); }},
      {"named_children", [](nn::Module& m) { m.named_children(); }},
      {"parameters", [](nn::Module& m) { m.parameters(); }},
      {"parameter_count", [](nn::Module& m) { m.parameter_count(); }},
      {"state_dict", [](nn::Module& m) { m.state_dict(); }},
      {"load_state_dict", [](nn::Module& m) { m.load_state_dict({}, {.strict = false}); }},
      {"train", [](nn::Module& m) { m.train(); }},
      {"to", [](nn::Module& m) { m.to(kFloat64); }},
      {"zero_grad", [](nn::Module& m) { m.zero_grad(); }},
      {"apply", [](nn::Module& m) { m.apply([](nn::Module&) {}); }},
      {"find", [](nn::Module& m) { m.find(""); }},
      {"summary", [](nn::Module& m) { m.summary(); }},
      {"call",
       [](nn::Module& m) {
         m(ones({1, 3}));
       }},
      {"call again", [](nn::Module& m) {
         m(ones({1, 3}));
       }}};
  return all;
}

struct TwoParameters : nn::Module {
  nn::Parameter a = ones({3}), b = ones({3});
  void members(nn::Visitor& v) override { v("a", a), v("a", b); }
};
struct TwoChildren : nn::Module {
  nn::Linear a{3, 3}, b{3, 3};
  void members(nn::Visitor& v) override { v("a", a), v("a", b); }
};
struct ChildAndTensor : nn::Module {
  nn::Linear a{3, 3};
  Tensor b = ones({3});
  void members(nn::Visitor& v) override { v("a", a), v.buffer("a", b); }
};
struct InnerName : nn::Module {  // the child has an a.weight too
  nn::Linear a{3, 3};
  nn::Parameter b = ones({3});
  void members(nn::Visitor& v) override { v("a.weight", b), v("a", a); }
};
struct ListAndChild : nn::Module {
  std::vector<nn::Linear> a;
  nn::Linear b{3, 3};
  ListAndChild() { a.emplace_back(3, 3); }
  void members(nn::Visitor& v) override { v("a", a), v("a.0", b); }
};
struct Holder : nn::Module {  // the mistake is in the child
  TwoParameters inner;
  void members(nn::Visitor& v) override { v("inner", inner); }
};

template <class M>
void check_refused(const std::string& words, const std::string& place) {
  for (const auto& [name, walk] : walks()) {
    M m;
    INFO(name);
    for (int time = 0; time < 2; ++time)  // the second call reports the error again
      CHECK_THAT(message_of<ValueError>([&, &walk = walk] { walk(m); }),
                 Contains(words) && Contains(place));
  }
  M m;
  CHECK_THAT(message_of<ValueError>([&] { nn::check_members(m); }),
             Contains(words) && Contains(place));
}

}  // namespace

TEST_CASE("members: one name given twice is an error of every walk") {
  check_refused<TwoParameters>("two of the name a", "in TwoParameters");
  check_refused<TwoChildren>("two of the name a", "in TwoChildren");
  check_refused<ChildAndTensor>("two of the name a", "in ChildAndTensor");
  check_refused<InnerName>("two of the name a.weight", "in InnerName");
  check_refused<ListAndChild>("two of the name a.0", "in ListAndChild");
  check_refused<Holder>("two of the name inner.a", "in TwoParameters\n  in Holder");
}

TEST_CASE("members: one module or tensor under two names is a tie, not a mistake") {
  struct Shared : nn::Module {
    nn::Linear a{3, 3};
    nn::Parameter w = a.weight;
    void members(nn::Visitor& v) override { v("a", a), v("again", a), v("w", w); }
  } m;
  CHECK(m.parameters().size() == 2);
  CHECK(m.named_modules().size() == 3);
  nn::check_members(m);
}

namespace {

template <class T>
struct Plain : nn::Module {  // its tensor requires no grad
  nn::Linear l{3, 3};
  Tensor gain = ones({3}, dtype_of<T>());
  void members(nn::Visitor& v) override { v("l", l), v("gain", gain); }
};
struct PlainList : nn::Module {
  std::vector<Tensor> gains = {ones({3}).requires_grad_(), ones({3})};
  void members(nn::Visitor& v) override { v("gains", gains); }
};
struct PlainInside : nn::Module {
  Plain<float> inner;
  void members(nn::Visitor& v) override { v("inner", inner); }
};

}  // namespace

TEST_CASE("members: a plain tensor without gradient is an error of every walk") {
  check_refused<Plain<float>>("gain to require grad", "in Plain");
  check_refused<Plain<double>>("gain to require grad", "in Plain");
  check_refused<Plain<int64_t>>("gain to require grad", "v.buffer()");
  check_refused<PlainList>("gains.1 to require grad", "in PlainList");
  check_refused<PlainInside>("inner.gain to require grad", "in PlainInside");
}

TEST_CASE("members: a tensor that was frozen stays frozen, moves, clones and loads") {
  Plain<float> m;
  m.gain.requires_grad_(false);
  CHECK(m.parameters().size() == 3);
  Plain<float> moved(std::move(m));
  CHECK_FALSE(moved.parameters()[2].requires_grad());
  moved.load_state_dict({{"gain", full({3}, 2)}}, {.strict = false});
  CHECK(values(moved.gain) == std::vector<double>(3, 2));
  for (Tensor& p : moved.parameters()) p.requires_grad_(false);
  CHECK_FALSE(nn::Linear(std::move(moved.l)).weight.requires_grad());

  nn::Linear source(3, 3);
  source.weight.requires_grad_(false);
  nn::Linear copy = nn::clone(source, 3, 3);
  CHECK_FALSE(copy.weight.requires_grad());
  CHECK(copy.bias.requires_grad());
  copy.weight.requires_grad_();
  CHECK(copy.weight.requires_grad());
}

TEST_CASE("members: a tensor that is defined after the first walk is found by the next") {
  struct Lazy : nn::Module {
    Tensor w;
    void members(nn::Visitor& v) override { v("w", w); }
  } m;
  CHECK(m.parameters().empty());
  m.w = ones({3});
  CHECK_THAT(message_of<ValueError>([&] { m.parameters(); }), Contains("w to require grad"));
  m.w.requires_grad_();
  CHECK(m.parameters().size() == 1);
}

TEST_CASE("parameter: it is a leaf that requires grad, from whatever tensor it is made") {
  Tensor plain = ones({3}), wanted = ones({3}).requires_grad_(), interior = wanted * 2.0;
  nn::Parameter a = plain, b = wanted, c = interior;
  for (const nn::Parameter* p : {&a, &b, &c}) CHECK((p->requires_grad() && p->is_leaf()));
  CHECK_FALSE(plain.requires_grad());             // the Parameter is a new leaf ...
  CHECK(a.data<float>() == plain.data<float>());  // ... that shares the storage
  CHECK(b.impl() == wanted.impl());
  CHECK(c.impl() != interior.impl());
  CHECK_FALSE(interior.is_leaf());
  CHECK_FALSE(nn::Parameter().defined());
  CHECK_FALSE(nn::Parameter(Tensor()).defined());
  for (DType d : {kInt64, kInt32, kUInt8, kBool})
    CHECK_THROWS_AS(nn::Parameter(zeros({3}, d)), DTypeError);
  for (DType d : {kFloat32, kFloat64, kBFloat16}) {
    NoGradGuard unrecorded;
    CHECK(nn::Parameter(zeros({3}, d)).requires_grad());
  }
}

TEST_CASE("parameter: copies are ties, and a frozen one stays frozen") {
  nn::Parameter a = ones({3});
  nn::Parameter b = a, c;
  c = a;
  CHECK((b.impl() == a.impl() && c.impl() == a.impl()));
  a.requires_grad_(false);
  CHECK_FALSE(nn::Parameter(a).requires_grad());
  nn::Parameter d = std::move(b);
  CHECK(d.impl() == a.impl());
  d = ones({2});
  CHECK(d.requires_grad());
  CHECK(a.shape() == Shape{3});
}
