// Tests that NaN and infinities in hidden keys and values do not change attention.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

struct HiddenCase {
  int64_t T, H = 2, G = 2, S = 0;
  DType dtype = kFloat32;
  bool is_causal = false, create_graph = false;
  Tensor mask = {};
  double dropout_p = 0;
};

// Returns y and the gradients of q, k and v.
std::vector<Tensor> run(const HiddenCase& c, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& dy) {
  std::vector<Tensor> in;
  for (const Tensor& x : {q, k, v}) in.push_back(x.to(c.dtype).clone().requires_grad_());
  manual_seed(9);
  const Tensor y = scaled_dot_product_attention(
      in[0], in[1], in[2], {.is_causal = c.is_causal, .mask = c.mask, .dropout_p = c.dropout_p});
  std::vector<Tensor> all = {y.detach()};
  const auto gradients =
      grad(y, in, {.grad_outputs = {dy.to(c.dtype)}, .create_graph = c.create_graph});
  for (const Tensor& dx : gradients) all.push_back(dx.detach());
  return all;
}

// Checks that NaN or infinities in column S - 1 change no row that does not see it.  A mask hides
// the column from all rows; is_causal hides it from all rows but the last.
void check_hidden(const HiddenCase& c) {
  const int64_t S = c.S ? c.S : c.T, D = 20, seen_rows = c.is_causal ? c.T - 1 : c.T;
  manual_seed(8);
  const Tensor q = randn({2, c.H, c.T, D}), k = randn({2, c.G, S, D}), v = randn({2, c.G, S, D});
  Tensor dy = randn({2, c.H, c.T, D});
  if (c.is_causal) dy.select(2, c.T - 1).zero_();  // the last row sees the column, so its dy is 0
  const auto wanted = run(c, q, k, v, dy);
  // Sums in another order may round to another bfloat16.
  const double tolerance = c.dtype == kBFloat16 ? 2e-2 : 1e-5;
  for (double bad : {static_cast<double>(kNaN), static_cast<double>(kInf)})
    for (bool in_keys : {true, false}) {
      CAPTURE(c.T, S, c.H, c.G, c.dtype, c.is_causal, c.create_graph, c.dropout_p, bad, in_keys);
      CAPTURE(c.mask.defined());
      Tensor kk = k.clone(), vv = v.clone();
      (in_keys ? kk : vv).select(2, S - 1).fill_(bad);
      const auto got = run(c, q, kk, vv, dy);
      CHECK(max_difference(narrow(got[0], 2, 0, seen_rows), narrow(wanted[0], 2, 0, seen_rows)) <
            tolerance);
      CHECK(max_difference(narrow(got[1], 2, 0, seen_rows), narrow(wanted[1], 2, 0, seen_rows)) <
            tolerance);
      if (c.is_causal) continue;  // the last row's weights are NaN, and reach dk and dv
      for (size_t i : {2, 3}) CHECK(max_difference(got[i], wanted[i]) < tolerance);
    }
}

// A mask (T, S) that hides the last column.
Tensor all_but_last(int64_t T, int64_t S) {
  Tensor mask = ones({T, S}, kBool);
  mask.select(1, S - 1).fill_(false);
  return mask;
}

}  // namespace

TEST_CASE("attention: NaN and infinities in hidden keys and values change nothing") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (bool create_graph : {false, true})
      for (int64_t T : {2, 5, 40, 70}) {
        const auto with = [&](const Tensor& mask) {
          return HiddenCase{.T = T, .dtype = dtype, .create_graph = create_graph, .mask = mask};
        };
        check_hidden(with(all_but_last(T, T)));
        check_hidden(with(all_but_last(1, T)));
        check_hidden(with(where(all_but_last(T, T), zeros({}), full({}, -kInf))));
        HiddenCase dropping = with(all_but_last(T, T));
        dropping.dropout_p = 0.3;
        check_hidden(dropping);
        HiddenCase causal = with({});
        causal.is_causal = true;
        check_hidden(causal);
        causal.dropout_p = 0.3;
        check_hidden(causal);
      }
  // Cases with several blocks of columns, shared keys, few rows, one row.
  check_hidden({.T = 60, .S = 1100, .mask = all_but_last(60, 1100)});
  check_hidden({.T = 30, .H = 4, .G = 2, .S = 600, .mask = all_but_last(30, 600)});
  check_hidden({.T = 3, .H = 4, .G = 2, .S = 300, .mask = all_but_last(3, 300)});
  for (DType dtype : {kFloat32, kBFloat16})
    check_hidden({.T = 1, .H = 4, .G = 2, .S = 300, .dtype = dtype, .mask = all_but_last(1, 300)});
}

