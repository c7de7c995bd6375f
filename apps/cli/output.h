// Prints to standard output, and formats text, numbers and tables for people.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.h"
#include "models/text/format.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

// The program that reads standard output has closed the pipe, as `head` does.  vitro then ends
// without a message.
struct ClosedPipe : IoError {
  using IoError::IoError;
};

// Writes to standard output at once, unbuffered.  ClosedPipe if nobody reads it; IoError with the
// reason for another failure, for example a full disk.
void write_out(std::string_view text);
void write_json(const nlohmann::ordered_json& value);

// Prints a warning, one line on standard error.
void warn(const std::string& message);

// `text` with escapes in place of line ends, control characters and bytes that are not UTF-8.
std::string printable(std::string_view text);
// printable(text) in double quotes.  A longer text is cut after `most` characters and ends in
// "...".
std::string in_quotes(std::string_view text, size_t most = 200);
using text::clipped;
using text::format;
using text::index_text;
using text::small;
using text::table;

std::string shape_text(const Shape& shape);  // (2, 3)
std::string count_text(int64_t n);           // 16,384
std::string duration(double seconds);        // 1.25 s; below 0.1 s in milliseconds: 12.5 ms
// The first numbers of a floating-point tensor with one axis; "..." if there are more.
std::string first_numbers(const Tensor& x, int64_t count = 6);

}  // namespace vitro::cli
