// Learns byte pairs from a text.
#include "apps/cli/byte_pairs.h"

#include <unistd.h>

#include <chrono>

#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

class Progress {
 public:
  explicit Progress(bool is_silent) : is_shown_(!is_silent && ::isatty(STDOUT_FILENO)) {}
  void show(int64_t tokens, int64_t vocab_size) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_shown_ || now - shown_ < std::chrono::milliseconds(100)) return;
    shown_ = now;
    is_line_open_ = true;
    write_out(kLineStart + count_text(tokens) + " of " + count_text(vocab_size) + " tokens");
  }
  void end() const {
    if (is_line_open_) write_out(kLineStart);
  }

 private:
  static constexpr char kLineStart[] = "\r\x1b[K";
  bool is_shown_, is_line_open_ = false;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace

text::BpeTokenizer learn_byte_pairs(std::string_view text, int64_t vocab_size, int64_t min_count,
                                    bool is_silent) {
  Progress progress(is_silent);
  text::BpeTokenizer tokenizer = text::BpeTokenizer::train(
      text::TextPieces(text), vocab_size,
      {.min_count = min_count,
       .on_progress = [&](int64_t tokens, int64_t size) { progress.show(tokens, size); }});
  progress.end();
  return tokenizer;
}

}  // namespace vitro::cli
