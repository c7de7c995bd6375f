// relu on oneDNN over a contiguous array of float32 or bfloat16.
#pragma once
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::onednn {

// y_i = max(x_i, 0), on all threads; y may be x.
void relu(DType dtype, const void* x, void* y, int64_t n);

}  // namespace vitro::onednn
