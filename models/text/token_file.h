// A token file stores a tokenized text as an array of ids.  It is mapped into memory.
//
//   8 bytes  "vitrotok"           little-endian throughout
//   u32      version, 1
//   u32      bytes per id: 2 for vocabularies of at most 65536 tokens, else 4
//   u64      size of the vocabulary
//   u64      hash of the vocabulary
//   ids      up to 8 bytes before the end
//   u64      XXH3 of the ids' bytes
#pragma once
#include <span>

#include "../../framework/io/mapped_file.h"
#include "text_pieces.h"
#include "tokenizer.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// A range of the ids of a token file: all ids, or a part that slice() returned.  Copies share the
// mapped file.
class TokenFile {
 public:
  // Maps a file.  IoError, with path and reason, if its header or its size is wrong.
  explicit TokenFile(const std::string& path);
  // Does the same for bytes in memory, which must outlive the object.  Errors call it `name`.
  TokenFile(std::string_view bytes, const std::string& name);

  // Returns the number of ids in this range.
  int64_t size() const { return size_; }
  // Returns the size of the vocabulary that made the ids.
  int64_t vocab_size() const { return vocab_size_; }
  // Returns the hash of the vocabulary that made the ids.
  uint64_t vocabulary_hash() const { return vocabulary_hash_; }
  // Returns the checksum in the file.  Also in a slice, it is the checksum of all ids of the file.
  uint64_t checksum() const { return checksum_; }
  // Reads every id of the file, also in a slice.  IoError if the ids do not match the checksum.
  void verify() const;

  // Copies the ids [begin, begin + to.size()) of the range.  ShapeError for a range that is too
  // long, IoError for an id outside of the vocabulary.
  void copy(int64_t begin, std::span<int64_t> to) const;
  // Returns the ids [begin, end) of the range.  ShapeError unless 0 <= begin <= end <= size().
  TokenFile slice(int64_t begin, int64_t end) const;

 private:
  void parse(std::string_view bytes);
  std::string name_;
  std::shared_ptr<MappedFile> file_;
  std::string_view all_ids_;  // of the file, as bytes
  const char* ids_ = nullptr;
  int64_t size_ = 0, vocab_size_ = 0;
  int width_ = 0;
  uint64_t vocabulary_hash_ = 0, checksum_ = 0;
};

// Encodes a text piece by piece into a token file.  The file appears at the path only when it is
// complete.  Returns the number of its ids.  encode() explains `allowed_special`.
int64_t write_token_file(const std::string& path, const Tokenizer& tokenizer, TextPieces pieces,
                         const std::vector<std::string>& allowed_special = {});

}  // namespace text
}  // namespace vitro
