// Attention by hand: from queries, keys and values to their weighted sums, and back.
//
// q is (B, T, H, D); k and v are (B, S, G, D), and head h of q uses head h G / H of k and v. Scores
// and pattern are (B, H, T, S).
#pragma once
#include "models/proof/array.h"

namespace vitro::proof {

struct AttentionForm {
  bool is_causal = false;  // whether row t sees the columns up to t + S - T only
  double scale = 1;        // of the scores
};
// 1 / sqrt(D)
AttentionForm attention_form(int64_t head_size, bool is_causal);

struct AttentionGradients {
  Array dq, dk, dv;
};

// z (B, T, H, D) = softmax(scale q k^T) v
Array attention_by_hand(const Array& q, const Array& k, const Array& v, const AttentionForm& form);
AttentionGradients attention_gradients(const Array& q, const Array& k, const Array& v,
                                       const Array& dz, const AttentionForm& form);

// The same in steps, for hooks between them.
Array attention_scores(const Array& q, const Array& k, const AttentionForm& form);
Array attention_pattern(const Array& scores);
Array attention_sum(const Array& pattern, const Array& v);
Array pattern_gradient(const Array& dz, const Array& v);
Array scores_gradient(const Array& pattern, const Array& dpattern);
AttentionGradients step_gradients(const Array& q, const Array& k, const Array& v,
                                  const Array& pattern, const Array& dscores, const Array& dz,
                                  const AttentionForm& form);

// Heads [first, first + count) of x (B, T, heads D): (B, T, count, D); and (B, T, heads, D) as
// (B, T, heads D).
Array heads_of(const Array& x, int64_t first, int64_t count, int64_t width);
Array joined_heads(Array x);
// q, k, v (B, T, ...) side by side: (B, T, C)
Array side_by_side(const Array& q, const Array& k, const Array& v);

}  // namespace vitro::proof
