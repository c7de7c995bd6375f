// Tensor::index.  It calls select, slice, unsqueeze and index_select, so it is differentiable.
#include "ops/indexing.h"

#include "framework/tensor/loops.h"

namespace vitro {

namespace {

bool is_mask(const Tensor& t) { return t.dtype() == kBool; }

// How many of x's axes this entry uses up.
int axes_of(const Index& index) {
  switch (index.kind) {
    case Index::Kind::kInteger:
    case Index::Kind::kSlice: return 1;
    case Index::Kind::kTensor: return is_mask(index.tensor) ? index.tensor.rank() : 1;
    default: return 0;
  }
}

// Checks the index as a whole; returns how many axes an Ellipsis replaces.
int check_index(const Tensor& x, std::initializer_list<Index> indices) {
  int axes = 0, ellipses = 0, tensors = 0;
  for (const Index& index : indices) {
    if (index.kind == Index::Kind::kTensor) {
      const Tensor& t = index.tensor;
      check_defined("index", t, "a tensor in the index");
      check<DTypeError>(t.dtype() == kInt64 || is_mask(t),
                        "index: expected int64 ids or a bool mask as a tensor in the index, got ",
                        t.dtype(), " ", t.shape());
      check<ShapeError>(!is_mask(t) || t.rank() > 0,
                        "index: expected a mask with axes, got a scalar");
      ++tensors;
    }
    ellipses += index.kind == Index::Kind::kEllipsis;
    axes += axes_of(index);
  }
  check<ShapeError>(tensors <= 1, "index: expected at most one tensor per index, got ", tensors,
                    "; use gather, or index one after the other");
  check<ShapeError>(ellipses <= 1, "index: expected at most one Ellipsis, got ", ellipses);
  check<ShapeError>(axes <= x.rank(), "index: expected at most ", x.rank(), " axes for ", x.shape(),
                    ", got ", axes);
  return x.rank() - axes;
}

// ids with n added to the negative ones, so that all are in [0, n).
Tensor wrap(const Tensor& ids, int64_t n) {
  Tensor y = clone(ids.detach());
  auto* p = y.mutable_data<int64_t>();
  for (int64_t i = 0; i < y.numel(); ++i) {
    check<ShapeError>(-n <= p[i] && p[i] < n, "index: expected ids in [", -n, ", ", n, "), got ",
                      p[i], " at position ", i, " of ", ids.shape());
    if (p[i] < 0) p[i] += n;
  }
  return y;
}

// x at ids along `axis`; the axes of ids replace `axis`.
Tensor at_ids(const Tensor& x, int axis, const Tensor& ids) {
  Tensor rows = index_select(x, axis, reshape(wrap(ids, x.shape()[axis]), {-1}));
  Shape shape = rows.shape();
  shape.erase(axis);
  for (int i = 0; i < ids.rank(); ++i) shape.insert(axis + i, ids.shape()[i]);
  return reshape(rows, shape);
}

// x where mask is true.  The axes that the mask covers, from `axis` on, become one.
Tensor at_mask(const Tensor& x, int axis, const Tensor& mask) {
  const int last = axis + mask.rank() - 1;
  for (int i = axis; i <= last; ++i)
    check<ShapeError>(x.shape()[i] == mask.shape()[i - axis],
                      "index: expected a mask with the sizes of ", x.shape(), " from axis ", axis,
                      " on, got ", mask.shape());
  Tensor ids = reshape(nonzero(reshape(mask.detach(), {-1})), {-1});
  return index_select(flatten(x, axis, last), axis, ids);
}

}  // namespace

Tensor Tensor::index(std::initializer_list<Index> indices) const {
  check_defined("index", *this, "the tensor");
  const int between = check_index(*this, indices);
  Tensor y = *this;
  int axis = 0, of_x = 0;  // the axes of y and of this tensor that the next entry uses
  for (const Index& index : indices) {
    switch (index.kind) {
      case Index::Kind::kInteger: {
        const int64_t i = index.integer, n = y.size(axis);
        check<ShapeError>(-n <= i && i < n, "index: expected an integer in [", -n, ", ", n,
                          ") for axis ", of_x, " of ", shape(), ", got ", i);
        y = y.select(axis, i);
        break;
      }
      case Index::Kind::kSlice: {
        const Slice& s = index.slice;
        y = y.slice(axis, s.start.value_or(0), s.stop.value_or(y.size(axis)), s.step);
        ++axis;
        break;
      }
      case Index::Kind::kNone: y = y.unsqueeze(axis++); break;
      case Index::Kind::kEllipsis:
        axis += between;
        of_x += between;
        break;
      case Index::Kind::kTensor: {
        const Tensor& t = index.tensor;
        y = is_mask(t) ? at_mask(y, axis, t) : at_ids(y, axis, t);
        axis += is_mask(t) ? 1 : t.rank();
        break;
      }
    }
    of_x += axes_of(index);
  }
  return y;
}

}  // namespace vitro
