// Learns byte pairs from a text and shows the progress on a terminal.
#pragma once
#include "vitro.h"

namespace vitro::cli {

// If standard output is a terminal, a line shows the progress.  It is redrawn at most ten times a
// second and erased at the end.  With `is_silent` there is no such line.
text::BpeTokenizer learn_byte_pairs(std::string_view text, int64_t vocab_size, int64_t min_count,
                                    bool is_silent);

}  // namespace vitro::cli
