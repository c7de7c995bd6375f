// Functions that all readers of tokenizer files share.
#pragma once
#include <cstdint>
#include <string_view>

#include "framework/io/json.h"

namespace vitro::text {

// Larger files are refused.
constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

// Parses JSON and passes its events to `reader`.  It refuses a byte order mark and invalid UTF-8
// first, because messages quote the text.
void read_json(JsonEvents& reader, std::string_view json);

// Returns whether the text looks like tokenizer.json: an object with an object "model" and no
// string "type" before it.
bool is_tokenizer_json(std::string_view json);

}  // namespace vitro::text
