// Cuts matrix products into pieces.  docs/kernels.md explains the numbers.
#include "ops/onednn/pieces.h"

#include <algorithm>

namespace vitro::onednn {

namespace {

constexpr int64_t kMega = 1'000'000;
constexpr int64_t kWorthCutting = 4 * kMega;  // floating-point operations: about 40 us on one core
constexpr int64_t kWorthForking = 2 * kMega;  // floating-point operations of a range
constexpr int64_t kPerThread = 32 * kMega;    // per thread: 1 GFLOP is cut for 32 threads
constexpr int64_t kMostThreads = 64;

constexpr int64_t kFewRows = 64;      // up to here rows are not cut: each piece copies all of b
constexpr int64_t kManyRows = 512;    // from here on, rows are cut rather than columns
constexpr int64_t kLargeB = 1 << 18;  // numbers of b that fill a level 2 cache
constexpr int64_t kNarrowest = 128;   // columns of a piece of x W^T
constexpr int64_t kWide = 512;        // columns of a piece of x W^T if there are many columns
constexpr int64_t kBlock = 384;       // columns of a block of x W and of dy^T x
constexpr int64_t kFewestRows = 64;   // fewest rows of a piece that is not joined to others
constexpr int64_t kLongSum = 256;     // oneDNN adds up a longer sum in several parts

int64_t up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }
int64_t blocks_of(int64_t n, int64_t blocks) { return blocks <= 1 ? n : up(parts(n, blocks), 64); }

// The rows of a piece, if m rows are to be cut into about `wanted` pieces.
int64_t rows_of(int64_t m, int64_t wanted, bool join) {
  if (wanted <= 1) return m;
  if (join) return wanted * 16 > m ? 8 : 16;
  const int64_t rows = m < 1024 ? up(parts(m, wanted), 16) : (m / wanted + 32) / 64 * 64;
  return std::min(m, std::max(rows, kFewestRows));
}

// How to cut one product of the batch for this many threads.
Pieces cut(const Product& p, int64_t threads, bool join) {
  const bool x_wt = !p.a_down_columns && p.b_down_columns;
  int64_t blocks = 1;  // of columns
  if (p.m <= kFewRows || (x_wt && p.m < kManyRows && p.n * p.k >= kLargeB))
    blocks = std::min(threads == 2 ? 2 : p.n < 4 * kWide ? 4 : p.n / kWide, p.n / kNarrowest);
  else if (x_wt) blocks = std::min(threads * (join ? 16 : kFewestRows) / p.m, p.n / kWide);
  else if (p.a_down_columns ? !join : p.n * p.k >= kLargeB) blocks = p.n / kBlock;
  Pieces cut{1, p.m, blocks_of(p.n, blocks)};
  blocks = parts(p.n, cut.cols);
  cut.join = join && (blocks == 1 || x_wt);
  cut.apart = blocks > 1 && !p.adds;
  // One block of columns is cut into a multiple of four pieces, so that 2 and 4 threads have equal
  // work.
  if (p.m > kFewRows)
    cut.rows = rows_of(p.m, up(parts(threads, blocks), blocks == 1 ? 4 : 1), cut.join);
  return cut;
}

}  // namespace

Pieces pieces(const Product& p, bool avx512) {
  const int64_t one = 2 * p.m * p.n * p.k, flops = one * p.batch;
  if (flops < kWorthCutting) return {p.batch, p.m, p.n};
  if (p.batch > 1 && one < kWorthCutting) {  // small products: several in one piece
    const int64_t several = std::clamp<int64_t>(parts(kWorthForking, one), 1, parts(p.batch, 2));
    return {several, p.m, p.n};
  }
  const int64_t threads = std::clamp(parts(flops, kPerThread), int64_t{2}, kMostThreads);
  // On AVX-512 the bits of a row of c do not depend on the other rows in its call of oneDNN, if a
  // and b are dense.  If a is stored column by column, b must also be stored row by row, and the
  // sum must be short (tests/ops/test_pieces.cpp compares the bits).
  const bool join = avx512 && p.dtype == kFloat32 && p.dense && !p.adds &&
                    (!p.a_down_columns || (!p.b_down_columns && p.k <= kLongSum));
  Pieces result = cut(p, parts(threads, p.batch), join);
  const int64_t count = p.batch * parts(p.m, result.rows) * parts(p.n, result.cols),
                each = 2 * result.rows * result.cols * p.k;
  result.grain = std::max(parts(kWorthForking, each), result.join ? count / threads : 1);
  return result;
}

}  // namespace vitro::onednn