TEST_CASE("self_attention: NaN in the future of a row changes nothing") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (int64_t T : {3, 50}) {
      manual_seed(10);
      const Tensor qkv = randn({2, T, 24}).to(dtype);
      Tensor bad = qkv.clone();
      bad.select(1, T - 1).fill_(kNaN);
      const auto rows = [&](const Tensor& x) {
        Tensor in = x.clone().requires_grad_();
        const Tensor y = narrow(self_attention(in, {.n_head = 2}), 1, 0, T - 1);
        sum(y).backward();
        return std::vector<Tensor>{y.detach(), narrow(in.grad(), 1, 0, T - 1)};
      };
      const auto got = rows(bad), wanted = rows(qkv);
      CHECK(max_difference(got[0], wanted[0]) < 1e-6);
      // The last row's dy is 0 here, but its softmax is NaN, and reaches all dk and dv.  So only
      // dq, the first 8 columns, is compared.
      for (int64_t j = 0; j < 8; ++j)
        CHECK(max_difference(got[1].select(2, j), wanted[1].select(2, j)) < 1e-6);
    }
}

TEST_CASE("attention: a row that sees no column is 0 with gradient 0, even where q is NaN") {
  for (DType dtype : {kFloat32, kFloat64, kBFloat16})
    for (bool create_graph : {false, true})
      for (int64_t T : {2, 9, 40})
        for (double q0 : {1.0, static_cast<double>(kNaN)}) {
          CAPTURE(dtype, create_graph, T, q0);
          Tensor mask = ones({T, T}, kBool), q = randn({1, 2, T, 6});
          mask[0].fill_(false);
          q.select(2, 0).fill_(q0);
          const Tensor k = randn({1, 2, T, 6}), v = randn({1, 2, T, 6}), dy = randn({1, 2, T, 6});
          const auto all = run({.T = T, .dtype = dtype, .create_graph = create_graph, .mask = mask},
                               q, k, v, dy);
          for (size_t i : {0, 1}) CHECK(abs(all[i].select(2, 0)).max().item() == 0);
          for (const Tensor& x : all) CHECK(abs(x).max().item() < 100);
        }
}

TEST_CASE("attention: NaN that a row sees stays NaN") {
  for (DType dtype : {kFloat32, kFloat64})
    for (int64_t T : {2, 40}) {
      const Tensor q = randn({1, 1, T, 4}, dtype), k = randn({1, 1, T, 4}, dtype);
      Tensor v = randn({1, 1, T, 4}, dtype);
      v.select(2, 0).fill_(kNaN);
      Tensor mask = ones({T, T}, kBool);
      mask[0].select(0, 0).fill_(false);  // row 0 sees all columns but column 0
      const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = mask});
      for (int64_t t = 0; t < T; ++t) CHECK(std::isnan(y[0][0][t].select(0, 0).item()) == (t > 0));
    }
}

TEST_CASE("attention: the weights of large scores add up to 1 in backward") {
  // q and k are multiples of powers of two, so that the scores are exact in float32.
  for (int64_t T : {2, 40}) {
    manual_seed(11);
    const Tensor q = full({1, 1, T, 4}, 64), dy = randn({1, 1, T, 4}), v = randn({1, 1, T, 4});
    const Tensor k = randint(0, 2, {1, 1, T, 4}).to(kFloat32) * 0x1p-7 + 40.0;
    std::vector<Tensor> gradients;
    for (DType dtype : {kFloat32, kFloat64}) {
      Tensor values = v.to(dtype).clone().requires_grad_();
      const Tensor y = scaled_dot_product_attention(q.to(dtype), k.to(dtype), values, {.scale = 1});
      gradients.push_back(grad(y, {values}, {.grad_outputs = {dy.to(dtype)}})[0].to(kFloat64));
    }
    CHECK(max_difference(gradients[0], gradients[1]) < 1e-5);
  }
}
