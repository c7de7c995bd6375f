// Token files: a tokenized text as an array of ids that is mapped into memory, not read.
//
//   8 bytes  "vitrotok"           little-endian throughout
//   u32      version, 1
//   u32      bytes per id: 2 for vocabularies of at most 65536 tokens, else 4
//   u64      size of the vocabulary
//   u64      hash of the vocabulary
//   ids      until 8 bytes before the end
//   u64      XXH3 of the ids' bytes
#pragma once
#include <span>

#include "../../framework/io/mapped_file.h"
#include "text_pieces.h"
#include "tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// A range of the ids of a token file.  Copies share the file.
class TokenFile {
 public:
  // IoError, naming path and reason, for what is no whole token file.
  explicit TokenFile(const std::string& path);
  // The same of bytes in memory, which must outlive it.
  TokenFile(std::string_view bytes, const std::string& name);

  int64_t size() const { return size_; }  // ids in this range
  int64_t vocab_size() const { return vocab_size_; }
  uint64_t vocabulary_hash() const { return vocabulary_hash_; }
  uint64_t checksum() const { return checksum_; }  // of all ids of the file, as it says itself
  void verify() const;  // reads the whole range; IoError if the checksum is another

  // ids [begin, begin + to.size()) of the range.  IoError for one beyond the vocabulary.
  void copy(int64_t begin, std::span<int64_t> to) const;
  TokenFile slice(int64_t begin, int64_t end) const;

 private:
  void parse(std::string_view bytes);
  std::string name_;
  std::shared_ptr<MappedFile> file_;
  const char* ids_ = nullptr;
  int64_t size_ = 0, vocab_size_ = 0;
  int width_ = 0;
  uint64_t vocabulary_hash_ = 0, checksum_ = 0;
};

// Encodes a text piece by piece into a token file, which appears when it is whole.  Returns how
// many ids it holds.  `allowed_special` as of encode().
int64_t write_token_file(const std::string& path, const Tokenizer& tokenizer, TextPieces pieces,
                         const std::vector<std::string>& allowed_special = {});

}  // namespace text
}  // namespace vitro
