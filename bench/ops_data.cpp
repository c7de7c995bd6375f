// Rows of ops that move data (views, copies, joins, indexing), and of products.
#include "bench/op_rows.h"

namespace vitro::bench {

void view_rows() {
  constexpr int64_t side = 1 << 10, n = side * side;
  auto view_row = [](const std::string& name, auto f) {
    row(name, "64x64x16", {.ops = 100}, [f] {
      return hundred([f, x = rand({64, 64, 16})] { f(x); });
    });
  };
  view_row("reshape", [](const Tensor& x) { reshape(x, {-1, 16}); });
  view_row("transpose", [](const Tensor& x) { transpose(x, 0, 1); });
  view_row("permute", [](const Tensor& x) { permute(x, {2, 0, 1}); });
  view_row("select", [](const Tensor& x) { select(x, 0, 3); });
  view_row("slice", [](const Tensor& x) { slice(x, 1, 8, 16); });

  const Work copy{.bytes = floats(2 * n)};
  auto square = [] { return rand({side, side}); };
  auto dense = [](const Tensor& x) { return contiguous(x); };
  auto pair = [](int64_t axis) {
    return [axis](const Tensor& x, const Tensor& y) { return cat({x, y}, axis); };
  };
  row("clone", "1024x1024", copy, [=] { return unrecorded(clone, square()); });
  row("contiguous, transposed", "1024x1024", copy, [=] { return unrecorded(dense, square().t()); });
  row("contiguous, heads in front", "16x64x16x64", copy, [=] {
    return unrecorded(dense, rand({16, 64, 16, 64}).transpose(1, 2));
  });
  row("contiguous, every second", "1024x2048", copy, [=] {
    return unrecorded(dense, rand({side, 2 * side}).slice(1, 0, 2 * side, 2));
  });
  const Work join{.bytes = floats(4 * n)};
  row("cat, axis 0", "2 x 1024x1024", join,
      [=] { return unrecorded(pair(0), square(), square()); });
  row("cat, axis 1", "2 x 1024x1024", join,
      [=] { return unrecorded(pair(1), square(), square()); });
  row("stack", "2 x 1024x1024", join, [=] {
    return unrecorded([](const Tensor& x, const Tensor& y) { stack({x, y}); }, square(), square());
  });
  row("cat backward, axis 1", "2 x 1024x1024", copy, [=] {
    return backward_of([=, y = square()](const Tensor& x) { return cat({x, y}, 1); }, square());
  });
}

void indexing_rows() {
  struct Table {
    const char* name;
    int64_t vocab_size, features, count;
  };
  for (const Table& t :
       {Table{"256 of 65x64", 65, 64, 256}, Table{"1024 of 50257x256", 50257, 256, 1024}}) {
    auto look_up = [t] {
      return [ids = randint(0, t.vocab_size, {t.count})](const Tensor& w) {
        return embedding(ids, w);
      };
    };
    auto weight = [t] { return ones({t.vocab_size, t.features}); };
    row("embedding", t.name, {.bytes = floats(2 * t.count * t.features)},
        [=] { return unrecorded(look_up(), weight()); });
    row("embedding backward", t.name, {.bytes = floats((t.vocab_size + t.count) * t.features)},
        [=] { return backward_of(look_up(), weight()); });
  }
  constexpr int64_t side = 1 << 10, n = side * side;
  auto ids = [](const Shape& shape) { return randint(0, side, shape); };
  const std::string text = "1024x1024";
  auto x = [] { return rand({side, side}); };
  for (int64_t axis : {0, 1}) {
    const std::string at = axis ? ", axis 1" : ", axis 0";
    row("index_select" + at, text, {.bytes = floats(2 * n)}, [=] {
      return unrecorded([=, i = ids({side})](const Tensor& v) { index_select(v, axis, i); }, x());
    });
    row("gather" + at, text, {.bytes = floats(4 * n)}, [=] {
      return unrecorded([=, i = ids({side, side})](const Tensor& v) { gather(v, axis, i); }, x());
    });
  }
  row("gather backward, axis 1", text, {.bytes = floats(4 * n)}, [=] {
    return backward_of([i = ids({side, side})](const Tensor& v) { return gather(v, 1, i); }, x());
  });
  row("scatter_add, axis 1", text, {.bytes = floats(5 * n)}, [=] {
    return unrecorded(
        [i = ids({side, side}), s = x()](const Tensor& v) { scatter_add(v, 1, i, s); }, x());
  });
  row("one_hot", "1024 of 1024", {.bytes = 2 * floats(n)},
      [=] { return unrecorded([](const Tensor& i) { one_hot(i, side); }, ids({side})); });
}

namespace {

std::string square_text(int64_t n) {
  std::string text = std::to_string(n);
  return text + "x" + text + "x" + text;
}

// matmul(a, b), with 2 `products` FLOPs in all.
template <class A, class B>
void product_row(const std::string& name, const std::string& shape, int64_t products, DType dtype,
                 A make_a, B make_b) {
  row(name, shape, {.flops = 2.0 * static_cast<double>(products), .dtype = dtype},
      [=] { return unrecorded(matmul, make_a(), make_b()); });
}

}  // namespace

void product_rows() {
  auto matrix_of = [](int64_t n, DType dtype = kFloat32) {
    return [=] { return ones({n, n}, dtype); };
  };
  for (int64_t n : {64, 128, 256, 512, 1024})
    product_row("matmul", square_text(n), n * n * n, kFloat32, matrix_of(n), matrix_of(n));
  for (int64_t n : {64, 256, 1024})
    product_row("matmul, bf16", square_text(n), n * n * n, kBFloat16, matrix_of(n, kBFloat16),
                matrix_of(n, kBFloat16));
  product_row("matmul, f64", square_text(128), 128 * 128 * 128, kFloat32, matrix_of(128, kFloat64),
              matrix_of(128, kFloat64));

  constexpr int64_t n = 512;
  const Work backward{.flops = 4.0 * n * n * n};
  auto turned = [=] { return ones({n, n}).t(); };
  product_row("matmul, a^T b", square_text(n), n * n * n, kFloat32, turned, matrix_of(n));
  product_row("matmul, a b^T", square_text(n), n * n * n, kFloat32, matrix_of(n), turned);
  row("matmul backward, both", square_text(n), backward, [] {
    Tensor a = ones({n, n}).requires_grad_(), b = ones({n, n}).requires_grad_(), c = matmul(a, b);
    return [=, dc = ones({n, n})] {
      grad({c}, {a, b}, {.grad_outputs = {dc}, .retain_graph = true});
    };
  });

  // The products of attention for 4 sequences with 12 heads: scores q k^T, and scores times v.
  constexpr int64_t b = 4, heads = 12, time = 64, size = 64;
  constexpr int64_t products = b * heads * time * time * size;
  const std::string text = "48 x 64x64x64";
  for (DType dtype : {kFloat32, kBFloat16}) {
    const std::string end = dtype == kFloat32 ? "" : ", bf16";
    auto dense = [=] { return ones({b, heads, time, size}, dtype); };
    auto strided = [=] { return ones({b, time, heads, size}, dtype).transpose(1, 2); };
    product_row("batched q k^T" + end, text, products, dtype, dense,
                [=] { return dense().transpose(-1, -2); });
    product_row("batched q k^T, strided" + end, text, products, dtype, strided,
                [=] { return strided().transpose(-1, -2); });
    product_row("batched p v" + end, text, products, dtype, dense, dense);
    product_row("batched p v, strided" + end, text, products, dtype, dense, strided);
  }
}

}  // namespace vitro::bench
