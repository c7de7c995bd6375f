// rope in two steps, so that several tensors with the same positions share the tables.
#pragma once
#include "ops/ops.h"

namespace vitro {

// The cosine and sine of each angle.
struct RopeTables {
  Tensor cosine, sine;  // (T, D), constants
};
// Tables for T = time and D = width.
RopeTables rope_tables(int64_t time, int64_t width, const RopeOptions& options, DType dtype);
// rope of x (..., T, D) with these tables.
Tensor rope_by(const Tensor& x, const RopeTables& tables);

}  // namespace vitro
