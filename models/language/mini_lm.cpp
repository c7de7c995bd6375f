// Makes a MiniLM, and joins the embeddings of its context.
#include "models/language/mini_lm.h"

namespace vitro::models {

MiniLM::MiniLM(const MiniLMConfig& c)
    : config(c),
      embed(c.vocab_size, c.n_embd),
      hidden((check<ShapeError>(c.context >= 1, "MiniLM: expected context >= 1, got ", c.context),
              c.context * c.n_embd),
             c.n_hidden),
      drop(c.dropout),
      head(c.n_hidden, c.vocab_size) {}

Tensor MiniLM::with_context(const Tensor& x) const {
  const int64_t k = config.context;
  if (k == 1) return x;
  check<ShapeError>(x.rank() >= 2, "MiniLM: expected ids with a time axis, for a context of ", k,
                    ", got one token");
  Shape before = x.shape();
  before[x.rank() - 2] = k - 1;
  Tensor padded = cat({zeros(before, x.dtype()), x}, -2);
  std::vector<Tensor, PoolAllocator<Tensor>> shifted;
  for (int64_t i = 0; i < k; ++i) shifted.push_back(narrow(padded, -2, i, x.size(-2)));
  return cat(shifted, -1);
}

}  // namespace vitro::models
