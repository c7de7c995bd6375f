// Opens the texts, tokenizers and models that the options name.
#include "apps/cli/model_options.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/bundled_text.h"
#include "apps/cli/byte_pairs.h"
#include "apps/cli/internals.h"
#include "apps/cli/output.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_files.h"

namespace vitro::cli {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

int64_t memory_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

// IoError if the path names nothing, or a directory without a tokenizer in it.
void check_is_tokenizer(const std::string& path) {
  constexpr const char* kExpected =
      "--tokenizer: expected char, word, bpe or the path of a saved tokenizer, got ";
  std::error_code error;
  const bool is_there = std::filesystem::exists(path, error);
  if (!is_there && !error) error = std::make_error_code(std::errc::no_such_file_or_directory);
  check<IoError>(is_there, kExpected, path, ": ", error.message());
  check<IoError>(!std::filesystem::is_directory(path, error) || text::has_bpe(path), kExpected,
                 "the directory ", path,
                 ", which has no tokenizer.json, vocab.json or encoder.json");
}

// IoError if a directory in Hugging Face's format has no tokenizer.  The weights are not read yet.
void check_has_tokenizer(const std::string& path) {
  if (!file_exists(path + "/config.json") || !CheckpointDirectory(path).steps().empty()) return;
  check<IoError>(text::has_bpe(path), path,
                 ": expected a model with its tokenizer, got one without; put tokenizer.json, or "
                 "vocab.json and merges.txt, into the directory, or name the run of vitro train "
                 "that the model was exported from");
}

std::unique_ptr<text::Tokenizer> fit(const TextOptions& options, std::string_view text) {
  if (options.tokenizer == "bpe")
    return std::make_unique<text::BpeTokenizer>(
        learn_byte_pairs(text, options.vocab_size, /*min_count=*/2, /*is_silent=*/false));
  const std::string unk = options.unk ? "<unk>" : "";
  if (options.tokenizer == "word")
    return std::make_unique<text::WordTokenizer>(
        text::WordTokenizer::fit(text::TextPieces(text), {.unk = unk}));
  return std::make_unique<text::CharTokenizer>(
      text::CharTokenizer::fit(text::TextPieces(text), {.unk = unk}));
}

}  // namespace

Text open_text(const std::string& file) {
  if (file.empty()) return {.name = "the bundled stories", .text = kBundledText};
  Text opened{.name = file == "-" ? "standard input" : file};
  if (is_stream(file)) {
    opened.bytes = std::make_shared<std::string>(read_stream(file, memory_bytes() / 4));
    opened.text = *opened.bytes;
  } else {
    opened.text = opened.file.emplace(file).bytes();
  }
  if (opened.text.starts_with(kByteOrderMark)) {
    opened.text.remove_prefix(kByteOrderMark.size());
    opened.note = "the byte order mark at its beginning is left out";
  }
  check<ValueError>(!opened.text.empty(), opened.name, ": expected a text, got an empty one");
  // Most texts have one kind of line end, so it is enough to look at the first MiB.
  if (opened.text.substr(0, size_t{1} << 20).find("\r\n") != std::string_view::npos)
    opened.note += std::string(opened.note.empty() ? "" : "; ") +
                   "its lines end in CR LF (as Windows writes them), and each CR is kept";
  return opened;
}

bool is_gone(const std::string& file) {
  return is_stream(file) || file.starts_with("/dev/") || file.starts_with("/proc/");
}

std::unique_ptr<text::Tokenizer> fit_tokenizer(const TextOptions& options, const Text& source) {
  if (options.tokenizer != "char" && options.tokenizer != "word" && options.tokenizer != "bpe") {
    check_is_tokenizer(options.tokenizer);
    try {
      return text::load_tokenizer(options.tokenizer);
    } catch (const IoError& error) {
      fail<IoError>("--tokenizer: ", without_internals(error.what()));
    }
  }
  try {
    return fit(options, source.text);
  } catch (Error& error) {
    error.add_context(source.name);
    throw;
  }
}

Source read_source(const TextOptions& options) {
  Source source{open_text(options.file), nullptr};
  source.tokenizer = fit_tokenizer(options, source);
  return source;
}

std::vector<std::string> allowed_special(bool is_allowed, const text::Tokenizer& tokenizer) {
  std::vector<std::string> all;
  if (!is_allowed) return all;
  if (const auto* bpe = dynamic_cast<const text::BpeTokenizer*>(&tokenizer))
    for (const auto& [name, id] : bpe->special_tokens()) all.push_back(name);
  check<ValueError>(!all.empty(), "--allow-special: expected a tokenizer with special tokens, got ",
                    tokenizer.kind(), ", which has none");
  return all;
}

std::vector<int64_t> encode_prompt(const text::Tokenizer& tokenizer, const std::string& prompt,
                                   bool allow_special) {
  std::vector<int64_t> ids =
      text::encode(tokenizer, prompt, allowed_special(allow_special, tokenizer));
  check<UsageError>(!ids.empty(),
                    "text: expected at least one token, got none: ", in_quotes(prompt, 60),
                    " has no word");
  return ids;
}

void check_length(const models::LanguageModel& model, size_t tokens, const char* advice) {
  const std::optional<int64_t> most = model.max_length();
  check<ValueError>(!most || tokens <= static_cast<size_t>(*most), "--prompt: expected at most ",
                    most.value_or(0), " tokens, the model's context, got ", tokens, advice);
}

models::SavedModel load_saved(const std::string& path, models::TokenizerIs tokenizer) {
  if (tokenizer == models::TokenizerIs::kNeeded) check_has_tokenizer(path);
  models::SavedModel saved = models::load_model(path, tokenizer);
  for (const std::string& reason : saved.damaged) warn(reason);
  if (const auto* known = saved.tokenizer.get();
      known && known->vocab_size() < saved.model->vocab_size())
    warn(path + ": the model has " + count_text(saved.model->vocab_size()) +
         " tokens and its tokenizer only " + count_text(known->vocab_size()) +
         "; the model's other tokens are not used");
  return saved;
}

models::MiniLMConfig config_of(const ModelOptions& options, const text::Tokenizer& tokenizer) {
  return {.vocab_size = tokenizer.vocab_size(),
          .n_embd = options.n_embd,
          .n_hidden = options.n_hidden,
          .context = options.context,
          .activation = activation_of(options.activation)};
}

void check_bytes(double need, const char* advice) {
  const double have = static_cast<double>(memory_bytes()), gib = 1 << 30;
  check<MemoryError>(need <= have, "memory: the model would need about ",
                     format("%.0f", need / gib), " GiB of memory and this machine has ",
                     format("%.0f", have / gib), "; ", advice);
}

models::MiniLM make_model(const ModelOptions& options, const text::Tokenizer& tokenizer,
                          int64_t tokens, double share) {
  const models::MiniLMConfig config = config_of(options, tokenizer);
  check_bytes(share * training_bytes(config, tokens, kFloat32),
              "choose smaller --n-embd, --n-hidden or --context");
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
