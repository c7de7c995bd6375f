// The files of BPE tokenizers: GPT-2's two, and the one of Hugging Face's tokenizers.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/text/bpe/bpe_vocabulary.h"

namespace vitro::text {

// What files say, before it is known to make sense.  Tokens stand in the characters of the byte
// table, special ones as they are.
struct BpeParts {
  std::vector<std::pair<std::string, uint64_t>> ids;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<std::pair<std::string, uint64_t>> special = {};  // may stand among the ids too
  // Two files do not say what is special.  Then it is whatever no merge makes.
  bool names_special = false;
};
// ValueError for parts that make no vocabulary.
BpeVocabulary bpe_vocabulary(const BpeParts& parts);

// Each parser throws an IoError that names `name` and a reason.

// vocab.json, or encoder.json: an object of tokens and ids.
void parse_bpe_ids(std::string_view json, const std::string& name, BpeParts& to);
// merges.txt, or vocab.bpe: a line "#version: ..." if there is one, then a pair a line.
void parse_bpe_merges(std::string_view text, const std::string& name, BpeParts& to);
// tokenizer.json: everything.  Refuses what would not tokenize as GPT-2 does.
BpeVocabulary parse_tokenizer_json(std::string_view json, const std::string& name);

// From a directory of such files, or from one of them, which finds its sibling.
BpeVocabulary read_bpe(const std::string& path);
// Whether a directory has such files.
bool has_bpe(const std::string& directory);
// Whether a path names one of GPT-2's two files.
bool is_bpe_file_name(const std::string& path);

std::string bpe_ids_json(const BpeVocabulary& vocabulary);
std::string bpe_merges_text(const BpeVocabulary& vocabulary);
std::string tokenizer_json(const BpeVocabulary& vocabulary);

}  // namespace vitro::text
