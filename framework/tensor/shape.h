// Shape: up to eight sizes held inline; the checked size arithmetic; broadcasting.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string_view>

#include "../base/dtype.h"

namespace [[gnu::visibility("default")]] vitro {

class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(const Shape& other) : rank_(other.rank_) { copy_sizes(other); }
  Shape& operator=(const Shape& other) {
    rank_ = other.rank_;
    copy_sizes(other);
    return *this;
  }
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);  // ShapeError above rank 8

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return sizes_[i]; }
  int64_t& operator[](int i) { return sizes_[i]; }
  int64_t back() const { return sizes_[rank_ - 1]; }
  const int64_t* begin() const { return sizes_; }
  const int64_t* end() const { return sizes_ + rank_; }
  bool empty() const { return rank_ == 0; }

  void push_back(int64_t size) { insert(rank_, size); }
  void insert(int axis, int64_t size);
  void erase(int axis);

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  // One by one: sizes are written singly, and a vector load of what was just stored in parts waits
  // for the stores to leave the core (20 ns more for every new tensor).
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

using Strides = Shape;  // in elements, one per axis

std::ostream& operator<<(std::ostream&, const Shape&);  // (2, 3); one axis: (2,)

// The product of the sizes.  Of a shape that passed checked_numel: cannot overflow.
inline int64_t numel(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

// numel, or ShapeError in the name of `op` for a negative size or for more bytes than 2^63 - 1
// (counting a zero size as one, so that strides cannot overflow either).
int64_t checked_numel(std::string_view op, const Shape& shape, DType dtype);

Strides row_major(const Shape& shape);
bool is_row_major(const Shape& shape, const Strides& strides);  // sizes of one may stride anyhow

// 0 <= result < rank for -rank <= axis < rank, else ShapeError.  A scalar has axes 0 and -1.
int normalize_axis(std::string_view op, int64_t axis, int rank);

// The shape that a and b broadcast to, as NumPy does; ShapeError when they do not.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);

// Strides with which data of `shape` is read as if expanded to `target` (0 along expanded axes).
Strides expanded_strides(const Shape& shape, const Strides& strides, const Shape& target);

}  // namespace vitro
