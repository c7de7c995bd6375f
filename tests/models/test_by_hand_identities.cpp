// Tests identities that the functions by hand must fulfil, and that their sizes are sizes of terms.
#include "models/proof/kinds/attention.h"
#include "models/proof/kinds/rotary.h"
#include "models/proof/kinds/sized.h"
#include "tests/support/by_hand.h"

using namespace vitro;
using namespace vitro::testing;
using proof::Array;

namespace {

Array drawn(const Shape& shape) { return proof::array_of(randn(shape, kFloat64)); }

// max |a - b|
double distance(const Array& a, const Array& b) {
  return max_difference(proof::tensor_of(a, kFloat64), proof::tensor_of(b, kFloat64));
}

double dot(const Array& a, const Array& b) {
  double sum = 0;
  for (size_t i = 0; i < a.value.size(); ++i) sum += a.value[i] * b.value[i];
  return sum;
}

}  // namespace

TEST_CASE("by hand: the rows of softmax and of the pattern add up to 1, and their gradients to 0") {
  manual_seed(30);
  nn::Softmax softmax;
  const Tensor dy = randn({4, 9}, kFloat64);
  const ByHand hand = by_hand(softmax, proof::array_of(randn({4, 9}, kFloat64) * 5), dy);
  for (int64_t row = 0; row < 4; ++row) {
    double sum = 0, slopes = 0;
    for (int64_t i = 0; i < 9; ++i) sum += hand.y().row(row)[i], slopes += hand.dx().row(row)[i];
    CHECK(sum == Approx(1).epsilon(1e-14));
    CHECK(std::abs(slopes) < 1e-14);
  }
  const Array scores = proof::attention_scores(drawn({1, 4, 2, 6}), drawn({1, 4, 1, 6}),
                                               proof::attention_form(6, /*is_causal=*/true));
  const Array pattern = proof::attention_pattern(scores);
  for (int64_t row = 0; row < 8; ++row) {
    double sum = 0;
    for (int64_t s = 0; s < 4; ++s) {
      sum += pattern.row(row)[s];
      if (s > row % 4) CHECK(pattern.row(row)[s] == 0);
    }
    CHECK(sum == Approx(1).epsilon(1e-14));
  }
}

TEST_CASE("by hand: a rotation keeps lengths and scores' distances, and its transpose undoes it") {
  manual_seed(31);
  const Array x = drawn({2, 5, 3, 8}), y = drawn({2, 5, 3, 8});
  const Array turned = proof::rotated(x, 100, proof::Turn::kForward);
  CHECK(distance(proof::rotated(turned, 100, proof::Turn::kBack), x) < 1e-14);
  CHECK(dot(turned, turned) == Approx(dot(x, x)).epsilon(1e-14));
  CHECK(dot(turned, y) ==
        Approx(dot(x, proof::rotated(y, 100, proof::Turn::kBack))).epsilon(1e-12));
  // The first position is not turned.
  for (int64_t i = 0; i < 24; ++i) CHECK(turned.value[i] == x.value[i]);
  // The score of a query and a key depends on the distance of their positions only.
  Array same = x;
  for (int64_t row = 0; row < same.rows(); ++row) std::copy_n(x.row(0), 8, same.row(row));
  const Array both = proof::rotated(same, 100, proof::Turn::kForward);
  const auto score = [&](int64_t t, int64_t s) {
    double sum = 0;
    for (int64_t i = 0; i < 8; ++i) sum += both.row(t * 3)[i] * both.row(s * 3)[i];
    return sum;
  };
  CHECK(score(3, 1) == Approx(score(4, 2)).epsilon(1e-12));
  CHECK(score(3, 1) != Approx(score(3, 2)).epsilon(1e-3));
}

