// Random ops: dropout and sampling.
#include "framework/tensor/random.h"

#include <cmath>
#include <limits>

#include "ops/elementwise.h"

namespace vitro {

Tensor dropout(const Tensor& x, double p, bool training, Generator& generator) {
  check_floating("dropout", x);
  check<ValueError>(0 <= p && p <= 1, "dropout: expected a probability in [0, 1], got ", p);
  if (!training || p == 0) return x;
  Tensor factor = empty(x.shape(), x.dtype());
  const int64_t n = x.numel();
  const uint64_t seed = generator.seed(),
                 first = generator.reserve(static_cast<uint64_t>((n + 3) / 4));
  const auto threshold = static_cast<uint64_t>(std::ldexp(p, 32));
  const double scale = p < 1 ? 1 / (1 - p) : 0;
  visit_dtype(x.dtype(), [&]<class T>() {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> ||
                  std::is_same_v<T, BFloat16>) {
      T* to = raw<T>(factor);
      const T kept = static_cast<T>(scale);
      parallel_for((n + 3) / 4, 1024, [=](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
          auto bits = philox(seed, first + static_cast<uint64_t>(block));
          for (int64_t i = 4 * block; i < std::min(n, 4 * block + 4); ++i)
            to[i] = bits[static_cast<size_t>(i % 4)] < threshold ? T(0.0f) : kept;
        }
      });
    }
  });
  return mul_or_zero(x, factor);
}

// With replacement, each draw inverts the cumulative sum of the weights.  Without replacement, the
// draws are the `count` indices with the smallest -log(u) / w, where u is uniform.  They have the
// same distribution as draws made one after another (exponential races).  The code compares
// logarithms of the quotients, because dividing by a small weight overflows.
Tensor multinomial(const Tensor& weights, int64_t count, bool replacement, Generator& generator) {
  check_floating("multinomial", weights);
  check<ShapeError>(weights.rank() >= 1, "multinomial: expected weights (..., n), got a scalar");
  check<ValueError>(count >= 0, "multinomial: expected a number of draws of at least 0, got ",
                    count);
  const int64_t n = weights.shape().back();
  Shape shape = weights.shape();
  shape[shape.rank() - 1] = count;
  Tensor y = empty(shape, kInt64), rows = contiguous(to(weights.detach(), kFloat64));
  std::vector<double, PoolAllocator<double>> scratch(static_cast<size_t>(n));
  for (int64_t row = 0; count > 0 && row < y.numel() / count; ++row) {
    const double* w = raw<double>(rows) + row * n;
    int64_t* out = raw<int64_t>(y) + row * count;
    double total = 0, largest = 0;
    int64_t possible = 0;
    for (int64_t i = 0; i < n; ++i) {
      check<ValueError>(w[i] >= 0 && std::isfinite(w[i]),
                        "multinomial: expected weights that are finite and not negative, got ",
                        w[i]);
      possible += w[i] > 0;
      largest = std::max(largest, w[i]);
    }
    // A power of two scales the largest weight to about 1, so that the sum does not overflow or
    // lose digits.
    const int exponent = largest > 0 ? -std::ilogb(largest) : 0;
    for (int64_t i = 0; replacement && i < n; ++i)
      scratch[static_cast<size_t>(i)] = total += std::ldexp(w[i], exponent);
    check<ValueError>(possible >= (replacement ? std::min<int64_t>(count, 1) : count),
                      "multinomial: expected at least ", replacement ? 1 : count,
                      " positive weights for count = ", count, ", got ", possible);
    if (replacement) {
      for (int64_t k = 0; k < count; ++k) {
        auto it = std::upper_bound(scratch.begin(), scratch.end(), generator.uniform() * total);
        int64_t i = std::min<int64_t>(it - scratch.begin(), n - 1);
        while (std::ldexp(w[i], exponent) == 0) --i;
        out[k] = i;
      }
      continue;
    }
    for (int64_t i = 0; i < n; ++i) {
      const double race = std::log(-std::log1p(-generator.uniform())) - std::log(w[i]);
      scratch[static_cast<size_t>(i)] = w[i] > 0 ? race : std::numeric_limits<double>::infinity();
    }
    Tensor order =
        topk(from_span(std::span<const double>(scratch)), count, 0, /*largest=*/false).indices;
    std::copy_n(raw<int64_t>(order), count, out);
  }
  return y;
}

}  // namespace vitro
