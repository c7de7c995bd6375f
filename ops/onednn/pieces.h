// How a matrix product is cut into pieces, each of which one thread computes.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::onednn {

// c (batch, m, n) = a (batch, m, k) b (batch, k, n).
struct Product {
  DType dtype;
  int64_t batch, m, n, k;
  bool a_down_columns;  // a is stored column by column, as dy in the gradient of a weight dy^T x
  bool b_down_columns;  // b is stored column by column, as W in x W^T
  bool adds = false;    // c += a b
  bool dense = true;    // a and b are stored without gaps
};

// The size of a piece; the last one in each direction may be smaller.  Pieces are numbered batch by
// batch, within a batch by blocks of columns, and within a block of columns by rows.
struct Pieces {
  int64_t batch, rows, cols;
  // Whether one call for neighbouring pieces of one block of columns gives the same bits as one
  // call for each.  Then a thread joins what it has claimed.
  bool join = false;
  // Whether a piece is computed in memory of its own and copied to its columns of c.  Where the
  // rows of c are not dense, oneDNN is up to a third slower, and joined pieces differ in their
  // bits.
  bool apart = false;
  int64_t grain = 1;  // pieces that are worth a fork
};

// How many parts of at most `of` make up x.
inline int64_t parts(int64_t x, int64_t of) { return (x + of - 1) / of; }

// A function of shape, dtype, layout and instruction set only: oneDNN's sums depend on where a
// product is cut, so the number of threads must not.  docs/kernels.md has the table.
Pieces pieces(const Product& product, bool avx512);

}  // namespace vitro::onednn
