// What a BPE tokenizer knows: the bytes of each token, and the merges that make them.
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

// Two neighbours that become one token.
struct BpeMerge {
  int32_t left, right, result;
};

// How a token is found in a text before the text is split.  Without normalized it is looked for
// first, with it in what those leave.  lstrip and rstrip take the white space before and behind it.
struct AddedToken {
  int32_t id;
  bool special = true;  // only where it is allowed; one that is not special is found in every text
  bool lstrip = false, rstrip = false, normalized = false;
  bool operator==(const AddedToken&) const = default;
};

struct BpeVocabulary {
  std::vector<std::string> tokens;  // their bytes, by id, all different
  std::vector<BpeMerge> merges;     // by rank: the first of the list that fits is made first
  std::vector<int32_t> special;     // ids, rising, of tokens that text never becomes by itself

  // Ids rising: tokens that are found in a text and are not special, or not in the plain way.
  std::vector<AddedToken> added = {};
  bool add_prefix_space = false;       // a text that does not begin with a space gets one
  std::optional<int32_t> bos_id = {};  // with which every text begins

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  // ValueError, naming the id and the size, outside 0 .. size() - 1.
  const std::string& token(int64_t id, std::string_view op) const;
  std::array<int32_t, 256> byte_ids() const;
  std::vector<bool> made_tokens() const;     // by id: whether it is a byte or a merge makes it
  AddedToken added_token(int32_t id) const;  // of `added`, else a special one
  // Of everything above; equal vocabularies have equal hashes on every machine (XXH3).
  uint64_t hash() const;
  // ValueError unless each of the 256 bytes is a token, no token is empty or given twice, and each
  // merge is given once, joins two tokens that are bytes or results of earlier merges, and gives
  // the token of their bytes; and special and added tokens are valid UTF-8 and nothing that merges
  // make.
  void check_tokens() const;
};

}  // namespace text
}  // namespace vitro
