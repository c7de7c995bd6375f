// A slow and simple byte pair encoding, with which tests compare vitro's.  It splits a text like
// GPT-2, and searches all pairs of neighbours again before each merge.
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
// Learns a vocabulary of `size` tokens from a text.  The last token is <|endoftext|>.
text::BpeVocabulary reference_train(std::string_view text, int64_t size);

}  // namespace vitro::testing
