// Whole text files, in and out.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// Every byte of a regular file, nothing converted.  IoError, naming the path and the reason, for
// what is missing, unreadable, a directory or another special file, or longer than `max_bytes`.
std::string read_text_file(const std::string& path,
                           int64_t max_bytes = std::numeric_limits<int64_t>::max());

// Writes `text` to `path`.tmp, syncs it and renames it over `path`: at every instant `path` is
// either the old file or the whole new one.  IoError with the reason; no temporary file stays.
void write_text_file(const std::string& path, std::string_view text);

}  // namespace text
}  // namespace vitro
