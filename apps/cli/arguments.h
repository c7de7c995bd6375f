// What several subcommands share: checks of single values, and groups of options.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace vitro::cli {

// Each refuses with what it expects and, in quotes, what came.
CLI::Validator whole(int64_t low, int64_t high);  // a decimal whole number in [low, high]
CLI::Validator positive_number();
CLI::Validator number_from_zero();  // [0, infinity)
CLI::Validator number_below_one();  // [0, 1)
CLI::Validator number_up_to_one();  // (0, 1]
CLI::Validator one_of(std::vector<std::string> words);
CLI::Validator some_text();   // not empty, valid UTF-8
CLI::Validator some_bytes();  // not empty
CLI::Validator file_name();

// The values that an option takes.
struct Values {
  enum class Kind { kWord, kFile, kFlag } kind;
  std::string type_name;  // as the help says it
  CLI::Validator check;
};
Values wholes(int64_t low, int64_t high);
Values numbers(CLI::Validator range);
Values names_of(std::vector<std::string> names);
Values files(std::string type_name);
Values flag();
Values activations();
Values presets();  // of a GPT

// The option `names` fills in the field; the help says `meaning`.
template <class T>
CLI::Option* add_value(CLI::App& app, const std::string& names, T& field, const Values& values,
                       const std::string& meaning) {
  if constexpr (std::is_same_v<T, bool>) return app.add_flag(names, field, meaning);
  else
    return app.add_option(names, field, meaning)
        ->type_name(values.type_name)
        ->transform(values.check);
}
// "meaning (default: value)"
std::string with_default(const std::string& meaning, const std::string& value);
std::string as_default(int64_t value);
std::string as_default(double value);
inline const std::string& as_default(const std::string& value) { return value; }
template <class T>
CLI::Option* add_with_default(CLI::App& app, const std::string& names, T& field,
                              const Values& values, const std::string& meaning) {
  return add_value(app, names, field, values, with_default(meaning, as_default(field)));
}

inline constexpr const char* kUnkMeaning =
    "Unknown characters or words become <unk> instead of an error";
inline constexpr const char* kAllowSpecialMeaning =
    "What reads as a special token, such as <|endoftext|>, becomes that token";

void add_text(CLI::App& app, TextOptions& to);  // --text and what splits it
void add_unk(CLI::App& app, TextOptions& to);
void add_allow_special(CLI::App& app, bool& to);
void add_model(CLI::App& app, ModelOptions& to);  // of a MiniLM: text, sizes, seed
inline constexpr const char* kSavedModel =
    "a run of `vitro train`, one of its checkpoints, or a GPT-2 as Hugging Face keeps it";
CLI::Option* add_saved(CLI::App& app, std::string& to);  // --model
// The same beside add_model, of which none but the text may be given as well.
CLI::Option* add_saved_instead(CLI::App& app, std::string& to);

// The subcommands: each names its arguments and says what its help says.
CLI::App* add_train(CLI::App& app, TrainOptions& to);
CLI::App* add_generate(CLI::App& app, GenerateArguments& to);
CLI::App* add_eval(CLI::App& app, EvalOptions& to);
CLI::App* add_verify(CLI::App& app, VerifyOptions& to);
CLI::App* add_tokenize(CLI::App& app, TokenizeOptions& to);
CLI::App* add_tokenizer(CLI::App& app, TrainTokenizerOptions& to);  // of `tokenizer`, `train`
CLI::App* add_graph(CLI::App& app, GraphOptions& to);
CLI::App* add_summary(CLI::App& app, SummaryOptions& to);
CLI::App* add_export(CLI::App& app, ExportOptions& to);

// The word of `known` that is `word` but for a few letters; empty if none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace vitro::cli
