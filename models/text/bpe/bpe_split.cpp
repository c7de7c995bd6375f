// The split by PCRE2, whose just-in-time compiler turns the pattern into machine code once.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/text/bpe/bpe_split.h"

#include <pcre2.h>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// PCRE2's own \s has U+180E too, which is no white space in Unicode any more.
constexpr char kPattern[] = R"('s|'t|'re|'ve|'m|'ll|'d)"
                            R"(| ?\p{L}+| ?\p{N}+| ?[^\t-\r\x{85}\p{Z}\p{L}\p{N}]+)"
                            R"(|[\t-\r\x{85}\p{Z}]+(?![^\t-\r\x{85}\p{Z}])|[\t-\r\x{85}\p{Z}]+)";

// Compiled once and never destroyed: matching does not change it, so all threads share it.
pcre2_code* pattern() {
  static pcre2_code* const compiled = [] {
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPattern), PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr);
    check(code != nullptr, "split: PCRE2 with Unicode expected: error ", error);
    // Where the system forbids generated code, PCRE2 interprets the pattern: slower, the same.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
  }();
  return compiled;
}

}  // namespace

void BpePieces::Deleter::operator()(void* match_data) const {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(match_data));
}

BpePieces::BpePieces(std::string_view text)
    : text_(text), match_data_(pcre2_match_data_create(1, nullptr)) {
  check<MemoryError>(match_data_ != nullptr, "split: no memory for a match");
}

bool BpePieces::next(std::string_view& piece) {
  if (done_ == text_.size()) return false;
  const size_t begin = done_;
  if (begin == end_of_valid_) end_of_valid_ = end_of_valid_utf8(text_, begin);
  if (begin == end_of_valid_) {
    done_ = end_of_valid_ = end_of_invalid_utf8(text_, begin);
  } else {
    // The check above was the only one: PCRE2's own would read the whole text for every piece.
    auto* const match = static_cast<pcre2_match_data*>(match_data_.get());
    const int found = pcre2_match(pattern(), reinterpret_cast<PCRE2_SPTR>(text_.data()),
                                  end_of_valid_, begin, PCRE2_NO_UTF_CHECK, match, nullptr);
    check(found > 0, "split: a piece expected at byte ", begin, ": PCRE2's error ", found);
    done_ = pcre2_get_ovector_pointer(match)[1];
  }
  piece = text_.substr(begin, done_ - begin);
  return true;
}

}  // namespace vitro::text
