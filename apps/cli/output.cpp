// Prints text, numbers and tables.
#include "apps/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/cli/internals.h"
#include "framework/base/error.h"
#include "framework/nn/summary.h"
#include "models/text/unicode/utf8.h"
#include "ops/ops.h"

namespace vitro::cli {

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      const std::string reason = std::generic_category().message(error);
      if (error == EPIPE) fail<ClosedPipe>("standard output cannot be written: ", reason);
      fail<IoError>("standard output cannot be written: ", reason);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void write_json(const nlohmann::ordered_json& value) {
  // File names may contain bytes that are not UTF-8; they become U+FFFD.
  write_out(value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n');
}

void warn(const std::string& message) {
  std::fprintf(stderr, "vitro: warning: %s\n", printable(without_internals(message)).c_str());
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    char32_t c = 0;
    try {
      c = text::next_code_point(text, offset, "printable");
    } catch (const ValueError&) {
      offset = begin + 1;
      out += format("\\x%02X", static_cast<unsigned char>(text[begin]));
      continue;
    }
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c < 0x20 || (c >= 0x7F && c < 0xA0))
      out += format("\\x%02X", static_cast<unsigned>(c));
    else out += text.substr(begin, offset - begin);
  }
  return out;
}

std::string in_quotes(std::string_view text, size_t most) {
  // A character has at most 4 bytes.  The part holds at least one character more than is shown, so
  // a character that is cut at the end of the part is never shown.
  return '"' + clipped(printable(text.substr(0, 4 * most + 4)), most) + '"';
}

std::string shape_text(const Shape& shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

std::string count_text(int64_t n) { return nn::grouped(n); }

std::string duration(double seconds) {
  return seconds < 0.1 ? format("%.1f ms", 1000 * seconds) : format("%.2f s", seconds);
}

std::string first_numbers(const Tensor& x, int64_t count) {
  Tensor wide = x.detach().to(kFloat64).contiguous();
  std::string text;
  for (int64_t i = 0; i < std::min(count, wide.numel()); ++i)
    text += format("%9.4f", wide.data<double>()[i]);
  return count < wide.numel() ? text + "  ..." : text;
}

}  // namespace vitro::cli
