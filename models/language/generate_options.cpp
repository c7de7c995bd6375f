// Checks the options of text generation.
#include "models/language/generate_options.h"

#include <cmath>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::models {

static bool is_positive(double x) { return std::isfinite(x) && x > 0; }

void check_options(const GenerateOptions& o) {
  check<ValueError>(o.max_new_tokens >= 0, "generate: expected max_new_tokens >= 0, got ",
                    o.max_new_tokens);
  check<ValueError>(o.temperature == 0 || is_positive(o.temperature),
                    "generate: expected a positive temperature, or 0 for the likeliest token, got ",
                    o.temperature);
  check<ValueError>(!o.top_k || *o.top_k >= 1, "generate: expected top_k >= 1, got ",
                    o.top_k.value_or(1));
  check<ValueError>(!o.top_p || (*o.top_p > 0 && *o.top_p <= 1),
                    "generate: expected a top_p above 0 and at most 1, got ", o.top_p.value_or(1));
  check<ValueError>(is_positive(o.repetition_penalty),
                    "generate: expected a positive repetition_penalty, got ", o.repetition_penalty);
  check<ValueError>(o.vocab_size >= 0, "generate: expected vocab_size >= 0, got ", o.vocab_size);
  check<ValueError>(o.block_size >= 0, "generate: expected block_size >= 0, got ", o.block_size);
  for (const std::string& stop : o.stop_strings) {
    check<ValueError>(!stop.empty(),
                      "generate: expected stop_strings that are not empty, got \"\"");
    text::check_utf8(stop, "generate: stop_strings");
  }
}

}  // namespace vitro::models
