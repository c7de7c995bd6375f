// oneDNN without vitro.  Primitives are prepared once, so that only their execution is timed.
#pragma once
#include <memory>

#include "framework/base/dtype.h"

namespace vitro::bench {

// A primitive that owns the arrays of its arguments.
class BarePrimitive {
 public:
  void run() const;

 protected:
  struct Prepared;
  std::shared_ptr<Prepared> prepared_;
};

// c = a b + bias, row-major and in one dtype: a (m, k), b (k, n) or, if b_transposed, (n, k).
struct BareLinear : BarePrimitive {
  BareLinear(DType dtype, int64_t m, int64_t n, int64_t k, bool b_transposed);
};

// c = a b for each matrix of a stack, in contiguous float32: a (batch, m, k), b (batch, k, n).
struct BareBatchedMatmul : BarePrimitive {
  BareBatchedMatmul(int64_t batch, int64_t m, int64_t n, int64_t k);
};

enum class BareActivation { kRelu, kTanh, kSigmoid, kSilu, kGelu, kGeluTanh, kSoftplus };
// y = f(x), or dx = dy f'(x), for n float32 numbers.
struct BareEltwise : BarePrimitive {
  BareEltwise(BareActivation f, bool backward, int64_t n);
};

// softmax or log_softmax over `rows` rows of n float32 numbers.
struct BareSoftmax : BarePrimitive {
  BareSoftmax(bool log, int64_t rows, int64_t n);
};

}  // namespace vitro::bench
