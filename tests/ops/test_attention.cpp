// Tests attention's kernels: accuracy against float64 at ragged sizes, rows that see no column,
// NaN, decoding with a cache, dropout, threads and memory.
#include <catch2/catch.hpp>

#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

struct Sizes {
  int64_t B, H, G, T, S, D;
};

// Scales k so that it grows along the columns: each block has a larger maximum than the blocks
// before it.
Tensor rising(const Tensor& k) {
  const Tensor along = reshape(linspace(0.5, 3, std::max<int64_t>(2, k.size(-2))), {-1, 1});
  return k * narrow(along, 0, 0, k.size(-2));
}

struct AttentionCase {
  Tensor q, k, v, dy;
  explicit AttentionCase(const Sizes& s)
      : q(randn({s.B, s.H, s.T, s.D})),
        k(rising(randn({s.B, s.G, s.S, s.D}))),
        v(randn({s.B, s.G, s.S, s.D})),
        dy(randn({s.B, s.H, s.T, s.D})) {}
  // Returns y, dq, dk and dv.
  std::vector<Tensor> run(DType dtype, const AttentionOptions& options) const {
    std::vector<Tensor> in;
    for (const Tensor& x : {q, k, v}) in.push_back(x.detach().to(dtype).requires_grad_());
    Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], options);
    std::vector<Tensor> all = {y.detach()};
    for (const Tensor& dx : grad(y, in, {.grad_outputs = {dy.to(dtype)}})) all.push_back(dx);
    return all;
  }
};

double largest_of(const Tensor& x) { return x.numel() ? abs(x.to(kFloat64)).max().item() : 0; }

void check_against_float64(const Sizes& s, const AttentionOptions& options) {
  const AttentionCase c(s);
  const std::vector<Tensor> wanted = c.run(kFloat64, options), got = c.run(kFloat32, options);
  const char* names[] = {"y", "dq", "dk", "dv"};
  for (size_t i = 0; i < 4; ++i) {
    CAPTURE(s.B, s.H, s.G, s.T, s.S, s.D, options.is_causal, options.mask.defined(), names[i]);
    CHECK(max_difference(got[i], wanted[i]) <= 1e-5 * std::max(1.0, largest_of(wanted[i])));
  }
}

}  // namespace

TEST_CASE("attention: the kernels agree with float64 at sizes around their blocks") {
  manual_seed(1);
  const Sizes sizes[] = {{1, 1, 1, 1, 1, 1},       {2, 3, 3, 2, 5, 3},     {1, 2, 2, 9, 9, 16},
                         {1, 2, 1, 12, 13, 17},    {1, 1, 1, 47, 31, 33},  {1, 4, 2, 48, 64, 32},
                         {1, 2, 2, 49, 65, 64},    {1, 1, 1, 64, 64, 65},  {1, 3, 1, 65, 130, 5},
                         {2, 2, 2, 97, 100, 20},   {1, 1, 1, 130, 257, 8}, {1, 1, 1, 30, 513, 100},
                         {1, 2, 1, 150, 1100, 24}, {1, 1, 1, 300, 40, 12}, {1, 1, 1, 600, 600, 4},
                         {1, 2, 2, 1, 700, 64},    {1, 2, 2, 3, 700, 20},  {1, 8, 2, 2, 300, 40},
                         {2, 8, 2, 1, 300, 40}};
  for (const Sizes& s : sizes)
    for (bool is_causal : {false, true}) {
      check_against_float64(s, {.is_causal = is_causal});
      check_against_float64(s, {.is_causal = is_causal, .mask = gt(rand({s.B, 1, s.T, s.S}), 0.3)});
      check_against_float64(s, {.is_causal = is_causal, .mask = randn({s.H, 1, s.S})});
    }
}

