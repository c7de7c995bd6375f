// Validation of the options of text generation.
#include "models/language/generate_options.h"

#include <cmath>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::models {

static bool is_positive(double x) { return std::isfinite(x) && x > 0; }

void check_options(const GenerateOptions& o) {
  check<ValueError>(o.max_new_tokens >= 0, "generate: max_new_tokens must not be negative: got ",
                    o.max_new_tokens);
  check<ValueError>(o.temperature == 0 || is_positive(o.temperature),
                    "generate: temperature must be positive, or 0 for the likeliest token: got ",
                    o.temperature);
  check<ValueError>(!o.top_k || *o.top_k >= 1, "generate: top_k must be at least 1: got ",
                    o.top_k.value_or(1));
  check<ValueError>(!o.top_p || (*o.top_p > 0 && *o.top_p <= 1),
                    "generate: top_p must be above 0 and at most 1: got ", o.top_p.value_or(1));
  check<ValueError>(is_positive(o.repetition_penalty),
                    "generate: repetition_penalty must be positive: got ", o.repetition_penalty);
  check<ValueError>(o.vocab_size >= 0, "generate: vocab_size must not be negative: got ",
                    o.vocab_size);
  check<ValueError>(o.block_size >= 0, "generate: block_size must not be negative: got ",
                    o.block_size);
  for (const std::string& stop : o.stop_strings) {
    check<ValueError>(!stop.empty(), "generate: stop_strings must not be empty: got \"\"");
    text::check_utf8(stop, "generate: stop_strings");
  }
}

}  // namespace vitro::models
