// Encodes and decodes with a BPE vocabulary.
#include "models/text/bpe/bpe_tokenizer.h"

#include <bit>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_merge.h"
#include "models/text/bpe/bpe_special.h"
#include "models/text/bpe/bpe_split.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

struct BpeTokenizer::Tables {
  explicit Tables(BpeVocabulary from) : vocabulary(std::move(from)), merger(vocabulary) {
    for (const int32_t id : vocabulary.special)
      special.emplace(vocabulary.tokens[static_cast<size_t>(id)], id);
  }
  BpeVocabulary vocabulary;
  BpeMerger merger;
  std::map<std::string, TokenId, std::less<>> special;
};

bool needs_prefix(const BpeVocabulary& vocabulary, std::string_view text) {
  return vocabulary.add_prefix_space && !text.empty() && text[0] != ' ';
}

namespace {

BpeVocabulary checked(BpeVocabulary vocabulary) {
  vocabulary.check_tokens();
  return vocabulary;
}

// Returns whether a directory has a tokenizer_config.json for the vocabulary with this hash.
bool is_configured(const std::string& directory, uint64_t hash) {
  std::error_code ignored;
  if (!std::filesystem::exists(directory + "/tokenizer_config.json", ignored)) return false;
  try {
    return read_bpe(directory).hash() == hash;
  } catch (const IoError&) { return false; }
}

// Encodes the pieces of a text.  Most pieces occur more than once, so the ids of recent ones are
// copied from their last occurrence.
class Encoder {
 public:
  Encoder(const BpeMerger& merger, size_t text_bytes)
      : merger_(merger), seen_(std::bit_ceil(std::min(text_bytes / 8 + 1, kMostSeen))) {}

  void append(std::string_view text, std::vector<TokenId>& ids) {
    BpePieces pieces(text);
    for (std::string_view piece; pieces.next(piece);) append_piece(piece, ids);
  }

 private:
  static constexpr size_t kMostSeen = size_t{1} << 14;

  struct Seen {
    std::string_view piece = {};
    size_t first = 0, count = 0;  // of its ids
  };

  void append_piece(std::string_view piece, std::vector<TokenId>& ids) {
    Seen& seen = seen_[std::hash<std::string_view>()(piece) & (seen_.size() - 1)];
    const size_t first = ids.size();
    if (seen.piece == piece) {
      for (size_t i = 0; i < seen.count; ++i) ids.push_back(ids[seen.first + i]);
    } else {
      merger_.append(piece, ids);
      seen = {piece, first, ids.size() - first};
    }
  }

  const BpeMerger& merger_;
  std::vector<Seen> seen_;
};

}  // namespace

BpeTokenizer::BpeTokenizer(BpeVocabulary vocabulary)
    : tables_(std::make_shared<const Tables>(checked(std::move(vocabulary)))) {}

BpeTokenizer BpeTokenizer::load(const std::string& path) { return BpeTokenizer(read_bpe(path)); }

const BpeVocabulary& BpeTokenizer::vocabulary() const { return tables_->vocabulary; }

const std::map<std::string, TokenId, std::less<>>& BpeTokenizer::special_tokens() const {
  return tables_->special;
}

std::vector<TokenId> BpeTokenizer::encode(std::string_view text,
                                          const BpeEncodeOptions& options) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 4);
  if (options.begins && vocabulary().bos_id) ids.push_back(*vocabulary().bos_id);
  Encoder encoder(tables_->merger, text.size());
  std::deque<std::string> prefixed;  // owns text that the encoder refers to
  const std::vector<SoughtToken> sought = sought_tokens(*this, options.allowed_special);
  SpecialPieces parts(text, sought);
  for (SpecialPieces::Piece part; parts.next(part);) {
    const bool goes_on = !options.begins && part.text.data() == text.data();
    if (part.special >= 0) ids.push_back(part.special);
    else if (goes_on || !needs_prefix(vocabulary(), part.text)) encoder.append(part.text, ids);
    else encoder.append(prefixed.emplace_back(' ' + std::string(part.text)), ids);
  }
  return ids;
}

std::vector<TokenId> BpeTokenizer::encode_piece(std::string_view piece) const {
  std::vector<TokenId> ids;
  ids.reserve(piece.size() / 4);
  Encoder(tables_->merger, piece.size()).append(piece, ids);
  return ids;
}

std::string BpeTokenizer::decode(std::span<const TokenId> ids) const {
  std::string bytes;
  bytes.reserve(4 * ids.size());
  for (const TokenId id : ids) bytes += vocabulary().token(id, "decode");
  return bytes;
}

std::string BpeTokenizer::token(TokenId id) const {
  const std::string& bytes = vocabulary().token(id, "token");
  std::string text;
  for (size_t offset = 0; offset < bytes.size();) {
    const size_t end = end_of_valid_utf8(bytes, offset);
    text += bytes.substr(offset, end - offset);
    const size_t end_of_invalid = end_of_invalid_utf8(bytes, end);
    for (offset = end; offset < end_of_invalid; ++offset) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<uint8_t>(bytes[offset]));
      text += escape;
    }
  }
  return text;
}

std::string BpeTokenizer::to_json() const { return tokenizer_json(vocabulary()); }

std::optional<TokenId> BpeTokenizer::end_of_text() const {
  const auto found = special_tokens().find(kEndOfText);
  return found == special_tokens().end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, std::string>> BpeTokenizer::pretrained_files(
    const std::string& directory) const {
  std::vector<std::pair<std::string, std::string>> files = {
      {"vocab.json", bpe_ids_json(vocabulary())}, {"merges.txt", bpe_merges_text(vocabulary())}};
  if (!is_configured(directory, vocabulary_hash())) {
    files.emplace_back("tokenizer_config.json",
                       tokenizer_config_json(vocabulary(), end_of_text() ? kEndOfText : ""));
    // Old files with these names could contradict this tokenizer.
    for (const char* name : {"added_tokens.json", "special_tokens_map.json"})
      if (file_exists(std::filesystem::path(directory) / name)) files.emplace_back(name, "{}\n");
  }
  files.emplace_back("tokenizer.json", to_json());
  return files;
}

void BpeTokenizer::save_pretrained(const std::string& directory) const {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(directory, error);
  check<IoError>(!error, directory, ": cannot be made: ", error.message());
  AtomicFiles files;
  for (const auto& [name, text] : pretrained_files(directory))
    files.add(fs::path(directory) / name).write(text.data(), text.size());
  files.commit();
}

}  // namespace vitro::text
