// Initial values of parameters, in place and without record; each returns the tensor it filled.
// The random ones draw from the generator given last.
// fan_in and fan_out are the columns and rows of a weight (out, in).
#pragma once
#include <string>

#include "../../framework/tensor/random.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn::init {

enum class FanMode { kIn, kOut };

Tensor uniform_(const Tensor& x, double low = 0, double high = 1,
                Generator& generator = default_generator());
Tensor normal_(const Tensor& x, double mean = 0, double deviation = 1,
               Generator& generator = default_generator());
// Normal, drawn again while outside [low, high].
Tensor trunc_normal_(const Tensor& x, double mean = 0, double deviation = 1, double low = -2,
                     double high = 2, Generator& generator = default_generator());
Tensor constant_(const Tensor& x, double value);
Tensor zeros_(const Tensor& x);
Tensor ones_(const Tensor& x);
// U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)
Tensor xavier_uniform_(const Tensor& x, double gain = 1,
                       Generator& generator = default_generator());
Tensor xavier_normal_(const Tensor& x, double gain = 1, Generator& generator = default_generator());
// U(-a, a), a = gain sqrt(3 / fan) (He et al., 2015); the gain is that of `nonlinearity`, with
// slope `a` for "leaky_relu".
Tensor kaiming_uniform_(const Tensor& x, double a = 0, FanMode mode = FanMode::kIn,
                        const std::string& nonlinearity = "leaky_relu",
                        Generator& generator = default_generator());
Tensor kaiming_normal_(const Tensor& x, double a = 0, FanMode mode = FanMode::kIn,
                       const std::string& nonlinearity = "leaky_relu",
                       Generator& generator = default_generator());
// Rows (or columns) that are orthonormal times gain (Saxe et al., 2014), from the QR of a normal
// matrix.
Tensor orthogonal_(const Tensor& x, double gain = 1, Generator& generator = default_generator());

// The factor that keeps a signal's scale through a nonlinearity: tanh 5/3, relu sqrt 2 ...
double calculate_gain(const std::string& nonlinearity, double slope = 0.01);

}  // namespace nn::init
}  // namespace vitro
