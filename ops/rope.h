// rope in two steps, for several tensors of the same positions.
#pragma once
#include "ops/ops.h"

namespace vitro {

struct RopeTables {
  Tensor cosine, sine;  // (T, D), constants
};
RopeTables rope_tables(int64_t time, int64_t width, const RopeOptions& options, DType dtype);
Tensor rope_by(const Tensor& x, const RopeTables& tables);

}  // namespace vitro
