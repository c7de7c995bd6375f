// Finds tokens in a text.  A token is searched again only after its last occurrence was passed.
#include "models/text/bpe/bpe_special.h"

#include <algorithm>

#include "framework/base/error.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// Returns the end of the white space that begins at `from`.
size_t space_end(std::string_view text, size_t from) {
  while (from < text.size() && utf8_unit(text, from).kind == Utf8Unit::kWhole) {
    size_t next = from;
    if (char_class(next_code_point(text, next, "encode")) != CharClass::kSpace) break;
    from = next;
  }
  return from;
}

// Returns the beginning of the white space that ends at `to`; it is at least `from`.
size_t space_begin(std::string_view text, size_t from, size_t to) {
  while (to > from) {
    size_t begin = to - 1;
    while (begin > from && to - begin < 4 &&
           (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
      --begin;
    if (space_end(text.substr(0, to), begin) != to) break;
    to = begin;
  }
  return to;
}

}  // namespace

std::vector<SoughtToken> sought_tokens(const Tokenizer& tokenizer,
                                       const std::vector<std::string>& special) {
  std::vector<SoughtToken> all;
  const auto* const bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  const auto add = [&](std::string_view text, const AddedToken& token) {
    all.push_back({text, token.id, token.lstrip, token.rstrip, token.normalized});
  };
  for (const std::string& name : special) {
    const bool is_special = bpe && bpe->special_tokens().contains(name);
    check<ValueError>(is_special, "encode: expected a special token, got ", name);
    const auto found = bpe->special_tokens().find(name);
    add(found->first, bpe->vocabulary().added_token(static_cast<int32_t>(found->second)));
  }
  if (bpe)
    for (const AddedToken& token : bpe->vocabulary().added)
      if (!token.special) add(bpe->vocabulary().tokens[static_cast<size_t>(token.id)], token);
  return all;
}

SpecialPieces::Pass::Pass(std::string_view text, const std::vector<SoughtToken>& tokens,
                          bool is_normalized)
    : text_(text) {
  for (const SoughtToken& token : tokens)
    if (token.normalized == is_normalized) tokens_.push_back({token, text.find(token.text)});
}

const SpecialPieces::Pass::Sought* SpecialPieces::Pass::first() {
  const Sought* first = nullptr;
  for (Sought& token : tokens_) {
    if (token.at < sought_) token.at = text_.find(token.text, sought_);
    if (token.at == std::string_view::npos) continue;
    if (!first || token.at < first->at ||
        (token.at == first->at && token.text.size() > first->text.size()))
      first = &token;
  }
  return first;
}

bool SpecialPieces::Pass::next(Piece& piece) {
  while (done_ < text_.size()) {
    const Sought* const token = first();
    size_t begin = token ? token->at : text_.size();
    if (token && token->lstrip && begin > done_) begin = space_begin(text_, done_, begin);
    if (begin > done_) {
      piece = {text_.substr(done_, begin - done_), -1};
      done_ = begin;
      return true;
    }
    // The previous token may have taken the white space up to done_, or even this whole token.
    sought_ = token->at + token->text.size();
    const size_t end = token->rstrip ? space_end(text_, sought_) : sought_;
    if (end <= done_) continue;
    piece = {text_.substr(done_, end - done_), token->id};
    done_ = end;
    return true;
  }
  return false;
}

SpecialPieces::SpecialPieces(std::string_view text, const std::vector<SoughtToken>& tokens)
    : tokens_(tokens),
      outer_(text, tokens, /*is_normalized=*/false),
      inner_({}, {}, /*is_normalized=*/true) {}

bool SpecialPieces::next(Piece& piece) {
  if (inner_.next(piece)) return true;
  if (!outer_.next(piece)) return false;
  if (piece.special >= 0) return true;
  inner_ = Pass(piece.text, tokens_, /*is_normalized=*/true);
  return inner_.next(piece);
}

}  // namespace vitro::text
