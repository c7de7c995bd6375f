// The vocabulary of a character or word tokenizer, and its file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../framework/base/error.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

// The tokens by id, and the settings for text that is not in the vocabulary.
struct Vocabulary {
  std::string type;  // "char" or "word"
  bool nfc = true;   // whether text is brought to NFC before it is encoded
  std::string unk;   // the token of all unknown text, which is tokens[0]; empty if there is none
  std::vector<std::string> tokens;  // by id, all different

  // Returns the number of tokens, V.
  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  // Returns a token.  ValueError, with the id and the size, outside 0 .. size() - 1.
  const std::string& token(int64_t id, std::string_view op) const;
  // Returns a hash (XXH3) of all fields.  Equal vocabularies have equal hashes on every machine.
  uint64_t hash() const;
  // ValueError if there are no tokens, for an empty token, for invalid UTF-8, for text that NFC
  // would change, and for an unknown token that is not the first.
  void check_tokens() const;
};

// Reads a vocabulary file: a JSON object of exactly type, version (1), nfc, unk and vocab (the
// tokens in the order of their ids).  IoError, with path and reason, for bytes that are not valid
// JSON, for duplicate, unknown or missing fields, and for values of the wrong kind.
Vocabulary read_vocabulary(const std::string& path);
// Does the same for JSON in memory; errors call it `name`.
Vocabulary parse_vocabulary(std::string_view json, const std::string& name);
// Returns the JSON of a vocabulary file, with one token per line.
std::string vocabulary_json(const Vocabulary& vocabulary);
// Writes a vocabulary file.
void write_vocabulary(const std::string& path, const Vocabulary& vocabulary);

// Makes a tokenizer of type T from the vocabulary of a file.  A vocabulary that T's constructor
// refuses is an IoError with the path.
template <class T>
T tokenizer_from_file(Vocabulary vocabulary, const std::string& path) {
  check<IoError>(vocabulary.type == T::kKind, "tokenizer ", path, ": expected type ", T::kKind,
                 ", got ", vocabulary.type);
  try {
    return T(std::move(vocabulary));
  } catch (const ValueError& error) { fail<IoError>("tokenizer ", path, ": ", error.what()); }
}

}  // namespace text
}  // namespace vitro
