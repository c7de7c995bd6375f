// `vitro graph`: draws the forward graph of a model on a prompt in Graphviz's language.
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

constexpr size_t kMostTokens = 32;  // the most tokens in the title

// Escapes a text for a quoted string of DOT.
std::string in_dot(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// The tokens of the prompt with their ids, so that a reader can tell which ids the drawing shows.
std::string title(const text::Tokenizer& tokenizer, std::span<const int64_t> ids) {
  std::string line;
  for (const int64_t id : ids.first(std::min(ids.size(), kMostTokens)))
    line +=
        (line.empty() ? "" : "  ") + in_quotes(tokenizer.token(id), 20) + ' ' + std::to_string(id);
  if (ids.size() > kMostTokens) line += "  ...";
  return line;
}

}  // namespace

int graph(const GraphOptions& options) {
  std::unique_ptr<models::LanguageModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::vector<int64_t> ids;
  if (options.saved.empty()) {
    tokenizer = std::move(read_source(options.model.text).tokenizer);
    ids = encode_prompt(*tokenizer, options.prompt);
    model = std::make_unique<models::MiniLM>(
        make_model(options.model, *tokenizer, static_cast<int64_t>(ids.size())));
  } else {
    models::SavedModel saved = load_saved(options.saved);
    model = std::move(saved.model), tokenizer = std::move(saved.tokenizer);
    ids = encode_prompt(*tokenizer, options.prompt, options.allow_special);
    check_length(*model, ids.size(), "");
  }
  std::string dot = graph_to_dot((*model)(from_span(ids)));
  const std::string label = "  label=\"" + in_dot(title(*tokenizer, ids)) + "\";\n";
  dot.insert(dot.find('\n') + 1, label);
  if (options.out.empty()) write_out(dot);
  else write_file(options.out, dot);
  return 0;
}

}  // namespace vitro::cli
