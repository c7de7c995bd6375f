// Byte pair encoding as slowly as it reads: GPT-2's split by hand, and merging by searching all
// neighbours again for each merge.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "models/text/bpe/bpe_vocabulary.h"
#include "models/text/tokenizer.h"

namespace vitro::testing {

std::vector<std::string> reference_split(std::string_view text);
std::vector<text::TokenId> reference_merge(const text::BpeVocabulary& vocabulary,
                                           std::string_view piece);
std::vector<text::TokenId> reference_encode(const text::BpeVocabulary& vocabulary,
                                            std::string_view text);
// The vocabulary of `size` tokens that a text teaches, the last of which is <|endoftext|>.
text::BpeVocabulary reference_train(std::string_view text, int64_t size);

}  // namespace vitro::testing
