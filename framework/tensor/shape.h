// Shape: the sizes of a tensor's axes, with checked arithmetic and broadcasting.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string_view>

#include "../base/dtype.h"

namespace [[gnu::visibility("default")]] vitro {

// Up to eight sizes, one per axis, stored inline.  The shape of a scalar has no axes.
class Shape {
 public:
  static constexpr int kMaxRank = 8;  // the most axes

  // A shape without axes, a copy, or a shape with these sizes.
  Shape() = default;
  Shape(const Shape& other) : rank_(other.rank_) { copy_sizes(other); }
  Shape& operator=(const Shape& other) {
    rank_ = other.rank_;
    copy_sizes(other);
    return *this;
  }
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);  // ShapeError above rank 8

  int rank() const { return rank_; }                     // the number of axes
  int64_t operator[](int i) const { return sizes_[i]; }  // 0 <= i < rank(), not checked
  int64_t& operator[](int i) { return sizes_[i]; }       // the same, to change the size
  int64_t back() const { return sizes_[rank_ - 1]; }     // the size of the last axis
  const int64_t* begin() const { return sizes_; }        // the first size
  const int64_t* end() const { return sizes_ + rank_; }  // one past the last size
  bool empty() const { return rank_ == 0; }              // whether there are no axes

  void push_back(int64_t size) { insert(rank_, size); }  // adds a last axis
  void insert(int axis, int64_t size);  // adds an axis before `axis`; ShapeError above rank 8
  void erase(int axis);                 // removes an axis

  friend bool operator==(const Shape& a, const Shape& b) {  // same rank and sizes
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  // Copies size by size, because sizes are also written one by one: a vector load would wait until
  // those stores have left the core (20 ns more for every new tensor).
  void copy_sizes(const Shape& other) {
    switch (rank_) {
      case 8: sizes_[7] = other.sizes_[7]; [[fallthrough]];
      case 7: sizes_[6] = other.sizes_[6]; [[fallthrough]];
      case 6: sizes_[5] = other.sizes_[5]; [[fallthrough]];
      case 5: sizes_[4] = other.sizes_[4]; [[fallthrough]];
      case 4: sizes_[3] = other.sizes_[3]; [[fallthrough]];
      case 3: sizes_[2] = other.sizes_[2]; [[fallthrough]];
      case 2: sizes_[1] = other.sizes_[1]; [[fallthrough]];
      case 1: sizes_[0] = other.sizes_[0]; [[fallthrough]];
      default: break;
    }
  }
  int64_t sizes_[kMaxRank];
  int32_t rank_ = 0;
};

using Strides = Shape;  // steps in elements, one per axis

std::ostream& operator<<(std::ostream&, const Shape&);  // "(2, 3)", or "(2,)" for one axis

// The product of the sizes.  It cannot overflow if the shape has passed checked_numel().
inline int64_t numel(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

// numel(shape).  ShapeError that names `op` for a negative size or for more than 2^63 - 1 bytes.  A
// size of 0 counts as 1 for the bytes, so that strides cannot overflow either.
int64_t checked_numel(std::string_view op, const Shape& shape, DType dtype);

Strides row_major(const Shape& shape);  // the strides of a contiguous tensor
bool is_row_major(const Shape& shape, const Strides& strides);  // any stride fits a size of 1

// `axis`, or axis + rank if it is negative.  ShapeError unless it is in [-rank, rank); a scalar has
// axes 0 and -1.
int normalize_axis(std::string_view op, int64_t axis, int rank);

// The shape to which a and b broadcast by NumPy's rules; ShapeError if they do not.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);

// Strides that read data of `shape` as if it were expanded to `target`: 0 along expanded axes.
Strides expanded_strides(const Shape& shape, const Strides& strides, const Shape& target);

}  // namespace vitro
