// Computes y = x W^T + b by hand, dot product by dot product, and compares it with nn::Linear.
#include <vitro/vitro.h>

#include <cmath>
#include <cstdio>

using namespace vitro;

int main() {
  manual_seed(2);
  nn::Linear layer(4, 3);  // weight (3, 4), bias (3)
  Tensor x = randn({2, 4}), y = layer(x);
  const float *in = x.data<float>(), *w = layer.weight.data<float>(), *b = layer.bias.data<float>();

  double worst = 0;
  for (int64_t row = 0; row < x.size(0); ++row) {
    for (int64_t j = 0; j < layer.weight.size(0); ++j) {
      std::printf("y[%ld][%ld] =", static_cast<long>(row), static_cast<long>(j));
      double sum = b[j];
      for (int64_t k = 0; k < 4; ++k) {
        std::printf(" %+.3f * %+.3f +", in[row * 4 + k], w[j * 4 + k]);
        sum += static_cast<double>(in[row * 4 + k]) * w[j * 4 + k];
      }
      const double computed = y[row][j].item();
      std::printf(" %+.3f = %+.6f, the layer says %+.6f\n", b[j], sum, computed);
      worst = std::max(worst, std::abs(sum - computed));
    }
  }
  std::printf("largest difference: %.1e\n", worst);
  return worst < 1e-6 ? 0 : 1;
}
