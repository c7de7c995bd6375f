// Joins the rows of all families to the op table, and draws random values for the inputs.
#include "tests/ops/op_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

Rows make_table() {
  Rows rows;
  for (auto add : {add_unaries, add_binaries, add_reductions, add_views, add_joins, add_products,
                   add_softmaxes, add_norms, add_masks, add_attention, add_indexing,
                   add_class_losses, add_pointwise_losses, add_random})
    add(rows);
  return rows;
}

}  // namespace

const std::vector<Row>& op_table() {
  static const std::vector<Row> rows = make_table();
  return rows;
}

// --- values ---

double Array::operator()(const Place& at) const {
  int64_t k = 0;
  for (size_t i = 0; i < at.size(); ++i) k = k * shape[static_cast<int>(i)] + at[i];
  return values[static_cast<size_t>(k)];
}

namespace {
double uniform(std::mt19937_64& random, double low, double high) {
  return low + (high - low) * std::ldexp(static_cast<double>(random() >> 11), -53);
}
double as_held(double v, DType dtype) {
  if (dtype == kFloat64) return v;
  return dtype == kFloat32 ? static_cast<float>(v)
                           : static_cast<float>(BFloat16(static_cast<float>(v)));
}

Array sample(const Input& input, size_t position, std::mt19937_64& random) {
  Array x{input.shape, std::vector<double>(static_cast<size_t>(count(input.shape)))};
  const size_t n = x.values.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  for (size_t i = 0; i < n; ++i) {
    double& v = x.values[i];
    switch (input.domain) {
      case Domain::kAny: v = uniform(random, -2, 2); break;
      case Domain::kSmall: v = uniform(random, -0.5, 0.5); break;
      case Domain::kPositive: v = uniform(random, 0.5, 2.5); break;
      case Domain::kAwayFromZero: v = uniform(random, 0.2, 2) * (random() % 2 ? 1 : -1); break;
      case Domain::kDistinct:
        v = (static_cast<double>(order[i]) - std::floor(static_cast<double>(n) / 2)) / 8 +
            static_cast<double>(position) / 16 + uniform(random, -0.02, 0.02);
        break;
      case Domain::kSmallIntegers: v = static_cast<double>(random() % 3) - 1; break;
      // The first id is 0, so at least one row counts in losses that ignore class 1.
      case Domain::kIds:
        v = i == 0 ? 0 : static_cast<double>(random() % static_cast<uint64_t>(input.limit));
        break;
      case Domain::kBool: v = static_cast<double>(random() % 2); break;
    }
  }
  return x;
}
}  // namespace

Arrays sample_inputs(const Row& row, DType dtype, std::mt19937_64& random) {
  Arrays values;
  for (const Input& input : row.inputs) {
    values.push_back(sample(input, values.size(), random));
    if (input.is_floating())
      for (double& v : values.back().values) v = as_held(v, dtype);
  }
  return values;
}

Tensor to_tensor(const Array& values, DType dtype) {
  Tensor x = empty(values.shape, dtype);
  visit_dtype(dtype, [&]<class T>() {
    T* p = x.mutable_data<T>();
    for (double v : values.values) *p++ = static_cast<T>(v);
  });
  return x;
}

Tensors to_tensors(const Row& row, const Arrays& values, DType dtype) {
  Tensors x;
  for (size_t i = 0; i < values.size(); ++i) {
    Domain domain = row.inputs[i].domain;
    x.push_back(to_tensor(values[i], domain == Domain::kIds    ? kInt64
                                     : domain == Domain::kBool ? kBool
                                                               : dtype));
  }
  return x;
}

Array to_array(const Tensor& x) {
  if (x.is_contiguous())
    return visit_dtype(x.dtype(), [&]<class T>() {
      const T* p = x.data<T>();
      return Array{x.shape(), std::vector<double>(p, p + x.numel())};
    });
  return generate(x.shape(), [&](const Place& at) {
    int64_t offset = 0;
    for (int i = 0; i < x.rank(); ++i) offset += at[static_cast<size_t>(i)] * x.strides()[i];
    return visit_dtype(x.dtype(),
                       [&]<class T>() { return static_cast<double>(x.data<T>()[offset]); });
  });
}

}  // namespace vitro::tests
