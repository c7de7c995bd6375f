// Chooses the next token from the logits of all tokens.
#pragma once
#include <span>

#include "../../framework/tensor/random.h"
#include "../language/generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// The tokens that may be drawn: their probabilities, float64 with sum 1, and their ids, ascending.
// `text` holds the ids before, for the repetition penalty.  Of equal logits (V), top_k and top_p
// keep the first.  With a temperature of 0 only the likeliest token remains.  O(V), without a sort;
// exp is computed in float32 unless the logits are float64.  ValueError for NaN, for +infinity, and
// if all logits are -infinity.
ValuesAndIndices token_distribution(const Tensor& logits, const GenerateOptions& options,
                                    std::span<const int64_t> text = {});

// The same tokens in descending order of their probabilities.
ValuesAndIndices likeliest_tokens(const Tensor& logits, const GenerateOptions& options,
                                  std::span<const int64_t> text = {});

// Draws a token: the first one where the running sum of probabilities exceeds `uniform`, a random
// number from [0, 1).
int64_t draw_token(const ValuesAndIndices& distribution, double uniform);

// The id that follows `text`, from logits (V).  It is drawn if options.do_sample is set and the
// temperature is not 0; otherwise it is the likeliest.
int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator,
                   std::span<const int64_t> text = {});

}  // namespace models
}  // namespace vitro
