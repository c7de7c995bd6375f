// Activations and softmax on oneDNN over contiguous arrays of float32 or bfloat16.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::onednn {

enum class Eltwise : int { kRelu, kTanh, kSigmoid, kSilu };

// y_i = f(x_i)
void eltwise(Eltwise f, DType dtype, const void* x, void* y, int64_t n);
// dx_i = dy_i f'(x_i); tanh and sigmoid take their output y in the place of x.
void eltwise_backward(Eltwise f, DType dtype, const void* x_or_y, const void* dy, void* dx,
                      int64_t n);

// softmax (or its log) of each of `rows` rows of n.
void softmax(bool log, DType dtype, const void* x, void* y, int64_t rows, int64_t n);

}  // namespace vitro::onednn
