// Bare oneDNN: what the primitives cost when everything but their execution was done before.
#pragma once
#include <memory>

#include "framework/base/dtype.h"

namespace vitro::bench {

class BarePrimitive {
 public:
  void run() const;

 protected:
  struct Prepared;
  std::shared_ptr<Prepared> prepared_;
};

// c = a b + bias, all row-major and of one dtype: a (m, k), b (k, n) or, transposed, stored (n, k).
struct BareLinear : BarePrimitive {
  BareLinear(DType dtype, int64_t m, int64_t n, int64_t k, bool b_transposed);
};

// c = a b of a stack of matrices: float32, contiguous, a (batch, m, k), b (batch, k, n).
struct BareBatchedMatmul : BarePrimitive {
  BareBatchedMatmul(int64_t batch, int64_t m, int64_t n, int64_t k);
};

enum class BareActivation { kRelu, kTanh, kSigmoid, kSilu, kGelu, kGeluTanh, kSoftplus };
// y = f(x), or dx = dy f'(x), of n float32 numbers.
struct BareEltwise : BarePrimitive {
  BareEltwise(BareActivation f, bool backward, int64_t n);
};

// softmax, or its log, of each of `rows` rows of n float32 numbers.
struct BareSoftmax : BarePrimitive {
  BareSoftmax(bool log, int64_t rows, int64_t n);
};

}  // namespace vitro::bench
