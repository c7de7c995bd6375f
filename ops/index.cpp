// Ops that read elements at integer ids, or add to the elements at ids (the adjoint of reading).
#include "framework/tensor/loops.h"
#include "ops/fused.h"
#include "ops/ops.h"

namespace vitro {

namespace {

void check_ids(std::string_view op, const Tensor& ids) {
  check_defined(op, ids, "ids");
  check<DTypeError>(ids.dtype() == kInt64, op, ": expected int64 ids, got ", ids.dtype(), " ",
                    ids.shape());
}

// ShapeError if an id is outside [0, n).  The message names the first such id and its position.
void check_range(std::string_view op, const Tensor& ids, int64_t n) {
  int64_t place = 0;
  Walk<1>(ids.shape(), {ids.strides()}).range(0, ids.numel(), [&](const auto& at, int64_t count) {
    const int64_t *p = raw<int64_t>(ids) + at[0],
                  step = count > 1 ? Walk<1>(ids.shape(), {ids.strides()}).step(0) : 1;
    for (int64_t i = 0; i < count; ++i, ++place)
      check<ShapeError>(static_cast<uint64_t>(p[i * step]) < static_cast<uint64_t>(n), op,
                        ": expected ids in [0, ", n, "), got ", p[i * step], " at position ", place,
                        " of ", ids.shape());
  });
}

// ids must have x's rank.  Except along `axis`, ids must not be longer than x.
void check_other_axes(std::string_view op, const Tensor& x, int axis, const Tensor& ids) {
  bool fits = ids.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || ids.shape()[i] <= x.shape()[i];
  check<ShapeError>(fits, op, ": expected ids of x's rank, longer than x at most along axis ", axis,
                    ", got x ", x.shape(), ", ids ", ids.shape());
}

// x, or a tensor (1) if x is a scalar.
Tensor with_axis(const Tensor& x) { return x.rank() ? x : reshape(x, {1}); }

}  // namespace

namespace {
// y_ij = x_(i, ids_ij), here for axis 1   =>   dx = zeros with dy added at ids
struct Gather final : Op<Gather> {
  static constexpr std::string_view kName = "gather";
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    return {scatter_add(zeros(inputs[0]->shape, dy.dtype()), axis, extra(0), dy), Tensor()};
  }
};
}  // namespace
Tensor gather(const Tensor& x, int64_t axis, const Tensor& ids) {
  check_defined("gather", x, "the tensor");
  check_ids("gather", ids);
  int at = normalize_axis("gather", axis, x.rank());
  if (x.rank() == 0 || ids.rank() == 0)
    return reshape(gather(with_axis(x), axis, with_axis(ids)), ids.shape());
  check_other_axes("gather", x, at, ids);
  check_range("gather", ids, x.shape()[at]);
  Tensor y = empty(ids.shape(), x.dtype());
  Strides others = x.strides();
  const int64_t step = x.strides()[at];
  others[at] = 0;
  Walk<3> walk(y.shape(), {y.strides(), others, ids.strides()});
  visit_dtype(x.dtype(), [&]<class T>() {
    walk.range(0, y.numel(), [&](const auto& o, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        raw<T>(y)[o[0] + i * walk.step(0)] =
            raw<T>(x)[o[1] + i * walk.step(1) + raw<int64_t>(ids)[o[2] + i * walk.step(2)] * step];
    });
  });
  if (auto* node = record<Gather>(y, x, ids)) {
    node->axis = at;
    node->save_extra(0, ids);
  }
  return y;
}

