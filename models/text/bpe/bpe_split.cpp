// Splits with PCRE2.  Its just-in-time compiler turns the pattern into machine code once.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/text/bpe/bpe_split.h"

#include <pcre2.h>

#include "framework/base/error.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// The classes replace \s, because PCRE2's \s also has U+180E, which is not white space in Unicode.
constexpr char kPattern[] = R"('s|'t|'re|'ve|'m|'ll|'d)"
                            R"(| ?\p{L}+| ?\p{N}+| ?[^\t-\r\x{85}\p{Z}\p{L}\p{N}]+)"
                            R"(|[\t-\r\x{85}\p{Z}]+(?![^\t-\r\x{85}\p{Z}])|[\t-\r\x{85}\p{Z}]+)";

// The pattern is compiled once and never destroyed.  Matching does not change it, so all threads
// share it.
pcre2_code* pattern() {
  static pcre2_code* const compiled = [] {
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPattern), PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr);
    check(code != nullptr, "split: expected PCRE2 with Unicode, got error ", error);
    // If the system forbids generated code, PCRE2 interprets the pattern, which is only slower.
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
  check<MemoryError>(match_data_ != nullptr, "split: expected memory for a match, got none");
}

bool BpePieces::next(std::string_view& piece) {
  if (done_ == text_.size()) return false;
  const size_t begin = done_;
  if (begin == end_of_valid_) end_of_valid_ = end_of_valid_utf8(text_, begin);
  if (begin == end_of_valid_) {
    done_ = end_of_valid_ = end_of_invalid_utf8(text_, begin);
  } else {
    // The text is already checked.  PCRE2 would check all of it again for every piece.
    auto* const match = static_cast<pcre2_match_data*>(match_data_.get());
    const int found = pcre2_match(pattern(), reinterpret_cast<PCRE2_SPTR>(text_.data()),
                                  end_of_valid_, begin, PCRE2_NO_UTF_CHECK, match, nullptr);
    check(found > 0, "split: expected a piece at byte ", begin, ", got PCRE2's error ", found);
    done_ = pcre2_get_ovector_pointer(match)[1];
  }
  piece = text_.substr(begin, done_ - begin);
  return true;
}

}  // namespace vitro::text
