// Printing: writes that are checked, text that is safe to show, numbers and tables that line up.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

// Writes to standard output at once, unbuffered.  IoError with the reason, as for a full disk.
void write_out(std::string_view text);
void write_json(const nlohmann::ordered_json& value);

// One line on standard error: what is not as it should be, and does not stop the program.
void warn(const std::string& message);

// A message of the library without the names of its functions, which users of the program do not
// know: "load: a checkpoint expected: ..." begins with what was expected.
std::string without_internals(std::string message);

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

// `text` with escapes for what is not a printable character: line ends, control characters, bytes
// that are no UTF-8.
std::string printable(std::string_view text);
// "printable text", of which a long one ends in ... after `most` characters.
std::string in_quotes(std::string_view text, size_t most = 200);
using text::clipped;

std::string shape_text(const Shape& shape);  // (2, 3)
std::string count_text(int64_t n);           // 16,384
std::string small(double x);                 // 1.2e-07
// The first numbers of a floating tensor with one axis; "..." if there are more.
std::string first_numbers(const Tensor& x, int64_t count = 6);

// Cells padded to columns, each row a line that starts with `indent` spaces.
std::string table(const std::vector<std::vector<std::string>>& rows, int indent);

}  // namespace vitro::cli
