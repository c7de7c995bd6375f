// Initial values of parameters.  Each function fills x in place, without recording, and returns x.
// Random values come from `generator`.  fan_in and fan_out are the numbers of columns and rows of a
// weight (out, in); the sizes of further axes multiply both.
#pragma once
#include <string>

#include "../../framework/tensor/random.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn::init {

// Which fan sets the scale in kaiming_uniform_ and kaiming_normal_.
enum class FanMode {
  kIn,  // fan_in: activations keep their scale in forward
  kOut  // fan_out: gradients keep their scale in backward
};

// U(low, high).  ValueError unless low <= high.
Tensor uniform_(const Tensor& x, double low = 0, double high = 1,
                Generator& generator = default_generator());
// N(mean, deviation^2).  ValueError for a negative deviation.
Tensor normal_(const Tensor& x, double mean = 0, double deviation = 1,
               Generator& generator = default_generator());
// N(mean, deviation^2), where a value outside [low, high] is drawn again.  ValueError unless this
// interval has a probability above 0.001.
Tensor trunc_normal_(const Tensor& x, double mean = 0, double deviation = 1, double low = -2,
                     double high = 2, Generator& generator = default_generator());
Tensor constant_(const Tensor& x, double value);  // `value` everywhere
Tensor zeros_(const Tensor& x);                   // 0 everywhere
Tensor ones_(const Tensor& x);                    // 1 everywhere
// U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)
Tensor xavier_uniform_(const Tensor& x, double gain = 1,
                       Generator& generator = default_generator());
// N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)
Tensor xavier_normal_(const Tensor& x, double gain = 1, Generator& generator = default_generator());
// U(-b, b), b = gain sqrt(3 / fan) (He et al., 2015), where gain = calculate_gain(nonlinearity, a);
// only "leaky_relu" uses the slope a.
Tensor kaiming_uniform_(const Tensor& x, double a = 0, FanMode mode = FanMode::kIn,
                        const std::string& nonlinearity = "leaky_relu",
                        Generator& generator = default_generator());
// N(0, s^2), s = gain / sqrt(fan), with the same gain (He et al., 2015)
Tensor kaiming_normal_(const Tensor& x, double a = 0, FanMode mode = FanMode::kIn,
                       const std::string& nonlinearity = "leaky_relu",
                       Generator& generator = default_generator());
// gain Q, where Q (out, in times further axes) has orthonormal rows, or orthonormal columns if it
// has more rows than columns (Saxe et al., 2014).  ShapeError unless x is contiguous.
Tensor orthogonal_(const Tensor& x, double gain = 1, Generator& generator = default_generator());

// The factor that keeps a signal's scale through a nonlinearity: 5/3 for "tanh", sqrt 2 for "relu"
// and so on.  ValueError for an unknown name.
double calculate_gain(const std::string& nonlinearity, double slope = 0.01);

}  // namespace nn::init
}  // namespace vitro
