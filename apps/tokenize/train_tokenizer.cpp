// `vitro tokenizer train`: learns a tokenizer of byte pairs from a text.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/byte_pairs.h"
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

constexpr size_t kLongest = 10;      // the number of longest tokens that are shown
constexpr size_t kMostOfToken = 60;  // the most characters of each that are shown

std::vector<std::string> longest_tokens(const text::BpeTokenizer& tokenizer) {
  const text::BpeVocabulary& vocabulary = tokenizer.vocabulary();
  std::vector<int32_t> ids;
  for (const text::BpeMerge& merge : vocabulary.merges) ids.push_back(merge.result);
  const auto length = [&](int32_t id) { return vocabulary.tokens[static_cast<size_t>(id)].size(); };
  std::stable_sort(ids.begin(), ids.end(),
                   [&](int32_t a, int32_t b) { return length(a) > length(b); });
  ids.resize(std::min(ids.size(), kLongest));
  std::vector<std::string> tokens;
  for (const int32_t id : ids) tokens.push_back(tokenizer.token(id));
  return tokens;
}

int64_t count_tokens(const text::Tokenizer& tokenizer, std::string_view text) {
  int64_t count = 0;
  text::TextPieces pieces(text);
  for (std::string_view piece; pieces.next(piece);)
    count += static_cast<int64_t>(tokenizer.encode(piece).size());
  return count;
}

}  // namespace

int train_tokenizer(const TrainTokenizerOptions& options) {
  const Text source = open_text(options.text);
  const text::BpeTokenizer tokenizer =
      learn_byte_pairs(source.text, options.vocab_size, options.min_count, options.json);
  tokenizer.save_pretrained(options.out);
  const int64_t tokens = count_tokens(tokenizer, source.text);
  const double ratio = static_cast<double>(source.text.size()) / static_cast<double>(tokens);
  const std::vector<std::string> longest = longest_tokens(tokenizer);

  if (options.json) {
    write_json({{"out", options.out},
                {"text", source.name},
                {"vocab_size", tokenizer.vocab_size()},
                {"vocabulary_hash", tokenizer.vocabulary_hash()},
                {"bytes", source.text.size()},
                {"tokens", tokens},
                {"bytes_per_token", ratio},
                {"longest", longest}});
    return 0;
  }
  std::string shown;
  for (const std::string& token : longest)
    shown += (shown.empty() ? "" : " ") + in_quotes(token, kMostOfToken);
  const bool is_whole = tokenizer.vocab_size() == options.vocab_size;
  write_out(table(
      {{"text", printable(source.name) + ", " +
                    count_text(static_cast<int64_t>(source.text.size())) + " bytes"},
       {"vocabulary",
        count_text(tokenizer.vocab_size()) + " tokens: 256 bytes, " +
            count_text(static_cast<int64_t>(tokenizer.vocabulary().merges.size())) +
            " merges and " + text::BpeTokenizer::kEndOfText +
            (is_whole ? "" : "; no other pair occurs " + count_text(options.min_count) + " times")},
       {"compression",
        format("%.2f bytes per token: ", ratio) + count_text(tokens) + " tokens for the text"},
       {"longest tokens", shown},
       {"written to", printable(options.out)}},
      0));
  return 0;
}

}  // namespace vitro::cli
