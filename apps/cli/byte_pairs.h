// Byte pairs learnt from a text, with progress where somebody watches.
#pragma once
#include "vitro.h"

namespace vitro::cli {

// On a terminal a line that moves, ten times a second, and goes at the end.
text::BpeTokenizer learn_byte_pairs(std::string_view text, int64_t vocab_size, int64_t min_count,
                                    bool is_silent);

}  // namespace vitro::cli