TEST_CASE("attention: a row that sees no column is 0 and gives no gradient") {
  // The first 3 rows see no column, because of is_causal with S = T - 3, or because of a mask.
  for (int64_t T : {5, 40, 100})
    for (DType dtype : {kFloat32, kFloat64}) {
      const AttentionCase c({1, 2, 1, T, T - 3, 6});
      const std::vector<Tensor> causal = c.run(dtype, {.is_causal = true});
      Tensor mask = ones({T, 1}, kBool);
      narrow(mask, 0, 0, 3).fill_(0);
      const std::vector<Tensor> masked = c.run(dtype, {.mask = mask});
      for (const auto& all : {causal, masked})
        for (size_t i : {0, 1}) {
          CHECK(largest_of(narrow(all[i], 2, 0, 3)) == 0);
          CHECK(largest_of(narrow(all[i], 2, 4, 1)) > 0);
          CHECK(largest_of(all[i]) < 100);
        }
      for (size_t i : {2, 3}) CHECK(largest_of(masked[i]) < 100);
      // The other rows are the same as without a mask.
      const Tensor rest = c.run(dtype, {})[0];
      CHECK(max_difference(narrow(masked[0], 2, 3, T - 3), narrow(rest, 2, 3, T - 3)) < 1e-6);
    }
}

TEST_CASE("attention: NaN and infinite scores reach the rows that see them, and no others") {
  for (int64_t T : {3, 100}) {
    AttentionCase c({1, 2, 2, T, T, 20});
    const Tensor clean = scaled_dot_product_attention(c.q, c.k, c.v, {.is_causal = true});
    c.q[0][1][T - 1].select(0, 3).fill_(NAN);
    Tensor y = scaled_dot_product_attention(c.q, c.k, c.v, {.is_causal = true});
    CHECK(std::isnan(y[0][1][T - 1].select(0, 0).item()));
    CHECK(max_difference(narrow(y, 2, 0, T - 1), narrow(clean, 2, 0, T - 1)) == 0);
    c.q[0][1][T - 1].fill_(INFINITY);
    c.k[0][1].fill_(1.0);
    y = scaled_dot_product_attention(c.q, c.k, c.v, {.is_causal = true});
    CHECK(std::isnan(y[0][1][T - 1].select(0, 0).item()));
    c.v[0][0][0].fill_(NAN);
    y = scaled_dot_product_attention(c.q, c.k, c.v, {.is_causal = true});
    for (int64_t t : {int64_t{0}, T - 1}) CHECK(std::isnan(y[0][0][t].select(0, 19).item()));
    CHECK(!std::isnan(y[0][1][0].select(0, 19).item()));
  }
}

TEST_CASE("attention: gradients of large scores have the weights of the forward pass") {
  // With scores of 10^8, a difference in the last place of one score would multiply a weight by
  // e^8.
  for (const int64_t time : {2, 4, 8, 16})
    for (const double scale : {30.0, 1e3, 1e4}) {
      manual_seed(1);
      const Tensor q = randn({1, 4, time, 2}) * scale, k = randn({1, 4, time, 2}) * scale,
                   v = randn({1, 4, time, 2}), dy = randn({1, 4, time, 2});
      const auto value_gradient = [&](DType dtype) {
        const Tensor values = v.to(dtype).detach().requires_grad_();
        const Tensor y =
            scaled_dot_product_attention(q.to(dtype), k.to(dtype), values, {.is_causal = true});
        return grad(y, {values}, {.grad_outputs = {dy.to(dtype)}})[0];
      };
      const Tensor exact = value_gradient(kFloat64), fast = value_gradient(kFloat32);
      INFO(time << " tokens, scale " << scale);
      CHECK(max_difference(exact, fast) < 1e-3);
    }
}

