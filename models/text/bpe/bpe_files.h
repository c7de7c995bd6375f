// Reads and writes the files of BPE tokenizers: GPT-2's two files, and tokenizer.json.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/text/bpe/bpe_vocabulary.h"

namespace vitro::text {

// An added token as a file describes it.
struct AddedPart {
  std::string text = {};
  uint64_t id = UINT64_MAX;
  bool special = true, lstrip = false, rstrip = false, normalized = false;
};

// The contents of the files, before they are checked.  Tokens are in the characters of the byte
// table, except added tokens, which are plain text.
struct BpeParts {
  std::vector<std::pair<std::string, uint64_t>> ids;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<AddedPart> added = {};  // may be in `ids` too
  bool add_prefix_space = false;
  std::optional<uint64_t> bos_id = {};
  // Whether `added` says which tokens are special.  GPT-2's two files do not say so; then the
  // special tokens are the tokens that no merge makes.
  bool names_special = false;
};
// Makes a vocabulary of the parts.  ValueError if they contradict each other.
BpeVocabulary bpe_vocabulary(const BpeParts& parts);

// These parsers throw an IoError that has `name` and a reason.

// Parses vocab.json or encoder.json: an object of tokens and ids.
void parse_bpe_ids(std::string_view json, const std::string& name, BpeParts& to);
// Parses merges.txt or vocab.bpe: an optional line "#version: ...", then one pair per line.
void parse_bpe_merges(std::string_view text, const std::string& name, BpeParts& to);
// Parse tokenizer.json, which has everything.  They refuse settings that give other tokens than
// GPT-2's algorithm.
BpeParts parse_tokenizer_parts(std::string_view json, const std::string& name);
BpeVocabulary parse_tokenizer_json(std::string_view json, const std::string& name);

// Adds the settings of tokenizer_config.json, special_tokens_map.json and added_tokens.json, as far
// as the folder has them.
void add_folder_settings(const std::string& folder, BpeParts& to);

// Reads a vocabulary from a directory with these files, or from one file.  If `path` is one of
// GPT-2's two files, the other file is read too.
BpeVocabulary read_bpe(const std::string& path);
// Returns whether a directory has files of a BPE tokenizer.  The library exports this function,
// because the vitro program calls it.
[[gnu::visibility("default")]] bool has_bpe(const std::string& directory);
// Returns whether a path ends in the name of one of GPT-2's two files.
bool is_bpe_file_name(const std::string& path);

// The contents of vocab.json, merges.txt and tokenizer.json.
std::string bpe_ids_json(const BpeVocabulary& vocabulary);
std::string bpe_merges_text(const BpeVocabulary& vocabulary);
std::string tokenizer_json(const BpeVocabulary& vocabulary);
// The contents of tokenizer_config.json.  `end_of_text` is the token of the roles bos, eos and unk;
// "" if there is none.
std::string tokenizer_config_json(const BpeVocabulary& vocabulary, const std::string& end_of_text);

// Returns whether a text that follows no other text gets a space before it.
bool needs_prefix(const BpeVocabulary& vocabulary, std::string_view text);

}  // namespace vitro::text
