// Parts of the command line that several subcommands share: checks of values, groups of options.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace vitro::cli {

// Checks of single values.  The error of each says what it expects and quotes what it got.
CLI::Validator whole(int64_t low, int64_t high);  // a decimal whole number in [low, high]
CLI::Validator positive_number();
CLI::Validator number_from_zero();  // [0, infinity)
CLI::Validator number_below_one();  // [0, 1)
CLI::Validator number_up_to_one();  // (0, 1]
CLI::Validator one_of(std::vector<std::string> words);
CLI::Validator some_text();   // not empty, valid UTF-8
CLI::Validator some_bytes();  // not empty
CLI::Validator file_name();

// The values that an option accepts.
struct Values {
  enum class Kind { kWord, kFile, kFlag } kind;
  std::string type_name;  // the help shows it after the option's name
  CLI::Validator check;
};
Values wholes(int64_t low, int64_t high);
Values numbers(CLI::Validator range);
Values names_of(std::vector<std::string> names);
Values files(std::string type_name);
Values flag();
Values activations();
Values presets();  // GPT presets

// Adds the option `names`, which fills in `field`.  The help describes it with `meaning`.
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
    "Turn unknown characters or words into <unk> instead of failing";
inline constexpr const char* kAllowSpecialMeaning =
    "Encode text such as <|endoftext|> as the special token of that name";

void add_text(CLI::App& app, TextOptions& to);  // --text, --tokenizer, --unk
void add_unk(CLI::App& app, TextOptions& to);
void add_allow_special(CLI::App& app, bool& to);
// The options of a MiniLM that the command makes itself: text, sizes, seed.
void add_model(CLI::App& app, ModelOptions& to);
inline constexpr const char* kSavedModel =
    "a run directory of vitro train, a checkpoint file, or a directory with a GPT-2 in Hugging "
    "Face's format";
CLI::Option* add_saved(CLI::App& app, std::string& to);  // --model
// Adds --model next to the options of add_model.  It excludes all of them except --text and --seed.
CLI::Option* add_saved_instead(CLI::App& app, std::string& to);

// Three lines for the help: without --model, a command makes a MiniLM with random weights, and its
// default sizes differ from those of vitro train.
std::string fresh_model_note();

// Each adds one subcommand with its options and its help text.
CLI::App* add_train(CLI::App& app, TrainOptions& to);
CLI::App* add_generate(CLI::App& app, GenerateArguments& to);
CLI::App* add_eval(CLI::App& app, EvalOptions& to);
CLI::App* add_verify(CLI::App& app, VerifyOptions& to);
CLI::App* add_activations(CLI::App& app, LookOptions& to);
CLI::App* add_gradients(CLI::App& app, LookOptions& to);
CLI::App* add_step(CLI::App& app, StepOptions& to);
CLI::App* add_tokenize(CLI::App& app, TokenizeOptions& to);
CLI::App* add_tokenizer(CLI::App& app, TrainTokenizerOptions& to);  // returns `tokenizer train`
CLI::App* add_graph(CLI::App& app, GraphOptions& to);
CLI::App* add_summary(CLI::App& app, SummaryOptions& to);
CLI::App* add_export(CLI::App& app, ExportOptions& to);

// The word in `known` that is most similar to `word`; empty if no word is similar.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

}  // namespace vitro::cli