TEST_CASE("attention: rows one by one over a cache equal all rows at once") {
  const int64_t T = 70, room = 96, D = 24;
  const Tensor q = randn({2, 4, T, D}), keys = randn({2, 2, room, D}),
               values = randn({2, 2, room, D});
  const auto cached = [](const Tensor& x, int64_t n) { return narrow(x, 2, 0, n); };
  const Tensor all =
      scaled_dot_product_attention(q, cached(keys, T), cached(values, T), {.is_causal = true});
  for (int64_t t = 0, step = 1; t < T; t += step, step = 1 + t % 3) {
    step = std::min(step, T - t);
    const Tensor y = scaled_dot_product_attention(narrow(q, 2, t, step), cached(keys, t + step),
                                                  cached(values, t + step), {.is_causal = true});
    CHECK(max_difference(y, narrow(all, 2, t, step)) < 2e-6);
  }
}

TEST_CASE("attention: bfloat16 keys and values give the same read in place or converted first") {
  for (int64_t T : {1, 2, 3, 20})
    for (int64_t D : {24, 21}) {
      CAPTURE(T, D);
      const auto narrow_randn = [](const Shape& shape) { return randn(shape).to(kBFloat16); };
      const Tensor q = narrow_randn({2, 6, T, D}), room = narrow_randn({2, 2, 150, D}),
                   k = narrow(room, 2, 0, 100), v = narrow(room, 2, 50, 100);
      for (double p : {0.0, 0.3}) {
        manual_seed(4);
        const Tensor wanted = scaled_dot_product_attention(
            q.to(kFloat64), k.to(kFloat64), v.to(kFloat64), {.is_causal = true, .dropout_p = p});
        manual_seed(4);
        const Tensor y = scaled_dot_product_attention(q, k, v, {.is_causal = true, .dropout_p = p});
        CHECK(max_difference(y, wanted) < 0x1p-8 * largest_of(wanted));
      }
    }
}

TEST_CASE("attention: kernels and definition drop the same weights, forward and backward") {
  const Sizes sizes[] = {{1, 1, 1, 1, 1, 1},    {2, 3, 3, 2, 5, 3},     {1, 4, 2, 49, 65, 16},
                         {2, 2, 1, 64, 64, 32}, {1, 1, 1, 130, 257, 8}, {1, 2, 2, 3, 700, 20},
                         {1, 1, 1, 60, 1100, 4}};
  for (const Sizes& s : sizes)
    for (double p : {0.1, 0.5, 1.0}) {
      const AttentionCase c(s);
      const auto run = [&](DType dtype) {
        manual_seed(3);
        return c.run(dtype, {.is_causal = true, .mask = randn({s.H, 1, s.S}), .dropout_p = p});
      };
      const std::vector<Tensor> wanted = run(kFloat64), got = run(kFloat32);
      for (size_t i = 0; i < 4; ++i) {
        CAPTURE(s.B, s.H, s.G, s.T, s.S, s.D, p, i);
        CHECK(max_difference(got[i], wanted[i]) <= 1e-5 * std::max(1.0, largest_of(wanted[i])));
      }
    }
}

TEST_CASE(
    "attention: a dropped weight is 0, others are times 1 / (1 - p), the next call drops others") {
  // The S weights of a row are equal and v is the identity, so y shows which weights were dropped.
  const int64_t H = 3, T = 50, S = 200;
  const Tensor q = zeros({H, T, S}), k = zeros({H, S, S}), v = expand(eye(S), {H, S, S});
  for (double p : {0.2, 0.75}) {
    manual_seed(5);
    const auto draw = [&] { return scaled_dot_product_attention(q, k, v, {.dropout_p = p}); };
    const Tensor first = draw(), second = draw();
    const Tensor kept = gt(first, 0).to(kFloat64);
    CHECK(max_difference(first, kept.to(kFloat32) * (1 / (1 - p) / S)) < 1e-7);
    CHECK(std::abs(kept.mean().item() - (1 - p)) < 0.01);  // 4 deviations of 30,000 draws
    CHECK(std::abs(kept[0].mean().item() - (1 - p)) < 0.02);
    // Two rows, heads or calls are independent, so two weights agree with probability `chance`.
    const double chance = p * p + (1 - p) * (1 - p);
    const auto agree = [](const Tensor& a, const Tensor& b) {
      return eq(gt(a, 0), gt(b, 0)).to(kFloat64).mean().item();
    };
    CHECK(std::abs(agree(first, second) - chance) < 0.02);
    CHECK(std::abs(agree(first[0], first[1]) - chance) < 0.02);
    CHECK(std::abs(agree(narrow(first, 1, 0, T - 1), narrow(first, 1, 1, T - 1)) - chance) < 0.02);
    CHECK(std::abs(agree(narrow(first, 2, 0, S - 64), narrow(first, 2, 64, S - 64)) - chance) <
          0.02);
  }
}

