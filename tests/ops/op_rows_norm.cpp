// Rows of the op table for the norms along the last axis.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

// (x - mean) / sqrt(var + eps), or x / sqrt(mean x^2 + eps)
Line normalized_line(const Line& x, bool centered, double eps) {
  const double mean = centered ? average(x) : 0;
  double squares = 0;
  for (double v : x) squares += (v - mean) * (v - mean);
  Line z;
  for (double v : x)
    z.push_back((v - mean) / std::sqrt(squares / static_cast<double>(x.size()) + eps));
  return z;
}

}  // namespace

void add_norms(Rows& rows) {
  constexpr double kEps = 1e-3;
  const Shape shapes[] = {{2, 5}, {5}, {2, 3, 4}, {0, 3}, {3, 37}, {2, 1}, {70, 3}};
  for (const Shape& shape : shapes)
    for (bool weighted : {true, false})
      for (bool biased : {true, false})
        for (bool centered : {true, false}) {
          if (biased && !centered) continue;
          std::vector<Input> inputs = {any(shape)};
          if (weighted) inputs.push_back(any({shape.back()}));
          if (biased) inputs.push_back(any({shape.back()}));
          auto f = [=](const Tensors& x) {
            const Tensor w = weighted ? x[1] : Tensor(), b = biased ? x.back() : Tensor();
            return centered ? layer_norm(x[0], w, b, kEps) : rms_norm(x[0], w, kEps);
          };
          auto reference = [=](const Arrays& x) {
            const Array z = along(
                x[0], -1, [=](const Line& line) { return normalized_line(line, centered, kEps); });
            return generate(x[0].shape, [&](const Place& at) {
              const Place last = {at.back()};
              return z(at) * (weighted ? x[1](last) : 1) + (biased ? x.back()(last) : 0);
            });
          };
          const std::string name = centered ? "layer_norm" : "rms_norm";
          rows.push_back({name,
                          name,
                          text(shape) + (weighted ? ", weight" : "") + (biased ? ", bias" : ""),
                          f,
                          inputs,
                          reference,
                          {.reduction = std::max<int64_t>(1, count(shape))}});
        }
}

}  // namespace vitro::tests
