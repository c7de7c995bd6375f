// Unrecorded attention over tensors of heads (..., H, T, D), with the float32 kernels.
#pragma once
#include "framework/tensor/tensor.h"
#include "ops/simd/attention.h"

namespace vitro {

struct AttentionInputs {
  Tensor q, k, v;  // float32, the last axis with stride 1; k and v may be bfloat16 if has_few_rows
  Tensor bias;     // added to the scores: (..., H, T, S), or undefined
  bool is_causal;
  double scale;
  simd::AttentionDropout dropout = {};
};
// Whether q has few rows per head of k and v.  Without dropout, attention_into then reads k and v
// in place: once if T is 1, else once per head of q.
bool has_few_rows(const Tensor& q, const Tensor& k);
// Computes y (..., H, T, D) and softmax (..., H, T, 2), a simd::RowSoftmax for each row.
void attention_into(const AttentionInputs& in, const Tensor& y, const Tensor& softmax);

// The gradients to compute; undefined ones are left out.
struct AttentionGradients {
  Tensor dq, dk, dv;
};
void attention_backward_into(const AttentionInputs& in, const Tensor& y, const Tensor& dy,
                             const Tensor& softmax, const AttentionGradients& gradients);

}  // namespace vitro
