// linear_cross_entropy computes the loss without holding all logits in memory.
//
// The logits are computed in tiles of a few MiB.  The outer loop is over ranges of classes and the
// inner loop over rows, so each class's weights are read once and their gradient is written once.
#include <cmath>

#include "framework/autograd/node.h"
#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"
#include "ops/class_loss.h"
#include "ops/fused.h"
#include "ops/product.h"

namespace vitro {

namespace {

// A tile of about 4 MiB of logits.  Its size depends on the shapes only.
LogitsTile tile_for(int64_t rows, int64_t classes) {
  constexpr int64_t kRows = 512, kNumbers = int64_t{1} << 20;
  const int64_t high = std::clamp<int64_t>(rows, 1, kRows), wide = kNumbers / high,
                ranges = std::max<int64_t>(1, (classes + wide - 1) / wide);
  return {high, ((classes + ranges - 1) / ranges + 63) / 64 * 64};
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
std::vector<Range, PoolAllocator<Range>> ranges(int64_t n, int64_t step) {
  std::vector<Range, PoolAllocator<Range>> all;
  for (int64_t i = 0; i < n; i += step) all.push_back({i, std::min(n, i + step)});
  return all;
}
Tensor part_of(const Tensor& x, const Range& rows) {
  return make_view(x, {rows.size(), x.size(1)}, x.strides(),
                   x.impl()->offset + rows.begin * x.strides()[0]);
}

// The logits of a range of rows and a range of classes, in float32.
struct Tile {
  Range rows, classes;
  Tensor logits;
  Tile(const Range& of_rows, const Range& of_classes, const Tensor& x, const Tensor& weight,
       const Tensor& room)
      : rows(of_rows),
        classes(of_classes),
        logits(make_view(room, {rows.size(), classes.size()}, {classes.size(), 1}, 0)) {
    multiply_part(matrix(x), transposed(matrix(weight)), /*add=*/false, logits);
  }
};
Tensor room_for(const LogitsTile& tile, int64_t rows, int64_t classes) {
  return empty({std::min(rows, tile.rows) * std::min(classes, tile.classes)}, kFloat32);
}

// Calls f(i, logits) in parallel for each row i of x in the tile.
template <class F>
void for_tile_rows(const Tile& tile, F f) {
  const int64_t width = tile.classes.size();
  float* logits = raw<float>(tile.logits);
  parallel_for(tile.rows.size(), grain_of(kCostlyGrain, width),
               [=, first = tile.rows.begin](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) f(first + i, logits + i * width);
               });
}

// Sums over those classes of a row that have been added: high = max_j x_j,
// sum_j e^x_j = total e^high, below = sum_j (x_j - high).
struct RowSums {
  double high = -HUGE_VAL, total = 0, below = 0, logit = 0;  // logit: x_target

  // Adds n classes after the `seen` earlier ones; updates `below` only if it is wanted.
  void add(const float* logits, int64_t n, int64_t seen, bool wants_below) {
    const simd::ExpSum part = simd::exp_sum(logits, n);
    const double top = std::max<double>(high, part.high);
    if (wants_below && part.total == 0) below = -HUGE_VAL;
    else if (wants_below)
      below +=
          moved(seen, high, top) + simd::sum_from(logits, part.high, n) + moved(n, part.high, top);
    total = lowered(total, high - top) + lowered(part.total, part.high - top);
    high = top;
  }

