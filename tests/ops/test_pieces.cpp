// Tests how oneDNN's products are cut.  The cut depends only on shape, dtype, layout and
// instruction set, and the bits of a product never depend on the number of threads.
#include "ops/onednn/pieces.h"

#include <catch2/catch.hpp>

#include "framework/base/parallel.h"
#include "framework/base/runtime.h"
#include "framework/tensor/factories.h"
#include "framework/tensor/random.h"
#include "ops/onednn/gemm.h"
#include "tests/support/tensors.h"
#include "tests/support/threads.h"
#include "vitro.h"

using namespace vitro;
using onednn::Pieces;
using testing::same_bits;
using testing::Threads;

namespace {

constexpr bool kDown = true, kAlong = false;     // an operand is stored by columns or by rows
constexpr bool kJoin = true, kSingle = false;    // pieces of rows are joined or not
constexpr bool kApart = true, kInPlace = false;  // a piece is computed in memory of its own or in c

int64_t count(const Pieces& p, const onednn::Product& x) {
  const auto parts = [](int64_t n, int64_t of) { return (n + of - 1) / of; };
  return parts(x.batch, p.batch) * parts(x.m, p.rows) * parts(x.n, p.cols);
}

}  // namespace

TEST_CASE("the table of pieces") {
  struct Row {
    onednn::Product product;
    bool avx512;
    struct {
      int64_t rows, cols;
      bool join, apart;
      int64_t batch = 1;
    } expected;
  };
  const Row rows[] = {
      // x W^T
      {{kFloat32, 1, 64, 256, 64, kAlong, kDown}, true, {64, 256, kSingle, kInPlace}},
      {{kFloat32, 1, 16, 768, 768, kAlong, kDown}, true, {16, 384, kJoin, kApart}},
      {{kFloat32, 1, 64, 768, 768, kAlong, kDown}, true, {64, 192, kJoin, kApart}},
      {{kFloat32, 1, 256, 256, 64, kAlong, kDown}, true, {16, 256, kJoin, kInPlace}},
      {{kFloat32, 1, 256, 768, 768, kAlong, kDown}, true, {16, 192, kJoin, kApart}},
      {{kFloat32, 1, 256, 3072, 768, kAlong, kDown}, true, {16, 512, kJoin, kApart}},
      {{kFloat32, 1, 256, 768, 3072, kAlong, kDown}, true, {16, 192, kJoin, kApart}},
      {{kFloat32, 1, 256, 50257, 768, kAlong, kDown}, true, {256, 576, kJoin, kApart}},
      {{kFloat32, 1, 128, 50257, 256, kAlong, kDown}, true, {128, 576, kJoin, kApart}},
      {{kFloat32, 1, 1024, 1024, 1024, kAlong, kDown}, true, {16, 1024, kJoin, kInPlace}},
      {{kFloat32, 1, 768, 128, 512, kAlong, kDown}, true, {16, 128, kJoin, kInPlace}},
      {{kFloat32, 1, 256, 768, 768, kAlong, kDown}, false, {96, 192, kSingle, kApart}},
      {{kFloat32, 1, 1024, 1024, 1024, kAlong, kDown}, false, {64, 512, kSingle, kApart}},
      {{kBFloat16, 1, 256, 768, 768, kAlong, kDown}, true, {96, 192, kSingle, kApart}},
      // x W
      {{kFloat32, 1, 768, 128, 512, kAlong, kAlong}, true, {16, 128, kJoin, kInPlace}},
      {{kFloat32, 1, 256, 768, 3072, kAlong, kAlong}, true, {64, 384, kSingle, kApart}},
      {{kFloat32, 1, 768, 384, 128, kAlong, kAlong}, true, {16, 384, kJoin, kInPlace}},
      {{kFloat32, 1, 768, 128, 512, kAlong, kAlong}, false, {192, 128, kSingle, kInPlace}},
      // dy^T x
      {{kFloat32, 1, 3072, 768, 256, kDown, kAlong}, true, {16, 768, kJoin, kInPlace}},
      {{kFloat32, 1, 512, 128, 768, kDown, kAlong}, true, {128, 128, kSingle, kInPlace}},
      {{kFloat32, 1, 3072, 768, 1024, kDown, kAlong}, true, {128, 384, kSingle, kApart}},
      // batches
      {{kFloat32, 1000, 8, 8, 8, kAlong, kAlong}, true, {8, 8, kSingle, kInPlace, 1000}},
      {{kFloat32, 96, 64, 64, 64, kAlong, kAlong}, true, {64, 64, kSingle, kInPlace, 4}},
      {{kFloat32, 4, 256, 256, 256, kAlong, kDown}, true, {16, 256, kJoin, kInPlace}},
  };
  for (const Row& row : rows) {
    const auto& [dtype, batch, m, n, k, a, b, adds, dense] = row.product;
    const Pieces p = onednn::pieces(row.product, row.avx512);
    CAPTURE(dtype_name(dtype), batch, m, n, k, a, b, adds, dense, row.avx512);
    CAPTURE(p.batch, p.rows, p.cols, p.join, p.grain);
    CHECK(p.batch == row.expected.batch);
    CHECK(p.rows == row.expected.rows);
    CHECK(p.cols == row.expected.cols);
    CHECK(p.join == row.expected.join);
    CHECK(p.apart == row.expected.apart);
  }
}

