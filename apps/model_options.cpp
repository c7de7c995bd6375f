// From options to the things they name.
#include "apps/model_options.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "apps/bundled_text.h"
#include "apps/output.h"

namespace vitro::cli {

namespace {

std::unique_ptr<text::Tokenizer> fit(const TextOptions& options, std::string_view text) {
  const std::string unk = options.unk ? "<unk>" : "";
  if (options.tokenizer == "word")
    return std::make_unique<text::WordTokenizer>(
        text::WordTokenizer::fit(text::TextPieces(text), {.unk = unk}));
  return std::make_unique<text::CharTokenizer>(
      text::CharTokenizer::fit(text::TextPieces(text), {.unk = unk}));
}

// What the parameters and the widest activations take, roughly; rather too much than too little.
// In double: the product of the largest sizes does not fit into 64 bits.
double bytes_needed(const models::MiniLMConfig& c, int64_t rows, int64_t bytes_per_parameter) {
  const double vocab = static_cast<double>(c.vocab_size), embd = static_cast<double>(c.n_embd),
               hidden = static_cast<double>(c.n_hidden), in = embd * static_cast<double>(c.context);
  const double parameters = vocab * embd + in * hidden + hidden * vocab;
  const double activations = static_cast<double>(rows) * 2 * (in + hidden + vocab);
  return (parameters + activations) * static_cast<double>(bytes_per_parameter);
}

}  // namespace

Text open_text(const std::string& file) {
  if (file.empty()) return {"the bundled stories", {}, kBundledText};
  Text opened{file, MappedFile(file), {}};
  opened.text = opened.file->bytes();
  check<ValueError>(!opened.text.empty(), "a text expected: ", file, " is empty");
  return opened;
}

Source read_source(const TextOptions& options) {
  Source source{open_text(options.file), nullptr};
  try {
    source.tokenizer = fit(options, source.text);
  } catch (Error& error) {
    error.add_context(source.name);
    throw;
  }
  return source;
}

std::vector<int64_t> encode_prompt(const text::Tokenizer& tokenizer, const std::string& prompt) {
  std::vector<int64_t> ids = tokenizer.encode(prompt);
  check<UsageError>(!ids.empty(), "a text of at least one token expected: ", in_quotes(prompt),
                    " has no word");
  return ids;
}

models::MiniLMConfig config_of(const ModelOptions& options, const text::Tokenizer& tokenizer) {
  return {.vocab_size = tokenizer.vocab_size(),
          .n_embd = options.n_embd,
          .n_hidden = options.n_hidden,
          .context = options.context,
          .activation = models::activation_of(options.activation)};
}

void check_memory(const models::MiniLMConfig& config, int64_t rows, int64_t bytes) {
  const double need = bytes_needed(config, rows, bytes),
               have = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                      static_cast<double>(sysconf(_SC_PAGESIZE)),
               gib = 1 << 30;
  check<MemoryError>(need <= have, "the model would need about ", format("%.0f", need / gib),
                     " GiB of memory and this machine has ", format("%.0f", have / gib),
                     ": choose smaller --n-embd, --n-hidden or --context");
}

models::MiniLM make_model(const ModelOptions& options, const text::Tokenizer& tokenizer,
                          int64_t rows, int64_t bytes) {
  const models::MiniLMConfig config = config_of(options, tokenizer);
  check_memory(config, rows, bytes);
  manual_seed(static_cast<uint64_t>(options.seed));
  return models::MiniLM(config);
}

std::string introduce(const ModelOptions& options, const Source& source) {
  return "This model is untrained: its weights are random (seed " + std::to_string(options.seed) +
         ").\nIts vocabulary: the " + count_text(source.tokenizer->vocab_size()) + ' ' +
         (options.text.tokenizer == "word" ? "words" : "characters") + " of " +
         printable(source.name) + ".\n";
}

nlohmann::ordered_json to_json(const ModelOptions& options) {
  return {{"text", options.text.file.empty() ? "(bundled)" : options.text.file},
          {"tokenizer", options.text.tokenizer},
          {"unk", options.text.unk},
          {"n_embd", options.n_embd},
          {"n_hidden", options.n_hidden},
          {"context", options.context},
          {"activation", options.activation}};
}

}  // namespace vitro::cli
