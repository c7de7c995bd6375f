// The choice of the next token from the logits of all.
#pragma once
#include <span>

#include "../../framework/tensor/random.h"
#include "../language/generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// The tokens that may be drawn: their probabilities, float64, sum 1, and ids, ascending.  Of equal
// logits (V) top_k and top_p keep the first.  `text` are the ids before, which the repetition
// penalty is about.  O(V), sorting nothing; exp is computed in float32 unless the logits are
// float64.  A temperature of 0 leaves the likeliest token alone.  ValueError for NaN, for
// +infinity, and if all logits are -infinity.
ValuesAndIndices token_distribution(const Tensor& logits, const GenerateOptions& options,
                                    std::span<const int64_t> text = {});

// The same, the likeliest first.
ValuesAndIndices likeliest_tokens(const Tensor& logits, const GenerateOptions& options,
                                  std::span<const int64_t> text = {});

// The first token up to which the probabilities sum to more than `uniform`, a number in [0, 1).
int64_t draw_token(const ValuesAndIndices& distribution, double uniform);

// The id that follows `text`, from logits (V): drawn if options.do_sample and the temperature is
// not 0, else the likeliest.
int64_t next_token(const Tensor& logits, const GenerateOptions& options, Generator& generator,
                   std::span<const int64_t> text = {});

}  // namespace models
}  // namespace vitro
