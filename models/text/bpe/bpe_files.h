// The files of BPE tokenizers: GPT-2's two, and the one of Hugging Face's tokenizers.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/text/bpe/bpe_vocabulary.h"

namespace vitro::text {

// An added token as a file has it.
struct AddedPart {
  std::string text = {};
  uint64_t id = UINT64_MAX;
  bool special = true, lstrip = false, rstrip = false, normalized = false;
};

// What files say, before it is known to make sense.  Tokens stand in the characters of the byte
// table, added ones as they are.
struct BpeParts {
  std::vector<std::pair<std::string, uint64_t>> ids;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<AddedPart> added = {};  // may stand among the ids too
  bool add_prefix_space = false;
  std::optional<uint64_t> bos_id = {};
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
BpeParts parse_tokenizer_parts(std::string_view json, const std::string& name);
BpeVocabulary parse_tokenizer_json(std::string_view json, const std::string& name);

// What the files beside a vocabulary say: tokenizer_config.json, special_tokens_map.json and
// added_tokens.json of the folder, those that are there.
void add_folder_settings(const std::string& folder, BpeParts& to);

// From a directory of such files, or from one of them, which finds its sibling.
BpeVocabulary read_bpe(const std::string& path);
// Whether a directory has such files.
bool has_bpe(const std::string& directory);
// Whether a path names one of GPT-2's two files.
bool is_bpe_file_name(const std::string& path);

std::string bpe_ids_json(const BpeVocabulary& vocabulary);
std::string bpe_merges_text(const BpeVocabulary& vocabulary);
std::string tokenizer_json(const BpeVocabulary& vocabulary);
// tokenizer_config.json; the token of the usual roles may be none, "".
std::string tokenizer_config_json(const BpeVocabulary& vocabulary, const std::string& end_of_text);

// Whether the text, which follows no other, gets a space before it.
bool needs_prefix(const BpeVocabulary& vocabulary, std::string_view text);

}  // namespace vitro::text
