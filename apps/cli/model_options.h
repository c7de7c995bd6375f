// Opens the text, the tokenizer and the model that the options name.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cli/options.h"
#include "framework/io/mapped_file.h"

namespace vitro::cli {

// A text that is not empty.  A regular file is mapped into memory.  A pipe, a FIFO or, for "-",
// standard input is read to its end.  An empty file name means the bundled stories.  `text` does
// not include a byte order mark.
struct Text {
  std::string name;  // for messages: "the bundled stories", "standard input", or the file
  std::optional<MappedFile> file = {};
  std::shared_ptr<const std::string> bytes = {};  // the contents, if they came through a pipe
  std::string_view text = {};
  std::string note = {};  // reports a byte order mark and CR LF; empty if there is neither
};
Text open_text(const std::string& file);
// Whether `file` is standard input, a pipe or a device, whose text cannot be read a second time.
bool is_gone(const std::string& file);

// A text and its tokenizer.
struct Source : Text {
  std::unique_ptr<text::Tokenizer> tokenizer;
};
Source read_source(const TextOptions& options);
// The tokenizer that the options name: made from the text, or read from a file.
std::unique_ptr<text::Tokenizer> fit_tokenizer(const TextOptions& options, const Text& source);

// All special tokens of the tokenizer if --allow-special is given, else an empty list.  ValueError
// if the option is given and the tokenizer has no special tokens.
std::vector<std::string> allowed_special(bool is_allowed, const text::Tokenizer& tokenizer);

// The ids of the prompt.  UsageError if the prompt has no token.
std::vector<int64_t> encode_prompt(const text::Tokenizer& tokenizer, const std::string& prompt,
                                   bool allow_special = false);

// ValueError, which ends with `advice`, if the prompt has more tokens than the model's context.
void check_length(const models::LanguageModel& model, size_t tokens, const char* advice);

// Loads a saved model.  Warns about damaged checkpoints, and if the tokenizer has fewer tokens than
// the model's vocabulary.
models::SavedModel load_saved(const std::string& path,
                              models::TokenizerIs tokenizer = models::TokenizerIs::kNeeded);

models::MiniLMConfig config_of(const ModelOptions& options, const text::Tokenizer& tokenizer);
// MemoryError, which ends with `advice`, if the machine has less memory than `need` bytes.
void check_bytes(double need, const char* advice);
// A MiniLM with random weights drawn from the seed.  MemoryError if the machine has less memory
// than `share` times the bytes that training with `tokens` tokens at once would take.
models::MiniLM make_model(const ModelOptions& options, const text::Tokenizer& tokenizer,
                          int64_t tokens, double share = 0.5);

// Two lines: the model is untrained, and the size and source of its vocabulary.
std::string introduce(const ModelOptions& options, const Source& source);
nlohmann::ordered_json to_json(const ModelOptions& options);

}  // namespace vitro::cli
