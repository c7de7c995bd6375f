// vitro's GPT beside libtorch's.
#pragma once

namespace vitro::bench {

void register_gpt_rivals();

}  // namespace vitro::bench
