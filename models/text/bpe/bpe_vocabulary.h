// The vocabulary of a BPE tokenizer: the bytes of each token, and the merges that make them.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../../framework/base/cxx20.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// A rule: two neighbouring tokens become one token.
struct BpeMerge {
  // The ids of the two tokens and of the token that they become.
  int32_t left, right, result;
};

// A token that is found in a text before the text is split.
struct AddedToken {
  int32_t id;           // the token's id
  bool special = true;  // true: found only where it is allowed; false: in every text
  // lstrip and rstrip: whether the token includes the white space before and after it.  normalized:
  // whether it is searched later than other added tokens, in the text between them.
  bool lstrip = false, rstrip = false, normalized = false;
  bool operator==(const AddedToken&) const = default;  // compares all fields
};

// All data for encoding and decoding.
struct BpeVocabulary {
  std::vector<std::string> tokens;  // the bytes of each token, by id, all different
  std::vector<BpeMerge> merges;     // by rank; a lower rank is merged first
  std::vector<int32_t> special;     // ids in rising order; text becomes them only if allowed

  // By rising id: added tokens that are not special, and special tokens with flags.
  std::vector<AddedToken> added = {};
  bool add_prefix_space = false;       // whether a text without a space at its beginning gets one
  std::optional<int32_t> bos_id = {};  // the token that begins every text, if there is one

  // Returns the number of tokens, V.
  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  // Returns a token.  ValueError, with the id and the size, outside 0 .. size() - 1.
  const std::string& token(int64_t id, std::string_view op) const;
  // Returns the id of each byte.
  std::array<int32_t, 256> byte_ids() const;
  // Returns for each id whether the token is a byte or the result of a merge.
  std::vector<bool> made_tokens() const;
  // Returns the token's entry in `added`, or the flags of a plain special token.
  AddedToken added_token(int32_t id) const;
  // Returns a hash (XXH3) of all fields.  Equal vocabularies have equal hashes on every machine.
  uint64_t hash() const;
  // ValueError unless each of the 256 bytes is a token and no token is empty or given twice; each
  // merge is given once, its two tokens are bytes or results of earlier merges, and its result is
  // the token of their joined bytes; special and added tokens are valid UTF-8, and neither bytes
  // nor results of merges.
  void check_tokens() const;
};

}  // namespace text
}  // namespace vitro
