// Indexing as in PyTorch: x.index({Slice(1, 3), None, 0, mask}).
//
// Integers, Slice, None and Ellipsis give a view; ids and masks copy.  Every result is
// differentiable.  The axes of ids stay in their place, because integers are applied first: for x
// (2, 3, 4) and ids (5), x[0, :, ids] is (3, 5), as in PyTorch.  (NumPy gives (5, 3).)
#pragma once
#include "ops.h"

namespace [[gnu::visibility("default")]] vitro {

struct NoneIndex {};                        // the type of None
struct EllipsisIndex {};                    // the type of Ellipsis
inline constexpr NoneIndex None{};          // inserts a new axis of size 1
inline constexpr EllipsisIndex Ellipsis{};  // takes all axes that no other entry uses

// start:stop:step as in Python, with step >= 1.  A negative start or stop counts from the end of
// the axis, and both are clipped to the axis.
struct Slice {
  std::optional<int64_t> start, stop;  // absent: the beginning or the end of the axis
  int64_t step = 1;                    // >= 1
  // Slice() takes the whole axis.
  Slice(std::optional<int64_t> first = {}, std::optional<int64_t> last = {}, int64_t by = 1)
      : start(first), stop(last), step(by) {}
};

// One entry of an index: an integer (removes the axis), a Slice, None, Ellipsis, int64 ids of any
// shape (their axes replace the axis), or a bool mask (the axes that it covers become one).
// Negative integers and ids count from the end.  An index has at most one tensor and one
// Ellipsis.  ShapeError if the index does not fit x, DTypeError if a tensor in it is neither int64
// nor bool.
struct Index {
  // Which kind of entry it is.
  enum class Kind {
    kInteger,   // integer
    kSlice,     // slice
    kNone,      // None
    kEllipsis,  // Ellipsis
    kTensor     // tensor
  };
  // Implicit, so that braces convert each kind of entry.
  Index(int64_t i) : kind(Kind::kInteger), integer(i) {}          // NOLINT
  Index(int i) : Index(static_cast<int64_t>(i)) {}                // NOLINT
  Index(Slice s) : kind(Kind::kSlice), slice(s) {}                // NOLINT
  Index(NoneIndex) : kind(Kind::kNone) {}                         // NOLINT
  Index(EllipsisIndex) : kind(Kind::kEllipsis) {}                 // NOLINT
  Index(Tensor t) : kind(Kind::kTensor), tensor(std::move(t)) {}  // NOLINT
  Kind kind;            // which of the following members is used
  int64_t integer = 0;  // for kInteger
  Slice slice = {};     // for kSlice
  Tensor tensor = {};   // for kTensor: int64 ids or a bool mask
};

}  // namespace vitro
