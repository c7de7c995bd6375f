// Reads lines of standard input, and prompts in files.
#include "apps/cli/input.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "apps/cli/output.h"
#include "framework/io/file.h"

namespace vitro::cli {

namespace {

constexpr size_t kMostBytes = size_t{16} << 20;  // the longest line or prompt

// Appends some bytes of standard input to `to` and returns how many: 0 at the end of the input,
// below 0 after a signal.
ssize_t read_some(std::string& to) {
  char piece[4096];
  const ssize_t n = ::read(STDIN_FILENO, piece, sizeof piece);
  check<IoError>(n >= 0 || errno == EINTR,
                 "standard input cannot be read: ", std::generic_category().message(errno));
  if (n > 0) to.append(piece, static_cast<size_t>(n));
  check<IoError>(to.size() <= kMostBytes, "standard input: expected a line or a prompt of at most ",
                 kMostBytes, " bytes, got more");
  return n;
}

}  // namespace

LineReader::Result LineReader::next(std::string& line) {
  const bool is_terminal = ::isatty(STDIN_FILENO);
  if (is_terminal) write_out(sign_);
  size_t end, seen = 0;
  while ((end = rest_.find('\n', seen)) == rest_.npos) {
    seen = rest_.size();
    const ssize_t n = read_some(rest_);
    if (n > 0) continue;
    if (is_terminal) write_out("\n");
    if (n < 0) return Result::kInterrupted;
    if (rest_.empty()) return Result::kEnd;
    rest_ += '\n';  // the last line of the input may have no line end
  }
  line = rest_.substr(0, end);
  if (line.ends_with('\r')) line.pop_back();
  rest_.erase(0, end + 1);
  return Result::kLine;
}

std::string read_prompt(const std::string& file) {
  std::string text;
  if (file == "-") {
    while (read_some(text) != 0) {}
  } else {
    text = read_stream(file, static_cast<int64_t>(kMostBytes));
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  check<ValueError>(!text.empty(), "--prompt-file: expected a text, got an empty one: ",
                    file == "-" ? "standard input" : file);
  return text;
}

}  // namespace vitro::cli
