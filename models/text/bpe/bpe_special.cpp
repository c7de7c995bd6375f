// Each special token is looked for once, from where it was last found.
#include "models/text/bpe/bpe_special.h"

#include <algorithm>

#include "framework/base/error.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::text {

std::vector<std::pair<std::string_view, TokenId>> special_ids(
    const Tokenizer& tokenizer, const std::vector<std::string>& names) {
  std::vector<std::pair<std::string_view, TokenId>> all;
  const auto* const bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  for (const std::string& name : names) {
    const bool is_special = bpe && bpe->special_tokens().contains(name);
    check<ValueError>(is_special, "encode: a special token expected: ", name);
    const auto found = bpe->special_tokens().find(name);
    all.emplace_back(found->first, found->second);
  }
  return all;
}

SpecialPieces::SpecialPieces(std::string_view text,
                             std::vector<std::pair<std::string_view, TokenId>> special)
    : text_(text) {
  for (const auto& [token, id] : special) special_.push_back({token, id, text.find(token)});
}

bool SpecialPieces::next(Piece& piece) {
  if (done_ == text_.size()) return false;
  const Special* first = nullptr;
  for (Special& special : special_) {
    if (special.at < done_) special.at = text_.find(special.token, done_);
    if (special.at == std::string_view::npos) continue;
    if (!first || special.at < first->at ||
        (special.at == first->at && special.token.size() > first->token.size()))
      first = &special;
  }
  if (first && first->at == done_) piece = {first->token, first->id};
  else piece = {text_.substr(done_, first ? first->at - done_ : std::string_view::npos), -1};
  done_ += piece.text.size();
  return true;
}

}  // namespace vitro::text
