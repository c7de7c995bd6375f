// Decodes ids one by one.  Only the current line is decoded again for each id.
#include "models/text/stream_decoder.h"

#include <algorithm>
#include <utility>

#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// For each token, its whole line is decoded again.  To limit this work, a line with more tokens or
// bytes than these is treated as ended.
constexpr size_t kLongestLine = 512, kMostBytesOfLine = 16384;

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> before)
    : tokenizer_(tokenizer) {
  size_t begin = before.size();
  for (size_t bytes = 0; begin > 0 && before.size() - begin < kLongestLine; --begin) {
    if (begin == before.size()) continue;
    const std::string token = tokenizer_.decode(before.subspan(begin, 1));
    bytes += token.size();
    if (token.ends_with('\n') || bytes > kMostBytesOfLine) break;
  }
  line_.assign(before.begin() + static_cast<std::ptrdiff_t>(begin), before.end());
  const std::string text = tokenizer_.decode(line_);
  shown_ = text.size();
  held_ = text.substr(without_cut_end(text).size());
}

std::string StreamDecoder::next(TokenId id) {
  line_.push_back(id);
  std::string text;
  try {
    text = tokenizer_.decode(line_);
  } catch (...) {
    line_.pop_back();
    throw;
  }
  held_.append(text, std::min(shown_, text.size()));
  shown_ = text.size();
  if (text.ends_with('\n') || line_.size() > kLongestLine || text.size() > kMostBytesOfLine) {
    line_ = {id};
    shown_ = tokenizer_.decode(line_).size();
  }
  size_t whole = 0;
  while (whole < held_.size()) {
    const size_t end = end_of_valid_utf8(held_, whole);
    if (end < held_.size() && utf8_unit(held_, end).kind == Utf8Unit::kCut) {
      whole = end;
      break;
    }
    whole = end < held_.size() ? end + utf8_unit(held_, end).length : end;
  }
  std::string given = to_valid_utf8(std::string_view(held_).substr(0, whole));
  held_.erase(0, whole);
  return given;
}

std::string StreamDecoder::flush() { return to_valid_utf8(std::exchange(held_, {})); }

}  // namespace vitro::text
