// Writes and reads token files.
#define XXH_INLINE_ALL
#include "models/text/token_file.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_special.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::text {

namespace {

static_assert(std::endian::native == std::endian::little,
              "the file has the ids as they are in memory");

struct Header {
  char magic[8];
  uint32_t version, width;
  uint64_t vocab_size, vocabulary_hash;
};
constexpr char kMagic[] = "vitrotok";
constexpr uint32_t kTokenFileVersion = 1;
constexpr int64_t kMostWithTwoBytes = 65536;

uint32_t width_for(int64_t vocab_size) { return vocab_size <= kMostWithTwoBytes ? 2 : 4; }

// Computes the checksum of ids that come in pieces.
class Checksum {
 public:
  Checksum() : state_(XXH3_createState()) { XXH3_64bits_reset(state_); }
  ~Checksum() { XXH3_freeState(state_); }
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;
  void add(const void* data, size_t size) { XXH3_64bits_update(state_, data, size); }
  uint64_t value() const { return XXH3_64bits_digest(state_); }

 private:
  XXH3_state_t* state_;
};

template <class Id>
void append(AtomicFile& file, Checksum& checksum, std::span<const TokenId> ids) {
  const std::vector<Id> narrow(ids.begin(), ids.end());
  checksum.add(narrow.data(), narrow.size() * sizeof(Id));
  file.write(narrow.data(), narrow.size() * sizeof(Id));
}

}  // namespace

TokenFile::TokenFile(const std::string& path)
    : name_(path), file_(std::make_shared<MappedFile>(path)) {
  parse(file_->bytes());
}

TokenFile::TokenFile(std::string_view bytes, const std::string& name) : name_(name) {
  parse(bytes);
}

void TokenFile::parse(std::string_view bytes) {
  auto refuse = [&](const auto&... why) { fail<IoError>("token file ", name_, ": ", why...); };
  Header header;
  if (bytes.size() < sizeof header + sizeof checksum_)
    refuse("expected at least ", sizeof header + sizeof checksum_, " bytes, got ", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, kMagic, sizeof header.magic) != 0)
    refuse("expected it to begin with \"", kMagic, "\", got other bytes");
  if (header.version != kTokenFileVersion)
    refuse("expected version ", kTokenFileVersion, ", got ", header.version);
  if (header.vocab_size == 0 || header.vocab_size > uint64_t{1} << 32)
    refuse("expected a vocabulary of 1 to 2^32 tokens, got ", header.vocab_size);
  vocab_size_ = static_cast<int64_t>(header.vocab_size);
  if (header.width != width_for(vocab_size_))
    refuse("expected ", width_for(vocab_size_), " bytes per id, got ", header.width);
  const size_t ids = bytes.size() - sizeof header - sizeof checksum_;
  if (ids % header.width != 0) refuse("expected whole ids, got one that is cut off at the end");
  width_ = static_cast<int>(header.width);
  vocabulary_hash_ = header.vocabulary_hash;
  ids_ = bytes.data() + sizeof header;
  size_ = static_cast<int64_t>(ids / header.width);
  std::memcpy(&checksum_, ids_ + ids, sizeof checksum_);
  all_ids_ = {ids_, ids};
}

void TokenFile::verify() const {
  const uint64_t found = XXH3_64bits(all_ids_.data(), all_ids_.size());
  check<IoError>(found == checksum_, "token file ", name_,
                 ": expected ids that match its checksum, got others; the file is damaged");
}

void TokenFile::copy(int64_t begin, std::span<int64_t> to) const {
  const auto count = static_cast<int64_t>(to.size());
  check<ShapeError>(begin >= 0 && begin <= size_ && count <= size_ - begin,
                    "copy: expected a range within the ", size_, " ids of ", name_, ", got [",
                    begin, ", ", begin + count, ")");
  int64_t largest = 0;
  auto widen = [&]<class Id>(Id) {
    for (int64_t i = 0; i < count; ++i) {
      Id id;
      std::memcpy(&id, ids_ + (begin + i) * width_, sizeof id);
      to[static_cast<size_t>(i)] = id;
      largest = std::max<int64_t>(largest, id);
    }
  };
  width_ == 2 ? widen(uint16_t{}) : widen(uint32_t{});
  check<IoError>(largest < vocab_size_, "token file ", name_, ": expected ids below ", vocab_size_,
                 ", got ", largest);
}

TokenFile TokenFile::slice(int64_t begin, int64_t end) const {
  check<ShapeError>(0 <= begin && begin <= end && end <= size_, "slice: expected a range within ",
                    size_, " ids, got [", begin, ", ", end, ")");
  TokenFile part = *this;
  part.ids_ += begin * width_;
  part.size_ = end - begin;
  return part;
}

int64_t write_token_file(const std::string& path, const Tokenizer& tokenizer, TextPieces pieces,
                         const std::vector<std::string>& allowed_special) {
  Header header{.magic = {},
                .version = kTokenFileVersion,
                .width = width_for(tokenizer.vocab_size()),
                .vocab_size = static_cast<uint64_t>(tokenizer.vocab_size()),
                .vocabulary_hash = tokenizer.vocabulary_hash()};
  std::memcpy(header.magic, kMagic, sizeof header.magic);
  AtomicFile file(path);
  file.write(&header, sizeof header);
  Checksum checksum;
  int64_t count = 0;
  const auto add = [&](const std::vector<TokenId>& ids) {
    if (header.width == 2) append<uint16_t>(file, checksum, ids);
    else append<uint32_t>(file, checksum, ids);
    count += static_cast<int64_t>(ids.size());
  };
  // A special token may contain a space, so the text is cut at special tokens first, and then into
  // pieces.
  const auto* const bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  if (bpe && bpe->vocabulary().bos_id) add({*bpe->vocabulary().bos_id});
  const std::vector<SoughtToken> sought = sought_tokens(tokenizer, allowed_special);
  SpecialPieces parts(pieces.text(), sought);
  for (SpecialPieces::Piece part; parts.next(part);) {
    if (part.special >= 0) {
      add({part.special});
      continue;
    }
    TextPieces between = pieces.of(part.text);
    bool is_prefixed = bpe && needs_prefix(bpe->vocabulary(), part.text);
    for (std::string_view piece; between.next(piece); is_prefixed = false)
      add(is_prefixed ? tokenizer.encode_piece(' ' + std::string(piece))
                      : tokenizer.encode_piece(piece));
  }
  const uint64_t sum = checksum.value();
  file.write(&sum, sizeof sum);
  file.commit();
  return count;
}

}  // namespace vitro::text
