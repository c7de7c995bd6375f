// Decides how a matrix product is cut into pieces.  One thread computes each piece.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::onednn {

// c (batch, m, n) = a (batch, m, k) b (batch, k, n).
struct Product {
  DType dtype;
  int64_t batch, m, n, k;
  bool a_down_columns;  // a is stored column by column, like dy^T in a weight's gradient dy^T x
  bool b_down_columns;  // b is stored column by column, like W^T in x W^T
  bool adds = false;    // c += a b
  bool dense = true;    // a and b are stored without gaps
};

// The size of a piece; the last piece in each direction may be smaller.  Pieces are numbered first
// by batch, then by block of columns, then by rows.
struct Pieces {
  int64_t batch, rows, cols;
  // Whether one call for neighbouring pieces in a block of columns gives the same bits as one call
  // for each piece.  If so, a thread computes its neighbouring pieces in one call.
  bool join = false;
  // Whether a piece is computed in memory of its own and then copied to its columns of c.  If it
  // wrote to c directly, rows with gaps would make oneDNN up to a third slower, and joined pieces
  // would give different bits.
  bool apart = false;
  int64_t grain = 1;  // how many pieces are worth another thread
};

// How many parts of size `of` cover x.
inline int64_t parts(int64_t x, int64_t of) { return (x + of - 1) / of; }

// Depends only on shape, dtype, layout and instruction set.  oneDNN's sums depend on where a
// product is cut, so the cut must not depend on the number of threads.  docs/kernels.md has the
// table.
Pieces pieces(const Product& product, bool avx512);

}  // namespace vitro::onednn
