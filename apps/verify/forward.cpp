// Computes x W^T + b by hand: plain float64 loops that call no op of the library.
#include <cmath>

#include "apps/verify/verify.h"

namespace vitro::cli {

namespace {

// Each float32 operation rounds by at most u = 2^-24.  The errors of a sum of K products add up
// like a random walk, so c u sqrt(K) (|x| |W|^T + |b|) bounds each cell; c <= 8 for any order of
// adding.
constexpr double kRounding = 0x1p-24, kFactor = 8;
// The bound per cell is wide if K is large and the terms cancel.  The norm of the whole output
// therefore finds errors that all cells share: in it, rounding stays below 1e-5 of ||y|| for any K
// that fits into memory.
constexpr double kWhole = 1e-4;

// The cell, and the sum of the absolute values of the terms that were added up for it.
std::pair<Cell, double> computed(const LinearRun& run, int64_t row, int64_t column) {
  const Tensor &weight = run.layer->weight, &bias = run.layer->bias;
  const int64_t out = weight.size(0), in = weight.size(1);
  const float *x = run.x.data<float>() + row * in, *w = weight.data<float>() + column * in;
  const double b = bias.defined() ? bias.data<float>()[column] : 0;
  double sum = 0, size = std::abs(b);
  for (int64_t k = 0; k < in; ++k) {
    const double product = static_cast<double>(x[k]) * w[k];
    sum += product;
    size += std::abs(product);
  }
  return {{row, column, sum, b, run.y.data<float>()[row * out + column]}, size};
}

}  // namespace

Cell cell_at(const LinearRun& run, int64_t row, int64_t column) {
  return computed(run, row, column).first;
}

ForwardCheck check_forward(const LinearRun& run) {
  const Tensor& weight = run.layer->weight;
  const int64_t out = weight.size(0), in = weight.size(1), rows = run.x.numel() / in;
  check<ShapeError>(run.x.is_contiguous() && run.y.is_contiguous() && weight.is_contiguous(),
                    "verify: expected contiguous tensors in ", run.name, ", got others");
  ForwardCheck check;
  check.allowed = kFactor * kRounding * std::sqrt(static_cast<double>(in));
  double squares = 0, square_errors = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t j = 0; j < out; ++j) {
      const auto [cell, size] = computed(run, r, j);
      const double error = std::abs(cell.module_value - cell.by_hand());
      if (!(error <= check.allowed * size)) check.agrees = false;  // a NaN disagrees too
      check.absolute = std::max(check.absolute, error);
      if (error > check.relative * size || (r == 0 && j == 0)) {
        check.relative = size > 0 ? error / size : 0;
        check.worst = cell;
      }
      square_errors += error * error;
      squares += cell.by_hand() * cell.by_hand();
    }
  }
  check.whole = squares > 0 ? std::sqrt(square_errors / squares) : std::sqrt(square_errors);
  if (!(check.whole <= kWhole)) check.agrees = false;
  return check;
}

}  // namespace vitro::cli
