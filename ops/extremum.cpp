// Extrema and their indices: max, min, argmax, argmin, topk.
#include <numeric>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// Whether u comes before v.  The larger number does, or the smaller one if not `largest`.  NaN
// comes before all numbers.
template <class T>
bool before(T u, T v, bool largest) {
  if constexpr (!std::is_integral_v<T>) {
    if (v != v) return false;
    if (u != u) return true;
  }
  return largest ? u > v : u < v;
}

// The index of the first extremum along an axis: (..., 1, ...) int64.
Tensor first_extremum(std::string_view op, const Tensor& x, int64_t axis, bool largest) {
  check_defined(op, x, "the tensor");
  int at = normalize_axis(op, axis, x.rank());
  Shape shape = x.shape();
  const int64_t n = x.rank() ? shape[at] : 1, step = x.rank() ? x.strides()[at] : 1;
  check<ShapeError>(n > 0, op, ": expected at least one element along axis ", at, ", got ",
                    x.shape());
  if (x.rank()) shape[at] = 1;
  Tensor ids = empty(shape, kInt64);
  Walk<2> walk(shape, {ids.strides(), x.strides()});
  visit_dtype(x.dtype(), [&]<class T>() {
    parallel_for(ids.numel(), grain_of(kCheapGrain, n), [&](int64_t begin, int64_t end) {
      walk.range(begin, end, [&](const auto& offset, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
          const T* p = raw<T>(x) + offset[1] + i * walk.step(1);
          int64_t best = 0;
          T value = p[0];
          for (int64_t j = 1; j < n; ++j)
            if (before(p[j * step], value, largest)) value = p[(best = j) * step];
          raw<int64_t>(ids)[offset[0] + i * walk.step(0)] = best;
        }
      });
    });
  });
  return ids;
}

}  // namespace
Tensor argmax(const Tensor& x, int64_t axis, bool keepdim) {
  Tensor ids = first_extremum("argmax", x, axis, /*largest=*/true);
  return keepdim || x.rank() == 0 ? ids : squeeze(ids, axis);
}
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim) {
  Tensor ids = first_extremum("argmin", x, axis, /*largest=*/false);
  return keepdim || x.rank() == 0 ? ids : squeeze(ids, axis);
}
Tensor argmax(const Tensor& x) {
  check_defined("argmax", x, "the tensor");
  return argmax(reshape(x.detach(), {-1}), 0);
}
Tensor argmin(const Tensor& x) {
  check_defined("argmin", x, "the tensor");
  return argmin(reshape(x.detach(), {-1}), 0);
}

namespace {

// y = the elements of x at `ids` along an axis   =>   dx = dy there, 0 elsewhere
template <class Self>
struct Chosen : Op<Self> {
  int axis = 0;
  bool keepdim = true;
  Shape from;
  TensorList backward(const Tensor& dy) override {
    Tensor ids = this->extra(0), at = keepdim ? ids : unsqueeze(ids, axis);
    return {scatter_add(zeros(from, dy.dtype()), axis, at, keepdim ? dy : unsqueeze(dy, axis))};
  }
};
struct Max final : Chosen<Max> {
  static constexpr std::string_view kName = "max";
};
struct Min final : Chosen<Min> {
  static constexpr std::string_view kName = "min";
};
template <class Node>
ValuesAndIndices extremum(std::string_view op, const Tensor& x, int64_t axis, bool keepdim,
                          bool largest) {
  check_defined(op, x, "the tensor");
  int at = normalize_axis(op, axis, x.rank());
  if (x.rank() == 0) return extremum<Node>(op, reshape(x, {1}), 0, /*keepdim=*/false, largest);
  Tensor ids = first_extremum(op, x, at, largest), values = gather(x.detach(), at, ids);
  if (!keepdim) values = squeeze(values, at), ids = squeeze(ids, at);
  if (auto* node = record<Node>(values, x)) {
    node->axis = at;
    node->keepdim = keepdim;
    node->from = x.shape();
    node->save_extra(0, ids);
  }
  return {values, ids};
}

}  // namespace
ValuesAndIndices max(const Tensor& x, int64_t axis, bool keepdim) {
  return extremum<Max>("max", x, axis, keepdim, /*largest=*/true);
}
ValuesAndIndices min(const Tensor& x, int64_t axis, bool keepdim) {
  return extremum<Min>("min", x, axis, keepdim, /*largest=*/false);
}
Tensor max(const Tensor& x) {
  check_defined("max", x, "the tensor");
  return max(reshape(x, {-1}), 0).values;
}
Tensor min(const Tensor& x) {
  check_defined("min", x, "the tensor");
  return min(reshape(x, {-1}), 0).values;
}

namespace {

struct TopK final : Chosen<TopK> {
  static constexpr std::string_view kName = "topk";
};

}  // namespace
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  check_defined("topk", x, "the tensor");
  int at = normalize_axis("topk", axis, x.rank());
  if (x.rank() == 0) {
    check<ShapeError>(k == 1, "topk: expected k = 1 for a scalar, got ", k);
    const auto [values, indices] = topk(reshape(x, {1}), 1, 0, largest);
    return {reshape(values, {}), reshape(indices, {})};
  }
  const int64_t n = x.shape()[at];
  check<ShapeError>(0 <= k && k <= n, "topk: expected k in [0, ", n, "], the size of axis ", at,
                    ", got ", k);
  Tensor rows = contiguous(transpose(x.detach(), at, -1));
  Shape shape = rows.shape();
  shape[shape.rank() - 1] = k;
  Tensor ids = empty(shape, kInt64);
  visit_dtype(x.dtype(), [&]<class T>() {
    std::vector<int64_t, PoolAllocator<int64_t>> order(static_cast<size_t>(n));
    for (int64_t row = 0; k > 0 && row < ids.numel() / k; ++row) {
      const T* p = raw<T>(rows) + row * n;
      std::iota(order.begin(), order.end(), 0);
      // NaN counts as the largest number, as in a sort: it comes first among the largest elements,
      // last among the smallest.
      auto first = [&](int64_t i, int64_t j) {
        return largest ? before(p[i], p[j], true) : before(p[j], p[i], true);
      };
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t i, int64_t j) {
        return first(i, j) || (!first(j, i) && i < j);
      });
      std::copy_n(order.begin(), k, raw<int64_t>(ids) + row * k);
    }
  });
  ids = contiguous(transpose(ids, at, -1));
  Tensor values = gather(x.detach(), at, ids);
  if (auto* node = record<TopK>(values, x)) {
    node->axis = at;
    node->from = x.shape();
    node->save_extra(0, ids);
  }
  return {values, ids};
}

}  // namespace vitro
