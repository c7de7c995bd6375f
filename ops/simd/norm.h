// Kernels of layer_norm and rms_norm for one contiguous row of float32.
#pragma once
#include <cstdint>

namespace vitro::simd {

// layer_norm: y = (x - mean) rstd w + b with rstd = 1 / sqrt(mean of (x - mean)^2 + eps).  The mean
// is stored as the sum mean + rest.  rms_norm: the same with mean = 0.  A null w counts as ones, a
// null b as zeros.  rstd = 0 marks a row that was computed in float64; backward also uses float64.
struct NormRow {
  float mean, rest, rstd;
};
NormRow layer_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n);
NormRow rms_norm(const float* x, const float* w, const float* b, float eps, float* y, int64_t n);

// With g = dy w and z = (x - mean) rstd:  dx = rstd (g - mean g - z mean(g z)),  dw += dy z,
// db += dy.  rms_norm leaves `mean g` out.  Null dx, dw, db are not computed.
struct NormGradients {
  float *dx, *dw, *db;
};
void layer_norm_backward(const float* x, const float* w, const float* dy, float eps,
                         const NormRow& row, const NormGradients& to, int64_t n);
void rms_norm_backward(const float* x, const float* w, const float* dy, float eps,
                       const NormRow& row, const NormGradients& to, int64_t n);

}  // namespace vitro::simd