namespace {
// y = x with source added at ids   =>   dx = dy,  dsource = dy at ids
struct ScatterAdd final : Op<ScatterAdd> {
  static constexpr std::string_view kName = "scatter_add";
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    Tensor ids = extra(0);
    Tensor at_ids = needs(2) ? gather(dy, axis, ids) : Tensor();
    for (int i = 0; needs(2) && i < ids.rank(); ++i)  // unused elements get 0
      if (ids.shape()[i] < inputs[2]->shape[i]) {
        Shape rest = at_ids.shape();
        rest[i] = inputs[2]->shape[i] - rest[i];
        at_ids = cat({at_ids, zeros(rest, dy.dtype())}, i);
      }
    return {needs(0) ? dy : Tensor(), Tensor(), at_ids};
  }
};
template <class T>
T plus(T a, T b) {
  return static_cast<T>(a + b);
}
}  // namespace
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& ids, const Tensor& source) {
  check_same_dtype("scatter_add", x, source);
  check_ids("scatter_add", ids);
  check<DTypeError>(x.dtype() != kBool,
                    "scatter_add: expected a dtype with arithmetic, got bool; convert with "
                    "to(kInt64) or to(kFloat32)");
  int at = normalize_axis("scatter_add", axis, x.rank());
  if (x.rank() == 0 || ids.rank() == 0 || source.rank() == 0)
    return reshape(scatter_add(with_axis(x), axis, with_axis(ids), with_axis(source)), x.shape());
  check_other_axes("scatter_add", x, at, ids);
  bool covered = source.rank() == ids.rank();
  for (int i = 0; covered && i < ids.rank(); ++i) covered = ids.shape()[i] <= source.shape()[i];
  check<ShapeError>(covered, "scatter_add: expected a source that covers ids, got source ",
                    source.shape(), ", ids ", ids.shape());
  check_range("scatter_add", ids, x.shape()[at]);
  // bfloat16 is added up in float32 and rounded once.
  Tensor y = empty(x.shape(), x.dtype() == kBFloat16 ? kFloat32 : x.dtype());
  copy_into(y, x);
  Strides others = y.strides();
  const int64_t step = y.strides()[at];
  others[at] = 0;
  Walk<3> walk(ids.shape(), {others, source.strides(), ids.strides()});
  visit_dtype(source.dtype(), [&]<class T>() {
    using Sum = std::conditional_t<std::is_same_v<T, BFloat16>, float, T>;
    walk.range(0, ids.numel(), [&](const auto& o, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        Sum& to = raw<Sum>(
            y)[o[0] + i * walk.step(0) + raw<int64_t>(ids)[o[2] + i * walk.step(2)] * step];
        to = plus<Sum>(to, static_cast<Sum>(raw<T>(source)[o[1] + i * walk.step(1)]));
      }
    });
  });
  if (x.dtype() == kBFloat16) y = to(y, kBFloat16);
  if (auto* node = record<ScatterAdd>(y, x, ids, source)) {
    node->axis = at;
    node->save_extra(0, ids);
  }
  return y;
}

namespace {
// y_i = x_(ids_i) along an axis   =>   dx = zeros with dy added at ids
struct IndexSelect final : Op<IndexSelect> {
  static constexpr std::string_view kName = "index_select";
  int axis = 0;
  TensorList backward(const Tensor& dy) override {
    Shape along_axis;
    for (int i = 0; i < dy.rank(); ++i) along_axis.push_back(i == axis ? dy.shape()[i] : 1);
    Tensor ids = expand(reshape(extra(0), along_axis), dy.shape());
    return {scatter_add(zeros(inputs[0]->shape, dy.dtype()), axis, ids, dy), Tensor()};
  }
};
}  // namespace
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& ids) {
  check_defined("index_select", x, "the tensor");
  check_ids("index_select", ids);
  int at = normalize_axis("index_select", axis, x.rank());
  if (ids.rank() == 0) return index_select(x, axis, with_axis(ids));
  check<ShapeError>(ids.rank() == 1, "index_select: expected ids of one axis, got ", ids.shape());
  if (x.rank() == 0) {
    check<ShapeError>(ids.numel() == 1, "index_select: expected one id for a scalar, got ",
                      ids.shape());
    return reshape(index_select(with_axis(x), axis, ids), {});
  }
  check_range("index_select", ids, x.shape()[at]);
  Shape shape = x.shape();
  shape[at] = ids.numel();
  Tensor y = empty(shape, x.dtype());
  Shape part = shape;
  part[at] = 1;
  for (int64_t i = 0; i < ids.numel(); ++i) {
    int64_t id = raw<int64_t>(ids)[i * ids.strides()[0]];
    copy_into(make_view(y, part, y.strides(), i * y.strides()[at]),
              make_view(x, part, x.strides(), x.impl()->offset + id * x.strides()[at]));
  }
  if (auto* node = record<IndexSelect>(y, x, ids)) {
    node->axis = at;
    node->save_extra(0, ids);
  }
  return y;
}

