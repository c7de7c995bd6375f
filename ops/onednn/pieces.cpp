// Cutting matrix products.
#include "ops/onednn/pieces.h"

#include <algorithm>

namespace vitro::onednn {

namespace {

constexpr int64_t kMega = 1'000'000;
constexpr int64_t kWorthCutting = 4 * kMega;  // floating-point operations: about 40 us on one core
constexpr int64_t kWorthForking = 2 * kMega;  // of a range
constexpr int64_t kPerThread = 32 * kMega;    // so that 1 GFLOP has work for 32 threads
constexpr int64_t kMostThreads = 64;

constexpr int64_t kFewRows = 64;            // are not cut, because every piece reads all of b
constexpr int64_t kNarrowest = 128;         // columns of a piece where rows are few
constexpr int64_t kNarrowestBlock = 768;    // columns of a block of x W^T where rows are many
constexpr int64_t kBlock = 384;             // columns of a block of x W: oneDNN copies b by blocks
constexpr int64_t kFewestFixedRows = 64;    // of a piece that is not joined to its neighbours
constexpr int64_t kLongestJoinedSum = 256;  // of a product with a down its columns

int64_t up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }
int64_t parts(int64_t x, int64_t of) { return (x + of - 1) / of; }

}  // namespace

Pieces pieces(const Product& p, bool avx512) {
  const int64_t one = 2 * p.m * p.n * p.k, flops = one * p.batch;
  const Pieces whole{p.batch, p.m, p.n, /*join=*/false, /*grain=*/1};
  if (flops < kWorthCutting) return whole;

  if (p.batch > 1 && one < kWorthCutting) {  // small ones: several to a piece
    const int64_t several = std::clamp<int64_t>(parts(kWorthForking, one), 1, parts(p.batch, 2));
    return {several, p.m, p.n, /*join=*/false, /*grain=*/1};
  }
  const int64_t threads = std::clamp(parts(flops, kPerThread), int64_t{2}, kMostThreads),
                threads_each = parts(threads, p.batch);
  // Measured bit by bit (tests/test_pieces.cpp): on AVX-512 the sums of a row do not depend on the
  // rows beside it, unless a is read down its columns and the sum is long.
  const bool join =
      avx512 && p.dtype == kFloat32 && (!p.a_down_columns || p.k <= kLongestJoinedSum);
  Pieces cut{1, p.m, p.n, join, /*grain=*/1};
  if (p.m <= kFewRows) {
    const int64_t blocks =
        std::clamp<int64_t>(up(threads_each, 2), 1, std::max<int64_t>(1, p.n / kNarrowest));
    cut.cols = blocks == 1 ? p.n : up(parts(p.n, blocks), 64);
  } else if (join) {
    const bool x_w = !p.a_down_columns && !p.b_down_columns;
    const int64_t blocks = x_w ? std::max<int64_t>(1, p.n / kBlock)
                               : std::clamp<int64_t>(threads_each / parts(p.m, 16), 1,
                                                     std::max<int64_t>(1, p.n / kNarrowestBlock));
    cut.rows = threads_each * 16 > p.m * blocks ? 8 : 16;
    cut.cols = blocks == 1 ? p.n : up(parts(p.n, blocks), 64);
  } else {
    const int64_t count = up(threads_each, 4),  // so that 2 and 4 threads have equal work
        rows = std::max(up(parts(p.m, count), 16), kFewestFixedRows), by_rows = parts(p.m, rows),
                  blocks = std::clamp<int64_t>((count + by_rows / 2) / by_rows, 1,
                                               std::max<int64_t>(1, p.n / (2 * kNarrowest)));
    cut.rows = std::min(rows, p.m);
    cut.cols = blocks == 1 ? p.n : up(parts(p.n, blocks), 64);
  }
  const int64_t count = p.batch * parts(p.m, cut.rows) * parts(p.n, cut.cols);
  const int64_t each = 2 * cut.rows * cut.cols * p.k;
  cut.grain = std::max(parts(kWorthForking, each), join ? count / threads : 1);
  return cut;
}

}  // namespace vitro::onednn
