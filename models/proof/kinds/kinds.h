// The kinds of modules that vitro itself computes by hand.
#pragma once
#include <utility>

#include "models/proof/hand.h"

namespace vitro::proof {

// The kind of a built-in class; null if the class has none.
const Kind* built_in(const std::type_info& type);

// Whether m is computed by the functions of a built-in kind.
bool is_built_in(const nn::Module& m);

// A kind from functions of modules of class M.
template <class M, class Forward, class Backward>
Kind kind(std::string formula, Forward forward, Backward backward) {
  return {.formula = std::move(formula),
          .forward = [forward](nn::Module& m, Hand& hand,
                               const Array& x) { return forward(static_cast<M&>(m), hand, x); },
          .backward = [backward](
                          nn::Module& m, Hand& hand, const Array& x,
                          const Array& dy) { return backward(static_cast<M&>(m), hand, x, dy); }};
}

// dL/dx for an x that is no float.
inline Array no_gradient() { return {.shape = {0}}; }

// Each of these is defined in the file of its name.
Kind linear_kind();
Kind embedding_kind();
Kind layer_norm_kind();
Kind rms_norm_kind();
Kind gelu_kind();
Kind relu_kind();
Kind tanh_kind();
Kind sigmoid_kind();
Kind silu_kind();
Kind softmax_kind();
Kind identity_kind();
Kind sequential_kind();
Kind causal_self_attention_kind();
Kind multihead_attention_kind();
Kind mlp_kind();
Kind block_kind();
Kind gpt_kind();
Kind mini_lm_kind();

}  // namespace vitro::proof
