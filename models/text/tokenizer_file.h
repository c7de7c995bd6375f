// What the readers of tokenizer files share.
#pragma once
#include <cstdint>
#include <string_view>

#include "framework/io/json.h"

namespace vitro::text {

constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

// Gives a reader the events of a whole file, and refuses a byte order mark and what is no UTF-8:
// messages repeat its text.
void read_json(JsonEvents& reader, std::string_view json);

// Whether it is an object with a "model", as in tokenizer.json, and not one with a "type".
bool is_tokenizer_json(std::string_view json);

}  // namespace vitro::text
