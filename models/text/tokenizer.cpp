// Loads tokenizers.  The contents of the file decide which type it is.
#include "models/text/tokenizer.h"

#include <filesystem>
#include <utility>

#include "framework/io/file.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_special.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/char/char_tokenizer.h"
#include "models/text/tokenizer_file.h"
#include "models/text/word/word_tokenizer.h"

namespace vitro::text {

Tokenizer::~Tokenizer() = default;

void Tokenizer::save(const std::string& path) const { write_file(path, to_json()); }

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text,
                            const std::vector<std::string>& allowed_special, bool begins) {
  sought_tokens(tokenizer, allowed_special);  // throws for an unknown name
  const auto* const bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  if (bpe) return bpe->encode(text, {.allowed_special = allowed_special, .begins = begins});
  return tokenizer.encode(text);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  if (is_directory(path) || is_bpe_file_name(path))
    return std::make_unique<BpeTokenizer>(BpeTokenizer::load(path));
  return parse_tokenizer(read_file(path, kMaxTokenizerBytes), path);
}

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name) {
  if (is_tokenizer_json(json))
    return std::make_unique<BpeTokenizer>(parse_tokenizer_json(json, name));
  Vocabulary vocabulary = parse_vocabulary(json, name);
  if (vocabulary.type == WordTokenizer::kKind)
    return std::make_unique<WordTokenizer>(
        tokenizer_from_file<WordTokenizer>(std::move(vocabulary), name));
  return std::make_unique<CharTokenizer>(
      tokenizer_from_file<CharTokenizer>(std::move(vocabulary), name));
}

}  // namespace vitro::text