TEST_CASE("attention: heads of size 0 have empty values and empty gradients") {
  Tensor q = zeros({1, 2, 70, 0}).requires_grad_(), k = zeros({1, 2, 70, 0}).requires_grad_();
  const Tensor v = zeros({1, 2, 70, 0}).requires_grad_();
  scaled_dot_product_attention(q, k, v, {.is_causal = true}).sum().backward();
  CHECK(q.grad().shape() == q.shape());
  const Tensor qkv = zeros({2, 70, 0}).requires_grad_();
  self_attention(qkv, {.n_head = 2}).sum().backward();
  CHECK(qkv.grad().shape() == qkv.shape());
}

TEST_CASE("attention: wrong arguments throw an error that says why") {
  const Tensor x = randn({2, 4, 5, 6});
  const auto shape_error = [&](const Tensor& k, const Tensor& mask = {}) {
    return message_of<ShapeError>([&] { scaled_dot_product_attention(x, k, k, {.mask = mask}); });
  };
  using Catch::Contains;
  CHECK_THAT(shape_error(randn({2, 3, 5, 6})), Contains("the heads of q to be a multiple"));
  CHECK_THAT(shape_error(randn({2, 4, 5, 7})), Contains("agree in their features"));
  CHECK_THAT(shape_error(randn({3, 4, 5, 6})), Contains("leading axes"));
  CHECK_THAT(shape_error(randn({4, 5, 6})), Contains("k and v (..., G, S, D), got"));
  CHECK_THAT(
      message_of<ValueError>([&] { scaled_dot_product_attention(x, x, x, {.dropout_p = 1.5}); }),
      Contains("expected a dropout_p in [0, 1]"));
  CHECK_THAT(shape_error(x, zeros({5, 4})), Contains("got (5, 4)"));
  CHECK_THAT(shape_error(x, zeros({3, 2, 4, 5, 5})), Contains("a mask that broadcasts"));
  CHECK_THAT(message_of<DTypeError>([&] {
               scaled_dot_product_attention(x, x, x, {.mask = zeros({5, 5}, kInt64)});
             }),
             Contains("expected a bool or floating mask, got int64"));
  CHECK_THAT(message_of<GraphError>([&] {
               scaled_dot_product_attention(x, x, x, {.mask = zeros({5, 5}).requires_grad_()});
             }),
             Contains("expected a constant mask"));
  CHECK_THAT(message_of<ValueError>([&] { self_attention(x, {.n_head = 3, .n_kv_head = 2}); }),
             Contains("an n_head that is a positive multiple of n_kv_head, got 3 and 2"));
  CHECK_THAT(message_of<ShapeError>([&] { self_attention(x, {.n_head = 4}); }),
             Contains("expected qkv (..., T, (n_head + 2 n_kv_head) D)"));
}

