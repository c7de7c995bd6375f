// The float32 kernels of attention over tensors of heads (..., H, T, D), unrecorded.
#pragma once
#include "framework/tensor/tensor.h"
#include "ops/simd/attention.h"

namespace vitro {

struct AttentionInputs {
  Tensor q, k, v;  // float32; any strides, but features that follow each other.  Of few rows k and
                   // v may be bfloat16
  Tensor bias;     // added to the scores (..., H, T, S), of their shape; or undefined
  bool is_causal;
  double scale;
  simd::AttentionDropout dropout = {};
};
// Whether there are so few rows that attention_into, which then drops nothing, reads k and v in
// place: once where T is 1, else once for each head of q.
bool has_few_rows(const Tensor& q, const Tensor& k);
// y (..., H, T, D) and softmax (..., H, T, 2): a simd::RowSoftmax for each row.
void attention_into(const AttentionInputs& in, const Tensor& y, const Tensor& softmax);

// Undefined ones are not computed.
struct AttentionGradients {
  Tensor dq, dk, dv;
};
void attention_backward_into(const AttentionInputs& in, const Tensor& y, const Tensor& dy,
                             const Tensor& softmax, const AttentionGradients& gradients);

}  // namespace vitro