TEST_CASE("pieces are never empty; a GFLOP is cut into about 32 pieces") {
  manual_seed(1);
  int large = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto draw = [](int64_t most) { return randint(1, most + 1, {1}).item<int64_t>(); };
    const int64_t most = i % 3 == 0 ? 64 : i % 3 == 1 ? 1024 : 8192;
    const onednn::Product x{i % 5 ? kFloat32 : kBFloat16,
                            i % 4 ? 1 : draw(64),
                            draw(most),
                            draw(most),
                            draw(most),
                            i % 2 == 0,
                            i % 7 < 3};
    const Pieces p = onednn::pieces(x, i % 11 < 8);
    CAPTURE(x.batch, x.m, x.n, x.k, p.batch, p.rows, p.cols, p.grain);
    REQUIRE((p.batch >= 1 && p.batch <= x.batch));
    REQUIRE((p.rows >= 1 && p.rows <= x.m + 15));
    REQUIRE((p.cols >= 1 && p.cols <= x.n + 63));
    REQUIRE(p.grain >= 1);
    const double flops = 2.0 * static_cast<double>(x.batch * x.m * x.n) * static_cast<double>(x.k);
    if (flops < 4e6) REQUIRE(count(p, x) == 1);
    // A large product has about 32 pieces of at least 64 rows or 128 columns, if its shape is large
    // enough.
    const bool roomy = x.batch * (x.m / 64) * (x.n / 256) >= 64 && x.m > 64;
    if (flops >= 1.1e9 && roomy) {
      ++large;
      REQUIRE(count(p, x) / p.grain >= 24);
    }
  }
  CHECK(large > 1000);
}

