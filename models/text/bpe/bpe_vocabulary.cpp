// Checks and hash of a BPE vocabulary.
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

// For messages.
std::string shown(const std::string& bytes) {
  constexpr size_t kMost = 60;
  const std::string text = to_byte_characters(bytes.substr(0, kMost));
  return '\'' + text + (bytes.size() > kMost ? "...'" : "'");
}

void check_each_token(const std::vector<std::string>& tokens) {
  check<ValueError>(tokens.size() < INT32_MAX,
                    "vocabulary: fewer than 2^31 tokens expected: ", tokens.size());
  std::unordered_map<std::string_view, size_t> id_of(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    check<ValueError>(!tokens[id].empty(), "vocabulary: bytes expected for token ", id, ": none");
    const auto [before, is_new] = id_of.emplace(tokens[id], id);
    if (!is_new)
      fail<ValueError>("vocabulary: each token once expected: ", id, " is ", shown(tokens[id]),
                       ", as is ", before->second);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string token(1, static_cast<char>(byte));
    if (!id_of.contains(token))
      fail<ValueError>("vocabulary: a token for each byte expected: none is ", shown(token));
  }
}

}  // namespace

const std::string& BpeVocabulary::token(int64_t id, std::string_view op) const {
  check<ValueError>(id >= 0 && id < size(), op, ": an id from 0 to ", size() - 1, " expected: ", id,
                    " (the vocabulary has ", size(), " tokens)");
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
      check<ValueError>(id >= 0 && id < size(), "vocabulary: ids below ", size(),
                        " expected in merge ", rank, ": ", id);
    const std::string &a = tokens[static_cast<size_t>(left)],
                      &b = tokens[static_cast<size_t>(right)],
                      &c = tokens[static_cast<size_t>(result)];
    for (const auto& [id, text] : {std::pair(left, &a), std::pair(right, &b)})
      if (!is_made[static_cast<size_t>(id)])
        fail<ValueError>("vocabulary: bytes or results of earlier merges expected in merge ", rank,
                         ": ", shown(*text), " is neither");
    if (c.size() != a.size() + b.size() || !c.starts_with(a) || !c.ends_with(b))
      fail<ValueError>("vocabulary: the joined token expected as the result of merge ", rank,
                       " of ", shown(a), " and ", shown(b), ": ", shown(c));
    if (!pairs.insert(uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right))
             .second)
      fail<ValueError>("vocabulary: each merge once expected: merge ", rank, " of ", shown(a),
                       " and ", shown(b), " is a second one");
    is_made[static_cast<size_t>(result)] = true;
  }
  const auto check_found = [&](const char* what, int32_t before, int32_t id) {
    check<ValueError>(id >= 0 && id < size() && before < id, "vocabulary: rising ids below ",
                      size(), " expected for ", what, " tokens: ", id);
    const std::string& text = tokens[static_cast<size_t>(id)];
    check_utf8(text, "vocabulary: a special token");
    if (is_made[static_cast<size_t>(id)])
      fail<ValueError>("vocabulary: ", what,
                       " tokens that are no bytes and that no merge makes expected: ", shown(text),
                       " is one");
  };
  int32_t before = -1;
  for (const int32_t id : special) check_found("special", before, id), before = id;
  before = -1;
  for (const AddedToken& token : added) {
    check_found("added", before, token.id), before = token.id;
    check<ValueError>(
        std::ranges::binary_search(special, token.id) == token.special,
        "vocabulary: an added token that is special on both lists expected: ", token.id);
  }
  check<ValueError>(
      !bos_id || std::ranges::binary_search(special, *bos_id),
      "vocabulary: a special token expected, with which texts begin: ", bos_id.value_or(0));
}

}  // namespace vitro::text
