// From options to the things they name: the text, its tokenizer, the model.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/cli/options.h"
#include "framework/io/mapped_file.h"

namespace vitro::cli {

// A text that is not empty: a file, mapped into memory; all that a pipe, a FIFO or, for "-",
// standard input gives; or the bundled stories for no file.  A byte order mark before it is left
// out.
struct Text {
  std::string name;  // for people: "the bundled stories", "standard input", or the file
  std::optional<MappedFile> file = {};
  std::shared_ptr<const std::string> bytes = {};  // where they came through a pipe
  std::string_view text = {};
  std::string note = {};  // a sentence about what one does not see of it, if there is any
};
Text open_text(const std::string& file);
// Whether the text that a run was started with came through a pipe, and cannot be read again.
bool is_gone(const std::string& file);

// A text and the tokenizer fitted to it.
struct Source : Text {
  std::unique_ptr<text::Tokenizer> tokenizer;
};
Source read_source(const TextOptions& options);
// What splits the text into tokens: learnt from it, or read from a file.
std::unique_ptr<text::Tokenizer> fit_tokenizer(const TextOptions& options, const Text& source);

// All special tokens of the tokenizer if text may become them, as --allow-special says; else none.
// ValueError if it has none.
std::vector<std::string> allowed_special(bool is_allowed, const text::Tokenizer& tokenizer);

// The ids of what the user typed.  UsageError if that is no text.
std::vector<int64_t> encode_prompt(const text::Tokenizer& tokenizer, const std::string& prompt,
                                   bool allow_special = false);

// ValueError, with the advice, for a prompt of more tokens than the model takes at once.
void check_length(const models::LanguageModel& model, size_t tokens, const char* advice);

// The model that was saved there, after warnings of what is not as it should be.
models::SavedModel load_saved(const std::string& path,
                              models::TokenizerIs tokenizer = models::TokenizerIs::kNeeded);

models::MiniLMConfig config_of(const ModelOptions& options, const text::Tokenizer& tokenizer);
// MemoryError, with the advice, if the machine has not so much memory.
void check_bytes(double need, const char* advice);
// A MiniLM with random weights drawn from the seed, that so many tokens pass through at once; the
// memory it is checked for is that share of what training takes.
models::MiniLM make_model(const ModelOptions& options, const text::Tokenizer& tokenizer,
                          int64_t tokens, double share = 0.5);

// Two lines that say what the model is, and that nobody trained it.
std::string introduce(const ModelOptions& options, const Source& source);
nlohmann::ordered_json to_json(const ModelOptions& options);

}  // namespace vitro::cli
