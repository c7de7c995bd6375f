// Formats numbers and tables for people.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace vitro::text {

// printf into a string of at most 255 characters.
[[gnu::format(printf, 1, 2), gnu::visibility("default")]] std::string format(const char* pattern,
                                                                             ...);

[[gnu::visibility("default")]] std::string small(double x);  // 1.2e-07; 0 for zero

// One line per row, indented by `indent` spaces.  Cells are padded to align the columns.
[[gnu::visibility("default")]] std::string table(const std::vector<std::vector<std::string>>& rows,
                                                 int indent);

[[gnu::visibility("default")]] std::string index_text(
    const std::vector<int64_t>& index);  // [0,3,5]; "" for no index

}  // namespace vitro::text
