// Loading a tokenizer by the type that its file names.
#include "models/text/tokenizer.h"

#include <utility>

#include "framework/file.h"
#include "models/text/char_tokenizer.h"
#include "models/text/word_tokenizer.h"

namespace vitro::text {

Tokenizer::~Tokenizer() = default;

void Tokenizer::save(const std::string& path) const { write_file(path, to_json()); }

static std::unique_ptr<Tokenizer> tokenizer_of(Vocabulary vocabulary, const std::string& path) {
  if (vocabulary.type == WordTokenizer::kKind) {
    return std::make_unique<WordTokenizer>(
        tokenizer_from_file<WordTokenizer>(std::move(vocabulary), path));
  }
  return std::make_unique<CharTokenizer>(
      tokenizer_from_file<CharTokenizer>(std::move(vocabulary), path));
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  return tokenizer_of(read_vocabulary(path), path);
}

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name) {
  return tokenizer_of(parse_vocabulary(json, name), name);
}

}  // namespace vitro::text
