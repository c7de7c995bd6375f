// Tests owner_of: the table of docs/kernels.md, on both sides of each threshold.
#include <catch2/catch.hpp>

#include "ops/owner.h"

using namespace vitro;

namespace {

// x W^T with a parameter W and a bias, as in linear.
Product linear_product(DType dtype, int64_t m, int64_t n, int64_t k) {
  return {.dtype = dtype,
          .batch = 1,
          .m = m,
          .n = n,
          .k = k,
          .b_dense_rows = false,
          .b_dense_columns = true,
          .b_is_parameter = true,
          .has_bias = true};
}
Product changed(Product p, void (*f)(Product&)) {
  f(p);
  return p;
}
void plain_weight(Product& p) { p.b_is_parameter = false; }
void rows_of_b(Product& p) {
  p.b_is_parameter = p.b_dense_columns = p.has_bias = false, p.b_dense_rows = true;
}
void down_columns_of_a(Product& p) {
  rows_of_b(p), p.a_dense_rows = p.a_dense = false, p.a_dense_columns = true;
}
void strided(Product& p) { p.b_is_parameter = p.b_dense_rows = p.b_dense_columns = false; }
void in_a_batch(Product& p) { rows_of_b(p), p.batch = 2; }
void without_instructions(Product& p) { p.bfloat16_instructions = false; }
void with_gaps(Product& p) { p.a_dense = false; }
void with_bias(Product& p) { rows_of_b(p), p.has_bias = true; }

}  // namespace

TEST_CASE("owner_of: the table of docs/kernels.md") {
  const auto f32 = [](int64_t m, int64_t n, int64_t k) {
    return linear_product(kFloat32, m, n, k);
  };
  const auto bf16 = [](int64_t m, int64_t n, int64_t k) {
    return linear_product(kBFloat16, m, n, k);
  };
  struct Row {
    const char* what;
    Product product;
    Owner owner;
  };
  const Row rows[] = {
      {"float64", linear_product(kFloat64, 512, 512, 512), Owner::kPlainLoops},
      {"a small parameter", f32(8, 64, 64), Owner::kPackedWeight},
      {"up to 5,000,000", f32(305, 256, 64), Owner::kPackedWeight},
      {"beyond", f32(306, 256, 64), Owner::kOneDnn},
      {"up to 65,536 numbers", f32(64, 256, 256), Owner::kPackedWeight},
      {"beyond", f32(64, 256, 257), Owner::kOneDnn},
      {"one row of it", f32(1, 64, 65), Owner::kPackedWeight},
      {"one row of a large one", f32(1, 512, 512), Owner::kFewRows},
      {"four rows", f32(4, 512, 512), Owner::kFewRows},
      {"five", f32(5, 512, 512), Owner::kOneDnn},
      {"four rows beyond the level 1 cache", f32(4, 512, 2049), Owner::kOneDnn},
      {"no parameter, 200,000", changed(f32(5, 200, 200), plain_weight), Owner::kSmall},
      {"beyond", changed(f32(5, 200, 201), plain_weight), Owner::kOneDnn},
      {"one row of 4,096", changed(f32(1, 64, 64), plain_weight), Owner::kSmall},
      {"of more", changed(f32(1, 64, 65), plain_weight), Owner::kFewRows},
      {"rows of b, one row of a", changed(f32(1, 512, 400), rows_of_b), Owner::kOneRow},
      {"of few", changed(f32(1, 500, 400), rows_of_b), Owner::kSmall},
      {"one column", changed(f32(512, 1, 512), rows_of_b), Owner::kOneColumn},
      {"and a bias", changed(f32(512, 1, 512), with_bias), Owner::kOneDnn},
      {"ragged", changed(f32(256, 65, 256), plain_weight), Owner::kSmall},
      {"ragged no more", changed(f32(256, 97, 256), plain_weight), Owner::kOneDnn},
      {"ragged beyond the level 2 cache", changed(f32(256, 65, 1024), plain_weight),
       Owner::kOneDnn},
      {"a weight's gradient", changed(f32(384, 768, 128), down_columns_of_a), Owner::kSmall},
      {"of many rows", changed(f32(16, 768, 2049), down_columns_of_a), Owner::kOneDnn},
      {"of many numbers", changed(f32(768, 768, 2048), down_columns_of_a), Owner::kOneDnn},
      {"no dense axis of b", changed(f32(5, 8, 8), strided), Owner::kOneDnn},
      {"a batch of small ones", changed(f32(50, 40, 50), in_a_batch), Owner::kSmall},
      {"of larger ones", changed(f32(51, 40, 50), in_a_batch), Owner::kOneDnn},
      {"bfloat16, a small parameter", bf16(8, 64, 64), Owner::kPackedWeight},
      {"beyond 40,000", bf16(10, 64, 64), Owner::kOneDnn},
      {"rows with gaps", changed(bf16(8, 64, 64), with_gaps), Owner::kOneDnn},
      {"few rows", bf16(1, 512, 512), Owner::kFewRows},
      {"no instructions", changed(bf16(64, 64, 64), without_instructions), Owner::kInFloat},
      {"few rows need none", changed(bf16(1, 512, 512), without_instructions), Owner::kFewRows},
      {"no parameter", changed(bf16(8, 8, 8), plain_weight), Owner::kOneDnn},
  };
  for (const Row& row : rows) {
    const Product& p = row.product;
    CAPTURE(row.what, p.m, p.n, p.k);
    CHECK(static_cast<int>(owner_of(p)) == static_cast<int>(row.owner));
  }
}
