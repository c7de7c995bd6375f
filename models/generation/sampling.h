// Chooses the next token from the logits of all tokens.
#pragma once
#include <span>

#include "../../framework/tensor/random.h"
#include "../language/generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Returns the tokens that may be drawn, from logits (V): their probabilities (float64, with sum 1),
// and their ids in ascending order.  The repetition penalty applies to the ids in `text`.  Among
// equal logits, top_k and top_p keep the lowest ids.  With a temperature of 0, only the likeliest
// token remains.  The time is O(V).  exp is computed in float32, or in float64 for float64 logits.
// ValueError for NaN, for +infinity, and if all logits are -infinity.
ValuesAndIndices token_distribution(const Tensor& logits, const GenerateOptions& options,
                                    std::span<const int64_t> text = {});

// Returns the same tokens in descending order of their probabilities.
ValuesAndIndices likeliest_tokens(const Tensor& logits, const GenerateOptions& options,
                                  std::span<const int64_t> text = {});

// Returns the first token at which the running sum of the probabilities exceeds `uniform`, a random
// number from [0, 1).
int64_t draw_token(const ValuesAndIndices& distribution, double uniform);

// Returns the id that follows `text`, from logits (V).  The id is drawn at random if
// options.do_sample is set and the temperature is not 0; otherwise it is the likeliest id.
int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator,
                   std::span<const int64_t> text = {});

}  // namespace models
}  // namespace vitro
