// Reductions: sums, means, variances, extrema and their places.
#include "framework/tensor/reduce.h"

#include <numeric>

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro {

namespace {

// y = sum x over axes   =>   dx = dy repeated along them;  mean: dy / n
struct Sum : Op<Sum> {
  static constexpr std::string_view kName = "sum";
  Shape from, kept;
  TensorList backward(const Tensor& dy) override { return {expand(reshape(dy, kept), from)}; }
};
struct Mean final : Op<Mean> {
  static constexpr std::string_view kName = "mean";
  Shape from, kept;
  TensorList backward(const Tensor& dy) override {
    double n =
        static_cast<double>(numel(from)) / static_cast<double>(std::max<int64_t>(1, numel(kept)));
    return {expand(reshape(dy * (1 / n), kept), from)};
  }
};

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
struct TopK final : Chosen<TopK> {
  static constexpr std::string_view kName = "topk";
};

// The shape after reducing one axis, with and without it; a null axis means all.
struct Reduced {
  Shape kept, shape;
};
Reduced reduced(std::string_view op, const Tensor& x, const int64_t* axis, bool keepdim) {
  check_defined(op, x, "the tensor");
  Reduced r{x.shape(), x.shape()};
  if (axis) {
    int at = normalize_axis(op, *axis, x.rank());
    if (x.rank() == 0) return r;
    r.kept[at] = 1;
    r.shape[at] = 1;
    if (!keepdim) r.shape.erase(at);
  } else {
    for (int i = 0; i < x.rank(); ++i) r.kept[i] = 1;
    r.shape = keepdim ? r.kept : Shape();
  }
  return r;
}

template <class T>
Tensor add_up(std::string_view op, const Tensor& x, const Reduced& r, double scale) {
  Tensor y;
  if (scale != 1 && x.dtype() == kBFloat16) {  // one rounding
    NoGradGuard unrecorded;
    y = (reduce_sum(x.detach().to(kFloat32), r.kept) * scale).to(kBFloat16);
  } else {
    y = reduce_sum(x, r.kept);
    if (scale != 1) {
      NoGradGuard unrecorded;
      y = y * scale;
    }
  }
  (void)op;
  y = make_view(y, r.shape, row_major(r.shape), 0);
  if (auto* node = record<T>(y, x)) {
    node->from = x.shape();
    node->kept = r.kept;
  }
  return y;
}

Tensor sum_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  Reduced r = reduced("sum", x, axis, keepdim);
  return add_up<Sum>("sum", is_floating(x.dtype()) ? x : x.to(kInt64), r, 1);
}
Tensor mean_over(const Tensor& x, const int64_t* axis, bool keepdim) {
  check_floating("mean", x);
  Reduced r = reduced("mean", x, axis, keepdim);
  double n =
      static_cast<double>(x.numel()) / static_cast<double>(std::max<int64_t>(1, numel(r.kept)));
  return add_up<Mean>("mean", x, r, 1 / n);
}
Tensor var_over(const Tensor& x, const int64_t* axis, const VarOptions& options) {
  check_floating("var", x);
  check<ValueError>(options.correction >= 0, "var: correction must not be negative: got ",
                    options.correction);
  Reduced r = reduced("var", x, axis, options.keepdim);
  Tensor d = x - mean_over(x, axis, /*keepdim=*/true);
  double n =
      static_cast<double>(x.numel()) / static_cast<double>(std::max<int64_t>(1, numel(r.kept)));
  return sum_over(d * d, axis, options.keepdim) /
         std::max(0.0, n - static_cast<double>(options.correction));
}

// Whether u comes before v: the larger (or smaller) first, NaN before all.
template <class T>
bool before(T u, T v, bool largest) {
  if constexpr (!std::is_integral_v<T>) {
    if (v != v) return false;
    if (u != u) return true;
  }
  return largest ? u > v : u < v;
}

// The place of the first extremum in each row along an axis: (..., 1, ...) int64.
Tensor first_extremum(std::string_view op, const Tensor& x, int64_t axis, bool largest) {
  check_defined(op, x, "the tensor");
  int at = normalize_axis(op, axis, x.rank());
  Shape shape = x.shape();
  const int64_t n = x.rank() ? shape[at] : 1, step = x.rank() ? x.strides()[at] : 1;
  check<ShapeError>(n > 0, op, ": axis ", at, " of ", x.shape(), " has no elements");
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

// sqrt, with slope 0 at 0.
Tensor root(const Tensor& squares) {
  Tensor is_zero = eq(squares, 0);
  return where(is_zero, squares, sqrt(where(is_zero, full_scalar(1, squares.dtype()), squares)));
}

}  // namespace

Tensor sum(const Tensor& x) { return sum_over(x, nullptr, false); }
Tensor sum(const Tensor& x, int64_t axis, bool keepdim) { return sum_over(x, &axis, keepdim); }
Tensor mean(const Tensor& x) { return mean_over(x, nullptr, false); }
Tensor mean(const Tensor& x, int64_t axis, bool keepdim) { return mean_over(x, &axis, keepdim); }
Tensor var(const Tensor& x, const VarOptions& options) { return var_over(x, nullptr, options); }
Tensor var(const Tensor& x, int64_t axis, const VarOptions& options) {
  return var_over(x, &axis, options);
}

Tensor norm(const Tensor& x) {
  check_floating("norm", x);
  return root(sum(x * x));
}
Tensor norm(const Tensor& x, int64_t axis, bool keepdim) {
  check_floating("norm", x);
  return root(sum(x * x, axis, keepdim));
}

Tensor argmax(const Tensor& x, int64_t axis, bool keepdim) {
  Tensor ids = first_extremum("argmax", x, axis, /*largest=*/true);
  return keepdim || x.rank() == 0 ? ids : squeeze(ids, axis);
}
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim) {
  Tensor ids = first_extremum("argmin", x, axis, /*largest=*/false);
  return keepdim || x.rank() == 0 ? ids : squeeze(ids, axis);
}
Tensor argmax(const Tensor& x) { return argmax(reshape(x.detach(), {-1}), 0); }
Tensor argmin(const Tensor& x) { return argmin(reshape(x.detach(), {-1}), 0); }

ValuesAndIndices max(const Tensor& x, int64_t axis, bool keepdim) {
  return extremum<Max>("max", x, axis, keepdim, /*largest=*/true);
}
ValuesAndIndices min(const Tensor& x, int64_t axis, bool keepdim) {
  return extremum<Min>("min", x, axis, keepdim, /*largest=*/false);
}
Tensor max(const Tensor& x) { return max(reshape(x, {-1}), 0).values; }
Tensor min(const Tensor& x) { return min(reshape(x, {-1}), 0).values; }

ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  check_defined("topk", x, "the tensor");
  check<ShapeError>(x.rank() > 0, "topk: at least one axis: got a scalar");
  int at = normalize_axis("topk", axis, x.rank());
  const int64_t n = x.shape()[at];
  check<ShapeError>(0 <= k && k <= n, "topk: k must be in [0, ", n, "], the size of axis ", at,
                    ": got ", k);
  Tensor rows = contiguous(transpose(x.detach(), at, -1));
  Shape shape = rows.shape();
  shape[shape.rank() - 1] = k;
  Tensor ids = empty(shape, kInt64);
  visit_dtype(x.dtype(), [&]<class T>() {
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t row = 0; k > 0 && row < ids.numel() / k; ++row) {
      const T* p = raw<T>(rows) + row * n;
      std::iota(order.begin(), order.end(), 0);
      // NaN counts as the largest number, as when sorting: first of the largest, last of the
      // smallest.
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
