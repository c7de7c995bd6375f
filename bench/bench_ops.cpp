// Times every family of ops over a list of shapes.
#include "bench/op_rows.h"

namespace vitro::bench {

const char* const kAbout =
    "Activations and softmax: SIMD, other = oneDNN; SIMD is faster if the ratio is below 1.\n"
    "GB/s counts each byte of input and output once; above 100 % of the roof, caches were used.";

void register_rows() {
  elementwise_rows();
  activation_rows();
  softmax_rows();
  reduction_rows();
  view_rows();
  indexing_rows();
  product_rows();
  random_rows();
}

}  // namespace vitro::bench