namespace {
// y_i = W_(ids_i)   =>   dW_v = sum of dy_i where ids_i = v, in the order of i
struct Embedding final : Op<Embedding> {
  static constexpr std::string_view kName = "embedding";
  TensorList backward(const Tensor& dy) override {
    Tensor ids = extra(0);
    const int64_t width = inputs[1]->shape[1];
    if (dtype == kBFloat16 || by_definition(dtype)) {
      Tensor flat = reshape(dy, {ids.numel(), width});
      Tensor rows = expand(reshape(ids, {ids.numel(), 1}), flat.shape());
      return {Tensor(), scatter_add(zeros(inputs[1]->shape, dy.dtype()), 0, rows, flat)};
    }
    Tensor &dw = accumulator(1), rows = contiguous(dy), places = contiguous(ids);
    float* p = raw<float>(dw);
    const float* q = raw<float>(rows);
    const int64_t* id = raw<int64_t>(places);
    // Threads split the columns, so repeated ids need no lock and the order of sums is fixed.
    parallel_for(width, std::max<int64_t>(16, grain_of(kCheapGrain, places.numel())),
                 [=, n = places.numel()](int64_t begin, int64_t end) {
                   for (int64_t i = 0; i < n; ++i)
                     simd::axpy(1.0f, q + i * width + begin, p + id[i] * width + begin,
                                end - begin);
                 });
    return {Tensor(), Tensor()};
  }
};
}  // namespace
Tensor embedding(const Tensor& ids, const Tensor& weight) {
  check_defined("embedding", weight, "weight");
  check_ids("embedding", ids);
  check<ShapeError>(weight.rank() == 2, "embedding: expected a weight (vocabulary, features), got ",
                    weight.shape());
  check_range("embedding", ids, weight.shape()[0]);
  Shape shape = ids.shape();
  shape.push_back(weight.shape()[1]);
  Tensor y = empty(shape, weight.dtype()),
         places = ids.is_contiguous() ? ids : contiguous(ids.detach());
  Tensor rows = weight.is_contiguous() ? weight : contiguous(weight.detach());
  const size_t bytes = static_cast<size_t>(weight.shape()[1]) * item_size(weight.dtype());
  const auto* from = static_cast<const char*>(raw_bytes(rows));
  auto* to = static_cast<char*>(raw_bytes(y));
  const int64_t* id = raw<int64_t>(places);
  parallel_for(ids.numel(), grain_of(kCheapGrain, weight.shape()[1]),
               [=](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   std::copy_n(from + static_cast<size_t>(id[i]) * bytes, bytes,
                               to + static_cast<size_t>(i) * bytes);
               });
  if (auto* node = record<Embedding>(y, ids, weight)) node->save_extra(0, ids);
  return y;
}

Tensor one_hot(const Tensor& ids, int64_t num_classes) {
  check_ids("one_hot", ids);
  int64_t classes = num_classes;
  if (classes < 0) {
    check<ShapeError>(ids.numel() > 0, "one_hot: expected ids, got none; pass num_classes");
    classes = max(ids).item<int64_t>() + 1;
  }
  check_range("one_hot", ids, classes);
  Shape shape = ids.shape();
  shape.push_back(classes);
  Tensor y = zeros(shape, kInt64), places = contiguous(ids.detach());
  for (int64_t i = 0; i < ids.numel(); ++i)
    raw<int64_t>(y)[i * classes + raw<int64_t>(places)[i]] = 1;
  return y;
}

Tensor nonzero(const Tensor& x) {
  check_defined("nonzero", x, "the tensor");
  Tensor flags = contiguous(ne(x.detach(), 0));
  const bool* p = raw<bool>(flags);
  Tensor y = empty({std::count(p, p + flags.numel(), true), x.rank()}, kInt64);
  int64_t* q = raw<int64_t>(y);
  for (int64_t i = 0; i < flags.numel(); ++i) {
    if (!p[i]) continue;
    for (int64_t axis = x.rank(), rest = i; axis-- > 0; rest /= x.shape()[static_cast<int>(axis)])
      q[axis] = rest % x.shape()[static_cast<int>(axis)];
    q += x.rank();
  }
  return y;
}

}  // namespace vitro
