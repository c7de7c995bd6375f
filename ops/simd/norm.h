// Kernels of layer_norm and rms_norm over one contiguous row of float32.
#pragma once
#include <cstdint>

namespace vitro::simd {

// y = (x - mean) rstd w + b with mean of x, kept as mean + rest, and rstd = 1 / sqrt(mean of (x -
// mean)^2 + eps); of rms_norm: the same with mean = 0.  Null w and b: ones and zeros.  rstd is 0
// for a row that was computed in float64, and is so in backward again.
struct NormRow {
  float mean, rest, rstd;
};
NormRow layer_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n);
NormRow rms_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n);

// With g = dy w and z = (x - mean) rstd:  dx = rstd (g - mean g - z mean(g z)),  dw += dy z,
// db += dy; of rms_norm without the mean of g.  Null dx, dw, db are not computed.
struct NormGradients {
  float *dx, *dw, *db;
};
void layer_norm_backward(const float* x, const float* w, const float* dy, float eps,
                         const NormRow& row, const NormGradients& to, int64_t n);
void rms_norm_backward(const float* x, const float* w, const float* dy, float eps,
                       const NormRow& row, const NormGradients& to, int64_t n);

}  // namespace vitro::simd
