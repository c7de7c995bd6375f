// Loading a tokenizer by the type that its file names.
#include "models/text/tokenizer.h"

#include <utility>

#include "models/text/char_tokenizer.h"
#include "models/text/word_tokenizer.h"

namespace vitro::text {

Tokenizer::~Tokenizer() = default;

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  Vocabulary vocabulary = read_vocabulary(path);
  if (vocabulary.type == WordTokenizer::kKind) {
    return std::make_unique<WordTokenizer>(
        tokenizer_from_file<WordTokenizer>(std::move(vocabulary), path));
  }
  return std::make_unique<CharTokenizer>(
      tokenizer_from_file<CharTokenizer>(std::move(vocabulary), path));
}

}  // namespace vitro::text
