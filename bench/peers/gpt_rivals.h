// Rows that compare vitro's GPT with libtorch's.
#pragma once

namespace vitro::bench {

void register_gpt_rivals();

}  // namespace vitro::bench
