// What a tokenizer knows and keeps in its file: the tokens by id, and how to treat unknown text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../../framework/base/error.h"

namespace [[gnu::visibility("default")]] vitro {
namespace text {

struct Vocabulary {
  std::string type;  // "char" or "word"
  bool nfc = true;   // text is brought to NFC before it is encoded
  std::string unk;   // the token of all unknown text, tokens[0]; empty: there is none
  std::vector<std::string> tokens;  // by id, all different

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
  // ValueError, naming the id and the size, outside 0 .. size() - 1.
  const std::string& token(int64_t id, std::string_view op) const;
  // Of everything above; equal vocabularies have equal hashes on every machine (XXH3).
  uint64_t hash() const;
  // ValueError for what no tokenizer can mean: no tokens, an empty one, bad UTF-8, text that
  // NFC would change, an unknown token that is not the first.
  void check_tokens() const;
};

// JSON: an object of exactly type, version (1), nfc, unk and vocab (the tokens in the order of
// their ids), one token a line.  Reading is strict: IoError, naming path and reason, for bytes that
// are not valid JSON, duplicate, unknown or missing fields, and values of another kind.
Vocabulary read_vocabulary(const std::string& path);
Vocabulary parse_vocabulary(std::string_view json, const std::string& name);  // which errors say
std::string vocabulary_json(const Vocabulary& vocabulary);
void write_vocabulary(const std::string& path, const Vocabulary& vocabulary);

// A tokenizer from what a file held: what its constructor refuses is an IoError naming the path.
template <class T>
T tokenizer_from_file(Vocabulary vocabulary, const std::string& path) {
  check<IoError>(vocabulary.type == T::kKind, path, ": expected a tokenizer of type ", T::kKind,
                 ", got ", vocabulary.type);
  try {
    return T(std::move(vocabulary));
  } catch (const ValueError& error) {
    fail<IoError>(path, ": expected a tokenizer file: ", error.what());
  }
}

}  // namespace text
}  // namespace vitro
