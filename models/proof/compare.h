// Compares a tensor of the running model with the numbers by hand.
#pragma once
#include <string>

#include "array.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// The differences between a tensor and the numbers by hand, and what rounding explains.
//
//   |error_i|  <=  2 u (|y_i| + 2 stored_i)     +  8 v sqrt(K) size_i              each element
//   ||error||  <=  2 u (||y|| + ||stored||)  +  8 v (sqrt(K) ||y|| + ||size||)    all together
//
// u is the rounding of the tensor's dtype: 2^-24 in float32, 2^-8 in bfloat16.  v is the rounding
// of the arithmetic, which is float32 in both.  Rounding errors of K terms add up like a random
// walk, so they grow with sqrt(K).  The second bound finds an error that all elements share, such
// as a wrong factor, where the first is wide because terms cancel.  Without sizes, size_i is the
// largest |y|, stored_i the root mean square of y, and K the last axis; and Array::slack is added
// to every |error_i|.
struct Difference {
  double absolute = 0;  // largest |error|
  double relative = 0;  // largest |error| / size
  double ulp = 0;       // largest |error| in units of the last place of the number by hand
  double whole = 0;     // ||error|| / ||by hand||
  // The largest quotient of an error and its bound.  Above 1, rounding is no explanation.
  double share = 0;
  bool by_whole = false;  // whether the second bound gave the share
  bool agrees = true;     // share <= 1
  // The element with the largest share in the first bound: its place in row-major order, both
  // numbers, and its bound.
  int64_t at = 0;
  double model = 0, by_hand = 0, allowed = 0;
  double terms = 1;  // K
};

// Equal infinities and two NaNs agree.  ShapeError unless the shapes are equal.
Difference compare(const Tensor& model, const Array& by_hand);

// float32 arithmetic takes numbers below 2^-126 as zero.  A sum of such numbers, times weights and
// other gradients, stays far below this.
inline constexpr double kUnderflow = 0x1p-106;

// 2^-24, 2^-8 or 2^-53.
double unit_roundoff(DType dtype);

}  // namespace proof
}  // namespace vitro
