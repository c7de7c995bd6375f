// The mean cross entropy by hand.
#pragma once
#include <span>

#include "models/proof/array.h"

namespace vitro::proof {

// The mean of -log softmax(logits_i)[target_i] over the rows i of logits (..., V).  A target of
// -100 leaves its row out, as in the op.  ShapeError unless there is one target per row.
Array cross_entropy(const Array& logits, std::span<const int64_t> targets);
// Its gradient: (softmax(logits_i)_j - [j = target_i]) / n.
Array cross_entropy_backward(const Array& logits, std::span<const int64_t> targets);
// The term of each row; 0 if the row is left out.
std::vector<double> cross_entropies(const Array& logits, std::span<const int64_t> targets);

}  // namespace vitro::proof
