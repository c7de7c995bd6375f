// Functions that all readers of tokenizer files share.
#pragma once
#include <cstdint>
#include <string_view>

#include "framework/io/json.h"

namespace vitro::text {

// Larger files are refused.
constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

// Gives a reader the events of a whole file.  A byte order mark and invalid UTF-8 are refused
// first, because messages quote the text.
void read_json(JsonEvents& reader, std::string_view json);

// Returns whether the text is an object with the field "model", as tokenizer.json is, and no
// "type" before it.
bool is_tokenizer_json(std::string_view json);

}  // namespace vitro::text