TEST_CASE(
    "self_attention is the attention of its columns, and its output needs no copy to be reshaped") {
  const double p = GENERATE(0.0, 0.3);
  for (DType dtype : {kFloat32, kFloat64}) {
    const int64_t B = 2, T = 60, H = 4, G = 2, D = 12;
    Tensor qkv = randn({B, T, (H + 2 * G) * D}).to(dtype).requires_grad_();
    const auto heads = [&](const Tensor& x, int64_t first, int64_t count) {
      return transpose(reshape(narrow(x, 2, first * D, count * D), {B, T, count, D}), 1, 2);
    };
    manual_seed(2);
    Tensor y = self_attention(qkv, {.n_head = H, .n_kv_head = G, .dropout_p = p});
    CHECK(y.is_contiguous());
    manual_seed(2);
    Tensor z =
        scaled_dot_product_attention(heads(qkv, 0, H), heads(qkv, H, G), heads(qkv, H + G, G),
                                     {.is_causal = true, .dropout_p = p});
    Tensor merged = transpose(z, 1, 2);
    CHECK((merged.is_contiguous() || dtype == kFloat64));  // merging heads copies nothing
    merged = reshape(merged, {B, T, H * D});
    CHECK(same_bits(y, merged));
    const Tensor dy = randn({B, T, H * D}).to(dtype);
    const Tensor a = grad(y, {qkv}, {.grad_outputs = {dy}})[0];
    CHECK(max_difference(a, grad(merged, {qkv}, {.grad_outputs = {dy}})[0]) == 0);
    CHECK(a.is_contiguous());
  }
}

TEST_CASE("attention: results do not depend on the number of threads") {
  for (const Sizes& s :
       {Sizes{3, 3, 1, 200, 200, 32}, {1, 5, 5, 130, 600, 20}, {1, 6, 3, 1, 3000, 64}}) {
    const AttentionCase c(s);
    std::vector<Tensor> first;
    for (int threads : {1, 2, 3}) {
      const int before = get_num_threads();
      set_num_threads(threads);
      const std::vector<Tensor> all = c.run(kFloat32, {.is_causal = true});
      set_num_threads(before);
      if (first.empty()) first = all;
      for (size_t i = 0; i < all.size(); ++i) CHECK(same_bits(all[i], first[i]));
    }
  }
}

TEST_CASE("attention: no matrix of T x T numbers is ever in memory, with or without dropout") {
  const double p = GENERATE(0.0, 0.1);
  const int64_t T = 12'000, D = 4;
  Tensor qkv = randn({1, T, 3 * D}).requires_grad_(), dy = randn({1, T, D});
  const int64_t live = live_bytes(), before = memory_stats().peak;
  Tensor y = self_attention(qkv, {.n_head = 1, .dropout_p = p});
  CHECK(live_bytes() - live < 4 * T * (D + 2) + (64 << 10));  // y and two numbers per row
  y.backward(dy);
  CHECK(qkv.grad().defined());
  // The peak belongs to the whole process and only grows.  A matrix of scores would be 576 MB.
  CHECK(memory_stats().peak <= std::max(before, live + (16 << 20)));
}

TEST_CASE("attention: a mask that changed before backward is a VersionError") {
  Tensor q = randn({2, 9, 4}).requires_grad_(), mask = zeros({9, 9});
  Tensor y = scaled_dot_product_attention(q, q, q, {.mask = mask});
  mask.fill_(1);
  CHECK(message_of<VersionError>([&] { y.sum().backward(); }).find("attention") !=
        std::string::npos);
}

TEST_CASE("attention: a mask may be a single number, in every dtype") {
  for (DType dtype : {kFloat64, kFloat32}) {
    const Tensor q = randn({2, 3, 4}, dtype), k = randn({2, 5, 4}, dtype),
                 v = randn({2, 5, 4}, dtype);
    const Tensor plain = scaled_dot_product_attention(q, k, v);
    CHECK(max_difference(scaled_dot_product_attention(q, k, v, {.mask = full({}, 1, kBool)}),
                         plain) < 1e-6);
    CHECK(max_difference(scaled_dot_product_attention(q, k, v, {.mask = full({}, 0.5, dtype)}),
                         plain) < 1e-6);
  }
}
