// `vitro eval`: measures how well a trained model predicts a text.
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/cli/saved_text.h"

namespace vitro::cli {

namespace {

int64_t count_characters(const text::Tokenizer& tokenizer, const text::TokenFile& tokens) {
  constexpr int64_t kPiece = 1 << 16;
  if (tokenizer.kind() == "char") return tokens.size() - 1;
  int64_t count = 0;
  for (int64_t begin = 1; begin < tokens.size(); begin += kPiece) {
    std::vector<int64_t> ids(static_cast<size_t>(std::min(kPiece, tokens.size() - begin)));
    tokens.copy(begin, ids);
    for (char c : tokenizer.decode(ids)) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  return count;
}

}  // namespace

int eval(const EvalOptions& options) {
  const models::SavedModel saved = load_saved(options.saved);
  const auto [name, all] =
      options.text.empty() ? trained_text(options.saved, saved) : given_text(options.text, saved);
  const int64_t training = options.whole ? 0 : models::training_part(all.size());
  const text::TokenFile part = all.slice(training, all.size());
  check<ValueError>(part.size() >= 2, name, ": expected at least 2 tokens",
                    options.whole ? "" : " in its last 10 %", ", got ", part.size(),
                    options.whole ? "" : "; --whole uses the whole text");
  const models::Evaluation result =
      models::evaluate(*saved.model, part, models::evaluation_window(*saved.model));
  const int64_t characters = count_characters(*saved.tokenizer, part);
  const double bits = result.bits_per_character(characters);

  if (options.json) {
    write_json({{"model", options.saved},
                {"step", saved.step},
                {"text", name},
                {"part", options.whole ? "whole" : "validation"},
                {"tokens", result.tokens},
                {"characters", characters},
                {"loss", result.loss()},
                {"perplexity", result.perplexity()},
                {"bits_per_character", bits}});
    return 0;
  }
  write_out(
      table({{"model", printable(options.saved) + ", step " + count_text(saved.step)},
             {"text", std::string(options.whole ? "all" : "the last 10 %") + " of " +
                          printable(name) + ": " + count_text(result.tokens) + " predictions"},
             {"loss", format("%.4f nats per token", result.loss())},
             {"perplexity", format("%.3f", result.perplexity())},
             {"bits per character", format("%.4f", bits)}},
            0));
  return 0;
}

}  // namespace vitro::cli
