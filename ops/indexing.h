// Indexing as in NumPy: x.index({Slice(1, 3), None, 0, ids, mask}).
#pragma once
#include "ops.h"

namespace [[gnu::visibility("default")]] vitro {

struct NoneIndex {};
struct EllipsisIndex {};
inline constexpr NoneIndex None{};          // a new axis of size one
inline constexpr EllipsisIndex Ellipsis{};  // as many whole axes as fit

// start:stop:step; an absent end is the array's.
struct Slice {
  std::optional<int64_t> start, stop;
  int64_t step = 1;
  Slice(std::optional<int64_t> first = {}, std::optional<int64_t> last = {}, int64_t by = 1)
      : start(first), stop(last), step(by) {}
};

// One place in an index: an integer (the axis goes), a Slice, None, Ellipsis, int64 ids, or a bool
// mask over the axes that it covers.  At most one tensor per index.
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