TEST_CASE("joined pieces have the bits of single ones") {
  // Checks the promise of `join` for random shapes, on this machine's instruction set.
  manual_seed(2);
  int joined = 0;
  for (int i = 0; i < 400; ++i) {
    const auto draw = [](int64_t most) { return randint(1, most + 1, {1}).item<int64_t>(); };
    const bool a_down = i % 3 == 2, b_down = i % 3 == 0;
    int64_t m = 64 + draw(i % 8 ? 300 : 700), n = draw(i % 2 ? 1200 : 150),
            k = draw(a_down  ? 256
                     : i % 9 ? 900
                             : 3000);
    if (i % 6 == 0) m = m / 16 * 16 + 1 + i % 2;  // the last piece has one or two rows
    if (i % 5 == 0) n = (n + 15) / 16 * 16, k = (k + 15) / 16 * 16;
    const Tensor a = randn(a_down ? Shape{k, m} : Shape{m, k}),
                 b = randn(b_down ? Shape{n, k} : Shape{k, n}), bias = randn({n});
    const auto post = static_cast<Activation>(i % 4);
    const auto call = [&](Tensor& c) {
      return onednn::MatmulCall{kFloat32,
                                1,
                                m,
                                n,
                                k,
                                {a.data<float>(), a_down ? 1 : k, a_down ? m : 1, m * k},
                                {b.data<float>(), b_down ? 1 : n, b_down ? k : 1, n * k},
                                i % 2 ? bias.data<float>() : nullptr,
                                post,
                                /*accumulate=*/i % 7 == 0,
                                c.mutable_data<float>()};
    };
    Tensor whole = zeros({m, n}), cut = zeros({m, n});
    const Pieces p = onednn::pieces({kFloat32, 1, m, n, k, a_down, b_down, /*adds=*/i % 7 == 0},
                                    version_info().onednn.find("AVX-512") != std::string::npos);
    if (!p.join) continue;
    ++joined;
    const onednn::MatmulCall one = call(whole), many = call(cut);
    for (int64_t column = 0; column < n; column += p.cols) {
      const int64_t columns = std::min(p.cols, n - column);
      onednn::matmul_part(one, {0, 1, 0, m, column, columns}, p.apart);
      for (int64_t row = 0, rows; row < m; row += rows) {
        rows = std::min(p.rows * (1 + (row / p.rows + i) % 5), m - row);
        onednn::matmul_part(many, {0, 1, row, rows, column, columns}, p.apart);
      }
    }
    CAPTURE(m, n, k, a_down, b_down, i);
    CHECK(same_bits(whole, cut));
  }
  if (version_info().onednn.find("AVX-512") != std::string::npos) CHECK(joined > 100);
}

TEST_CASE("products have the same bits for any number of threads") {
  struct Size {
    int64_t m, n, k;
  };
  const Size size =
      GENERATE(Size{1, 500, 300}, Size{5, 129, 257}, Size{16, 768, 768}, Size{64, 64, 64},
               Size{300, 64, 700}, Size{513, 127, 96}, Size{1024, 256, 256}, Size{100, 1000, 130},
               Size{256, 3072, 768}, Size{97, 1300, 256}, Size{256, 320, 800});
  const DType dtype = GENERATE(kFloat32, kBFloat16);
  Threads scope(1);
  manual_seed(3);
  const Tensor x = randn({size.m, size.k}).to(dtype), w = randn({size.n, size.k}).to(dtype),
               b = randn({size.n}).to(dtype), dy = randn({size.m, size.n}).to(dtype),
               xs = randn({3, size.m, size.k}).to(dtype);
  // Operands with gaps, and transposed operands.
  const Tensor wide = randn({size.m, 2 * size.k + 3}).to(dtype), gap = wide.slice(1, 1, size.k + 1),
               w_gap = randn({size.n, size.k + 70}).to(dtype).slice(1, 0, size.k),
               a_t = randn({size.k, size.m}).to(dtype), b_t = randn({size.n, size.k}).to(dtype);
  const auto run = [&](int threads) {
    set_num_threads(threads);
    Tensor xx = x.clone().requires_grad_(), ww = w.clone().requires_grad_();
    Tensor y = linear(xx, ww, b);
    y.backward(dy);
    return std::vector<Tensor>{y.detach(),
                               xx.grad(),
                               ww.grad(),
                               matmul(xs, w.t()),
                               matmul(xs.transpose(1, 2), dy),
                               matmul(gap, w.t()),
                               matmul(gap, w_gap.t()),
                               matmul(x, w_gap.t()),
                               matmul(a_t.t(), b_t.t()),
                               matmul(gap.t(), dy)};
  };
  const std::vector<Tensor> one = run(1);
  for (int threads : {2, 3, 4, 5, 7}) {
    const std::vector<Tensor> many = run(threads);
    for (size_t i = 0; i < one.size(); ++i) {
      CAPTURE(size.m, size.n, size.k, dtype_name(dtype), threads, i);
      CHECK(same_bits(one[i], many[i]));
    }
  }
}