 private:
  static double moved(int64_t n, double from, double to) {
    return n == 0 || from == to ? 0 : static_cast<double>(n) * (from - to);
  }
  static double lowered(double sum, double by) { return sum == 0 ? 0 : sum * std::exp(by); }
};

// The unreduced losses of cross_entropy.  Writes to `sums` one ExpSum per row, for backward.
Tensor losses_of(const Tensor& x, const Tensor& weight, const Tensor& ids,
                 const CrossEntropyOptions& options, const LogitsTile& size, Tensor& sums) {
  const int64_t count = ids.numel(), classes = weight.size(0), *id = raw<int64_t>(ids);
  Tensor losses = zeros(ids.shape(), kFloat32), room = room_for(size, count, classes);
  sums = zeros({count, 2}, kFloat32);
  std::vector<RowSums, PoolAllocator<RowSums>> all(static_cast<size_t>(count));
  const double e = options.label_smoothing;
  auto add_tile = [&](const Tile& tile) {
    for_tile_rows(tile, [&](int64_t i, const float* logits) {
      if (id[i] == options.ignore_index) return;
      RowSums& row = all[static_cast<size_t>(i)];
      row.add(logits, tile.classes.size(), tile.classes.begin, e != 0);
      if (tile.classes.begin <= id[i] && id[i] < tile.classes.end)
        row.logit = logits[id[i] - tile.classes.begin];
    });
  };
  for (const Range& part : ranges(classes, size.classes)) {
    const Tensor w = part_of(weight, part);
    for (const Range& rows : ranges(count, size.rows))
      add_tile({rows, part, part_of(x, rows), w, room});
  }
  for (int64_t i = 0; i < count; ++i) {
    if (id[i] == options.ignore_index) continue;
    const RowSums& row = all[static_cast<size_t>(i)];
    exp_sums(sums)[i] = {static_cast<float>(row.high), static_cast<float>(row.total)};
    raw<float>(losses)[i] = class_loss(row.high, row.total, row.logit, row.below, classes, e);
  }
  return losses;
}

// logits = x W^T,  dlogits as in cross_entropy   =>   dx = dlogits W,  dW = dlogits^T x
struct LinearCrossEntropy final : Fused<LinearCrossEntropy> {
  static constexpr std::string_view kName = "linear_cross_entropy";
  CrossEntropyOptions options;
  LogitsTile tile{};
  int64_t count = 0, classes = 0;
  std::vector<Tensor> values() const { return {input(0), input(1)}; }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return cross_entropy(linear(xs[0], xs[1]), extra(0), options);
  }
  // dW is added directly to the gradient accumulated for the weight.
  TensorList kernel_backward(const Tensor& dy) {
    const Tensor x = contiguous(as_rows(input(0))), weight = input(1), targets = extra(0);
    const bool narrow = x.dtype() == kBFloat16;
    const Tensor sums = extra(1), g = to(contiguous(dy), kFloat32),
                 room = room_for(tile, x.size(0), classes);
    Tensor dx = needs(0) ? zeros(x.shape(), kFloat32) : Tensor(),
           dw = needs(1) ? accumulator(1) : Tensor();
    for (const Range& range : ranges(classes, tile.classes)) {
      const Tensor w = part_of(weight, range);
      Tensor dw_part = !needs(1) ? Tensor()
                       : narrow  ? zeros(w.shape(), kFloat32)
                                 : part_of(dw, range);
      for (const Range& rows : ranges(x.size(0), tile.rows)) {
        const Tensor x_part = part_of(x, rows);
        const Tile part(rows, range, x_part, w, room);
        to_gradients(part, targets, sums, g);
        const Tensor dlogits = narrow ? to(part.logits, kBFloat16) : part.logits;
        if (needs(0)) multiply_part(matrix(dlogits), matrix(w), /*add=*/true, part_of(dx, rows));
        if (needs(1))
          multiply_part(transposed(matrix(dlogits)), matrix(x_part), /*add=*/true, dw_part);
      }
      if (needs(1) && narrow) add_into(part_of(dw, range), to(dw_part, kBFloat16));
    }
    return {needs(0) ? reshape(to(dx, x.dtype()), inputs[0]->shape) : dx, Tensor(), Tensor()};
  }

  void to_gradients(const Tile& part, const Tensor& targets, const Tensor& sums,
                    const Tensor& dy) const {
    const int64_t *id = raw<int64_t>(targets), n = part.classes.size();
    const simd::ExpSum* row_sum = exp_sums(sums);
    const ClassGradient gradient(options, classes, count, dy);
    for_tile_rows(part, [&](int64_t i, float* row) {
      gradient(i, id[i], row_sum[i], row, row, part.classes.begin, n);
    });
  }
};

void check_inputs(const Tensor& x, const Tensor& weight) {
  constexpr std::string_view op = "linear_cross_entropy";
  check_same_dtype(op, x, weight);
  check_floating(op, x);
  check<ShapeError>(weight.rank() == 2, op, ": expected a weight (classes, features), got ",
                    weight.shape());
  check<ShapeError>(x.rank() >= 1, op, ": expected x (..., features), got a scalar");
  check<ShapeError>(x.shape().back() == weight.shape()[1], op, ": expected ", weight.shape()[1],
                    " features for weight ", weight.shape(), ", got ", x.shape().back(), " in x ",
                    x.shape());
}

// x, with zeros in the ignored rows if any of them is not finite.  The dlogits of these rows are 0,
// and 0 times infinity would make the weight's gradient NaN.
Tensor without_ignored(const Tensor& x, const Tensor& ids, int64_t ignored) {
  const Tensor is_ignored = eq(ids, ignored),
               rows = index_select(as_rows(x.detach()), 0, flatten(nonzero(flatten(is_ignored))));
  if (sum(rows * 0.0).item() == 0) return x;
  return masked_fill(x, unsqueeze(is_ignored, -1), 0);
}

}  // namespace

Tensor linear_cross_entropy(const Tensor& given, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options, const LogitsTile& tile) {
  check_inputs(given, weight);
  Shape logits = given.shape();
  logits[logits.rank() - 1] = weight.size(0);
  check_cross_entropy("linear_cross_entropy", logits, targets, options);
  const Tensor ids = contiguous(targets.detach());
  const int64_t count = count_targets(ids, options.ignore_index);
  const Tensor x = count == ids.numel() ? given : without_ignored(given, ids, options.ignore_index);
  if (options.weight.defined()) return cross_entropy(linear(x, weight), targets, options);
  Tensor sums;
  const Tensor y = fused_value(
      x.dtype(), [&] { return cross_entropy(linear(x, weight), ids, options); },
      [&] {
        const Tensor rows = contiguous(as_rows(x.detach()));
        const Tensor losses = losses_of(rows, weight.detach(), ids, options, tile, sums);
        return to(reduce_losses(losses, count, options.reduction), x.dtype());
      });
  if (auto* node = record<LinearCrossEntropy>(y, x, weight, targets)) {
    node->options = options;
    node->tile = tile;
    node->count = count;
    node->classes = weight.size(0);
    node->save_input(0, x);
    node->save_input(1, weight);
    node->save_extra(0, ids);
    node->save_extra(1, sums);
  }
  return y;
}

Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  check_inputs(x, weight);
  const int64_t features = x.shape().back(), rows = features ? x.numel() / features : 0;
  return linear_cross_entropy(x, weight, targets, options, tile_for(rows, weight.size(0)));
}

}  // namespace vitro
