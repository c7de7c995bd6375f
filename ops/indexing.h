// Indexing as in PyTorch: x.index({Slice(1, 3), None, 0, mask}).
//
// Integers, Slice, None and Ellipsis give a view; ids and masks copy.  Every result carries its
// derivative.  Integers are taken before ids, so the axes of ids stay in their place: x[0, :, ids]
// of x (2, 3, 4) and ids (5) is (3, 5), as in PyTorch (NumPy puts the axes of ids first: (5, 3)).
#pragma once
#include "ops.h"

namespace [[gnu::visibility("default")]] vitro {

struct NoneIndex {};
struct EllipsisIndex {};
inline constexpr NoneIndex None{};          // a new axis of size one
inline constexpr EllipsisIndex Ellipsis{};  // as many whole axes as fit

// start:stop:step, step >= 1; an absent end is the axis's.  Ends count from the end of the axis
// when negative and are clipped to it, as in Python.
struct Slice {
  std::optional<int64_t> start, stop;
  int64_t step = 1;
  Slice(std::optional<int64_t> first = {}, std::optional<int64_t> last = {}, int64_t by = 1)
      : start(first), stop(last), step(by) {}
};

// One place in an index: an integer (the axis goes), a Slice, None, Ellipsis, int64 ids of any
// shape (the axis becomes theirs), or a bool mask (the axes that it covers become one).  Integers
// and ids count from the end when negative.  At most one tensor and one Ellipsis per index;
// ShapeError for what does not fit, DTypeError for other tensors.
struct Index {
  enum class Kind { kInteger, kSlice, kNone, kEllipsis, kTensor };
  Index(int64_t i) : kind(Kind::kInteger), integer(i) {}          // NOLINT: braces convert
  Index(int i) : Index(static_cast<int64_t>(i)) {}                // NOLINT
  Index(Slice s) : kind(Kind::kSlice), slice(s) {}                // NOLINT
  Index(NoneIndex) : kind(Kind::kNone) {}                         // NOLINT
  Index(EllipsisIndex) : kind(Kind::kEllipsis) {}                 // NOLINT
  Index(Tensor t) : kind(Kind::kTensor), tensor(std::move(t)) {}  // NOLINT
  Kind kind;
  int64_t integer = 0;
  Slice slice = {};
  Tensor tensor = {};
};

}  // namespace vitro
