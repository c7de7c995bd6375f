// `vitro tokenize`: splits a text into tokens, shows their ids, and decodes them again.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

namespace {

constexpr size_t kShown = 60;  // characters of a text or a token that the table shows

// Writes the whole source as a token file.
int write_tokens(const TokenizeOptions& options, const Source& source) {
  const int64_t count =
      text::write_token_file(options.out, *source.tokenizer, text::TextPieces(source.text),
                             allowed_special(options.allow_special, *source.tokenizer));
  const std::string vocabulary = options.out + ".json";
  source.tokenizer->save(vocabulary);
  if (options.json)
    write_json({{"out", options.out},
                {"vocabulary", vocabulary},
                {"tokens", count},
                {"vocab_size", source.tokenizer->vocab_size()}});
  else
    write_out(printable(options.out) + ": the " + count_text(count) + " tokens of " +
              printable(source.name) + "\n" + printable(vocabulary) + ": the vocabulary, " +
              count_text(source.tokenizer->vocab_size()) + " tokens\n");
  return 0;
}

}  // namespace

int tokenize(const TokenizeOptions& options) {
  check<UsageError>(options.text.empty() != options.out.empty(),
                    "expected a text to show, or --out FILE to write the tokens of --text, got ",
                    options.out.empty() ? "neither" : "both");
  const Source source = read_source(options.source);
  if (!options.out.empty()) return write_tokens(options, source);
  const text::Tokenizer& tokenizer = *source.tokenizer;
  const std::vector<int64_t> ids = encode_prompt(tokenizer, options.text, options.allow_special);
  const std::string decoded = tokenizer.decode(ids);
  const bool is_same = decoded == options.text;
  std::vector<std::string> tokens;
  for (int64_t id : ids) tokens.push_back(tokenizer.token(id));

  if (options.json) {
    write_json({{"text", options.text},
                {"tokenizer", options.source.tokenizer},
                {"kind", tokenizer.kind()},
                {"vocab_size", tokenizer.vocab_size()},
                {"ids", ids},
                {"tokens", tokens},
                {"decoded", decoded},
                {"round_trip", is_same}});
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"position", "id", "token"}};
  for (size_t i = 0; i < ids.size(); ++i)
    rows.push_back({std::to_string(i), std::to_string(ids[i]), in_quotes(tokens[i], kShown)});
  // A saved tokenizer does not come from this text, so its path is shown instead of the text.
  const std::string& name = options.source.tokenizer;
  const bool is_learnt = name == "char" || name == "word" || name == "bpe";
  const std::string label = (is_learnt ? name : std::string(tokenizer.kind())) + ", " +
                            count_text(tokenizer.vocab_size()) + " tokens from " +
                            printable(is_learnt ? source.name : name);
  const bool has_unknown = options.source.unk && std::count(ids.begin(), ids.end(), 0);
  const bool is_composed = decoded == text::to_nfc(options.text);
  const std::string verdict = is_same ? "the same text"
                              : is_composed
                                  ? "the same characters, composed (Unicode's NFC), so the "
                                    "bytes differ"
                              : has_unknown ? "not the same text: unknown tokens became <unk>"
                                            : "the same words; the spaces follow a rule";
  write_out(table({{"text", in_quotes(options.text, kShown)}, {"tokenizer", label}}, 0) + '\n' +
            table(rows, 2) + '\n' +
            table({{"decoded", in_quotes(decoded, kShown)}, {"", verdict}}, 0));
  return 0;
}

}  // namespace vitro::cli
