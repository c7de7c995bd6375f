// Cutting matrix products.  The numbers are those of docs/kernels.md.
#include "ops/onednn/pieces.h"

#include <algorithm>

namespace vitro::onednn {

namespace {

constexpr int64_t kMega = 1'000'000;
constexpr int64_t kWorthCutting = 4 * kMega;  // floating-point operations: about 40 us on one core
constexpr int64_t kWorthForking = 2 * kMega;  // of a range
constexpr int64_t kPerThread = 32 * kMega;    // so that 1 GFLOP has work for 32 threads
constexpr int64_t kMostThreads = 64;

constexpr int64_t kFewRows = 64;      // are never cut: every piece of rows copies all of b
constexpr int64_t kManyRows = 512;    // are cut rather than columns
constexpr int64_t kLargeB = 1 << 18;  // numbers of b that fill a level 2 cache
constexpr int64_t kNarrowest = 128;   // columns of a piece of x W^T
constexpr int64_t kWide = 512;        // columns of a piece of x W^T where there are many
constexpr int64_t kBlock = 384;       // columns of a block of x W and of dy^T x
constexpr int64_t kFewestRows = 64;   // of a piece that is not joined to others
constexpr int64_t kLongSum = 256;     // longer ones are added up in several parts

int64_t up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }
int64_t blocks_of(int64_t n, int64_t blocks) { return blocks <= 1 ? n : up(parts(n, blocks), 64); }

// Rows of a piece where `wanted` pieces of m rows are wanted.
int64_t rows_of(int64_t m, int64_t wanted, bool join) {
  if (wanted <= 1) return m;
  if (join) return wanted * 16 > m ? 8 : 16;
  const int64_t rows = m < 1024 ? up(parts(m, wanted), 16) : (m / wanted + 32) / 64 * 64;
  return std::min(m, std::max(rows, kFewestRows));
}

// How one product of the batch is cut for that many threads.
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
  // Four pieces at least, so that 2 and 4 threads have equal work.
  if (p.m > kFewRows)
    cut.rows = rows_of(p.m, up(parts(threads, blocks), blocks == 1 ? 4 : 1), cut.join);
  return cut;
}

}  // namespace

Pieces pieces(const Product& p, bool avx512) {
  const int64_t one = 2 * p.m * p.n * p.k, flops = one * p.batch;
  if (flops < kWorthCutting) return {p.batch, p.m, p.n};
  if (p.batch > 1 && one < kWorthCutting) {  // small ones: several to a piece
    const int64_t several = std::clamp<int64_t>(parts(kWorthForking, one), 1, parts(p.batch, 2));
    return {several, p.m, p.n};
  }
  const int64_t threads = std::clamp(parts(flops, kPerThread), int64_t{2}, kMostThreads);
  // Compared bit by bit (tests/ops/test_pieces.cpp): on AVX-512 the sums of a row do not depend on
  // the rows beside it where all are dense, unless a is read down its columns and the sum is long.
  const bool join = avx512 && p.dtype == kFloat32 && p.dense && !p.adds &&
                    (!p.a_down_columns || (!p.b_down_columns && p.k <= kLongSum));
  Pieces result = cut(p, parts(threads, p.batch), join);
  const int64_t count = p.batch * parts(p.m, result.rows) * parts(p.n, result.cols),
                each = 2 * result.rows * result.cols * p.k;
  result.grain = std::max(parts(kWorthForking, each), result.join ? count / threads : 1);
  return result;
}

}  // namespace vitro::onednn
