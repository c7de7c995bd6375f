// Text generation.
#include "models/generate.h"

#include "ops/ops.h"

namespace vitro::models {

std::vector<int64_t> generate(nn::Module& model, std::vector<int64_t> ids,
                              const GenerateOptions& options,
                              const std::function<bool(int64_t)>& on_token) {
  check_options(options);
  check<ValueError>(options.stop_strings.empty(),
                    "generate: ids have no stop_strings: generate_text has");
  check<ValueError>(!ids.empty(), "generate: the prompt must have at least one token");
  NoGradGuard no_grad;
  Generator own(options.seed.value_or(0));
  Generator& generator = options.seed ? own : default_generator();
  for (int64_t i = 0; i < options.max_new_tokens; ++i) {
    auto window = std::span<const int64_t>(ids);
    if (options.block_size)
      window = window.last(std::min(ids.size(), static_cast<size_t>(options.block_size)));
    Tensor logits = model(from_span(window));
    int64_t id = next_token(logits.select(0, -1), options, generator, ids);
    ids.push_back(id);
    if ((on_token && !on_token(id)) || id == options.eos_token_id) break;
  }
  return ids;
}

}  // namespace vitro::models
