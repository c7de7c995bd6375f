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

// `name` takes a whole number; the help says `meaning` and the default, which of a GPT may differ.
CLI::Option* add_whole(CLI::App& app, const std::string& name, int64_t& value, int64_t low,
                       int64_t high, const std::string& meaning, std::optional<int64_t> gpt = {});
CLI::Option* add_number(CLI::App& app, const std::string& name, double& value,
                        const CLI::Validator& range, const std::string& meaning,
                        std::optional<double> gpt = {});
CLI::Option* add_name(CLI::App& app, const std::string& name, std::string& value,
                      std::vector<std::string> names, const std::string& meaning);

void add_text(CLI::App& app, TextOptions& to);  // --text and what splits it
void add_unk(CLI::App& app, TextOptions& to);
void add_allow_special(CLI::App& app, bool& to);
void add_sizes(CLI::App& app, ModelOptions& to);  // of a MiniLM, but for n_embd, and the seed
void add_model(CLI::App& app, ModelOptions& to);  // all of these
inline constexpr const char* kSavedModel =
    "a run of `vitro train`, one of its checkpoints, or a GPT-2 as Hugging Face keeps it";
CLI::Option* add_saved(CLI::App& app, std::string& to);  // --model
// The same beside add_model, of which none but the text may be given as well.
CLI::Option* add_saved_instead(CLI::App& app, std::string& to);

// The subcommands: each names its arguments and says what its help says.
CLI::App* add_train(CLI::App& app, TrainOptions& to);
CLI::App* add_generate(CLI::App& app, GenerateOptions& to);
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