TEST_CASE("by hand: LayerNorm has mean 0 and variance 1, and RMSNorm is it without the mean") {
  manual_seed(32);
  nn::LayerNorm layer(50, {.eps = 0, .bias = false});
  nn::RMSNorm rms(50, {.eps = 0});
  layer.to(kFloat64), rms.to(kFloat64);
  Tensor x = randn({3, 50}, kFloat64) * 4 + 10;
  const Array y = by_hand(layer, proof::array_of(x)).y();
  for (int64_t row = 0; row < 3; ++row) {
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < 50; ++i)
      mean += y.row(row)[i] / 50, squares += y.row(row)[i] * y.row(row)[i] / 50;
    CHECK(std::abs(mean) < 1e-13);
    CHECK(squares == Approx(1).epsilon(1e-12));
  }
  const Tensor centred = x - x.mean(-1, /*keepdim=*/true);
  CHECK(distance(by_hand(rms, proof::array_of(centred)).y(), y) < 1e-12);
  const Array plain = by_hand(rms, proof::array_of(x)).y();
  for (int64_t row = 0; row < 3; ++row) {
    double squares = 0;
    for (int64_t i = 0; i < 50; ++i) squares += plain.row(row)[i] * plain.row(row)[i] / 50;
    CHECK(squares == Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("by hand: attention with equal scores is the mean of the values that are seen") {
  manual_seed(33);
  const Array q = proof::zeros_array({2, 4, 2, 3}), k = drawn({2, 4, 1, 3}),
              v = drawn({2, 4, 1, 3});
  for (const bool causal : {false, true}) {
    const Array z = proof::attention_by_hand(q, k, v, proof::attention_form(3, causal));
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t t = 0; t < 4; ++t)
        for (int64_t h = 0; h < 2; ++h)
          for (int64_t d = 0; d < 3; ++d) {
            const int64_t seen = causal ? t + 1 : 4;
            double mean = 0;
            for (int64_t s = 0; s < seen; ++s)
              mean += v.row(b * 4 + s)[d] / static_cast<double>(seen);
            CHECK(z.row((b * 4 + t) * 2 + h)[d] == Approx(mean).margin(1e-14));
          }
  }
}

TEST_CASE("by hand: attention in steps equals attention in one piece, forward and backward") {
  manual_seed(34);
  const Array q = drawn({2, 5, 4, 3}), k = drawn({2, 5, 2, 3}), v = drawn({2, 5, 2, 3}),
              dz = drawn({2, 5, 4, 3});
  for (const bool causal : {false, true}) {
    const proof::AttentionForm form = proof::attention_form(3, causal);
    const Array p = proof::attention_pattern(proof::attention_scores(q, k, form));
    CHECK(distance(proof::attention_sum(p, v), proof::attention_by_hand(q, k, v, form)) < 1e-14);
    const Array ds = proof::scores_gradient(p, proof::pattern_gradient(dz, v));
    const proof::AttentionGradients a = proof::step_gradients(q, k, v, p, ds, dz, form),
                                    b = proof::attention_gradients(q, k, v, dz, form);
    CHECK(distance(a.dq, b.dq) < 1e-14);
    CHECK(distance(a.dk, b.dk) < 1e-14);
    CHECK(distance(a.dv, b.dv) < 1e-14);
  }
}

TEST_CASE("by hand: the size of a result is the sum of the absolute values of its terms") {
  using proof::exact;
  using proof::Sized;
  const Sized a = exact(3), b = exact(-2), sum = a + b, product = sum * exact(4);
  CHECK((sum.value == 1 && sum.size == 5));
  CHECK((product.value == 4 && product.size == 20));
  CHECK((a - a).value == 0);
  CHECK((a - a).size == 6);
  CHECK((2.0 * b).size == 4);
  // A result is at least one of its terms.
  manual_seed(35);
  nn::Sequential m(nn::LayerNorm(6), nn::GELU(), nn::Softmax(), nn::RMSNorm(6), nn::SiLU());
  m.to(kFloat64);
  const ByHand hand = by_hand(m, proof::array_of(randn({3, 6}, kFloat64)), randn({3, 6}, kFloat64));
  for (const auto& child : hand.work.children)
    for (const Array* x : {&child->y, &child->dx})
      for (size_t i = 0; i < x->value.size(); ++i)
        CHECK(x->size[i] >= std::abs(x->value[i]) * (1 - 1e-12));
}

TEST_CASE("by hand: rounded intermediate results add up by their squares") {
  using proof::exact;
  using proof::Sized;
  const Sized x = proof::rounded(exact(3)), y = proof::rounded(exact(4));
  CHECK((x + y).stored == 25);
  CHECK((x * exact(2)).stored == 36);
  CHECK(proof::rounded(x + y).stored == 25 + 49);
  const Array kept = proof::array_of({2}, {x, exact(5)}, 1);
  CHECK((kept.stored[0] == 3 && kept.stored[1] == 0));
  const Array a = proof::rounded(drawn({3}));
  for (size_t i = 0; i < 3; ++i) CHECK(a.stored[i] == std::abs(a.value[i]));
  CHECK(proof::plus(a, a).stored[0] == Approx(std::sqrt(2) * a.stored[0]));
}
