// Checks and hashes BPE vocabularies.
#define XXH_INLINE_ALL
#include "models/text/bpe/bpe_vocabulary.h"

#include <xxhash.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "framework/base/error.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// Returns the token as messages show it: in the characters of the byte table, quoted and short.
std::string shown(const std::string& bytes) {
  constexpr size_t kMost = 60;
  const std::string text = to_byte_characters(bytes.substr(0, kMost));
  return '\'' + text + (bytes.size() > kMost ? "...'" : "'");
}

void check_each_token(const std::vector<std::string>& tokens) {
  check<ValueError>(tokens.size() < INT32_MAX, "vocabulary: expected fewer than 2^31 tokens, got ",
                    tokens.size());
  std::unordered_map<std::string_view, size_t> id_of(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    check<ValueError>(!tokens[id].empty(), "vocabulary: expected bytes for token ", id,
                      ", got none");
    const auto [before, is_new] = id_of.emplace(tokens[id], id);
    if (!is_new)
      fail<ValueError>("vocabulary: expected each token once, got ", shown(tokens[id]),
                       " as token ", before->second, " and token ", id);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string token(1, static_cast<char>(byte));
    if (!id_of.contains(token))
      fail<ValueError>("vocabulary: expected a token for each byte, got none for ", shown(token));
  }
}

}  // namespace

const std::string& BpeVocabulary::token(int64_t id, std::string_view op) const {
  check<ValueError>(id >= 0 && id < size(), op, ": expected an id from 0 to ", size() - 1, ", got ",
                    id, " (the vocabulary has ", size(), " tokens)");
  return tokens[static_cast<size_t>(id)];
}

std::array<int32_t, 256> BpeVocabulary::byte_ids() const {
  std::array<int32_t, 256> ids{};
  for (size_t id = 0; id < tokens.size(); ++id)
    if (tokens[id].size() == 1) ids[static_cast<uint8_t>(tokens[id][0])] = static_cast<int32_t>(id);
  return ids;
}

std::vector<bool> BpeVocabulary::made_tokens() const {
  std::vector<bool> is_made(tokens.size());
  for (size_t id = 0; id < is_made.size(); ++id) is_made[id] = tokens[id].size() == 1;
  for (const BpeMerge& merge : merges) is_made[static_cast<size_t>(merge.result)] = true;
  return is_made;
}

AddedToken BpeVocabulary::added_token(int32_t id) const {
  const auto found = std::ranges::find(added, id, &AddedToken::id);
  return found == added.end() ? AddedToken{.id = id} : *found;
}

uint64_t BpeVocabulary::hash() const {
  std::string all = "bpe";
  for (const std::string& token : tokens) all += std::to_string(token.size()) + ':' + token;
  for (const BpeMerge& merge : merges)
    all += std::to_string(merge.left) + '+' + std::to_string(merge.right) + ' ';
  for (const int32_t id : special) all += std::to_string(id) + ',';
  for (const AddedToken& t : added)
    all += '+' + std::to_string(t.id) + (t.special ? 's' : '-') + (t.lstrip ? 'l' : '-') +
           (t.rstrip ? 'r' : '-') + (t.normalized ? 'n' : '-');
  if (add_prefix_space) all += "prefix";
  if (bos_id) all += "bos" + std::to_string(*bos_id);
  return XXH3_64bits(all.data(), all.size());
}

void BpeVocabulary::check_tokens() const {
  check_each_token(tokens);
  std::vector<bool> is_made(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) is_made[id] = tokens[id].size() == 1;
  std::unordered_set<uint64_t> pairs(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right, result] = merges[rank];
    for (const int32_t id : {left, right, result})
      check<ValueError>(id >= 0 && id < size(), "vocabulary: expected ids below ", size(),
                        " in merge ", rank, ", got ", id);
    const std::string &a = tokens[static_cast<size_t>(left)],
                      &b = tokens[static_cast<size_t>(right)],
                      &c = tokens[static_cast<size_t>(result)];
    for (const auto& [id, text] : {std::pair(left, &a), std::pair(right, &b)})
      if (!is_made[static_cast<size_t>(id)])
        fail<ValueError>("vocabulary: expected bytes or results of earlier merges in merge ", rank,
                         ", got ", shown(*text));
    if (c.size() != a.size() + b.size() || !c.starts_with(a) || !c.ends_with(b))
      fail<ValueError>("vocabulary: expected the joined token as the result of merge ", rank,
                       " of ", shown(a), " and ", shown(b), ", got ", shown(c));
    if (!pairs.insert(uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right))
             .second)
      fail<ValueError>("vocabulary: expected each merge once, got ", shown(a), " and ", shown(b),
                       " again as merge ", rank);
    is_made[static_cast<size_t>(result)] = true;
  }
  const auto check_found = [&](const char* what, int32_t before, int32_t id) {
    check<ValueError>(id >= 0 && id < size() && before < id,
                      "vocabulary: expected rising ids below ", size(), " for ", what,
                      " tokens, got ", id);
    const std::string& text = tokens[static_cast<size_t>(id)];
    check_utf8(text, "vocabulary: special token");
    if (is_made[static_cast<size_t>(id)])
      fail<ValueError>("vocabulary: expected ", what,
                       " tokens that are neither bytes nor results of merges, got ", shown(text));
  };
  int32_t before = -1;
  for (const int32_t id : special) check_found("special", before, id), before = id;
  before = -1;
  for (const AddedToken& token : added) {
    check_found("added", before, token.id), before = token.id;
    check<ValueError>(std::ranges::binary_search(special, token.id) == token.special,
                      "vocabulary: expected an added token that is special in both lists or in "
                      "neither, got token ",
                      token.id);
  }
  check<ValueError>(
      !bos_id || std::ranges::binary_search(special, *bos_id),
      "vocabulary: expected a special token as the token that begins texts, got token ",
      bos_id.value_or(0));
}

}  // namespace vitro::text
