// What the command line asked for, subcommand by subcommand, and the functions that do it.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vitro.h"

namespace vitro::cli {

// A mistake that the arguments alone show; the program ends with 2, and with 1 for other errors.
struct UsageError : Error {
  using Error::Error;
};

struct TextOptions {
  std::string file;                // empty: the bundled text
  std::string tokenizer = "char";  // or "word"; where allowed also "bpe" or a saved one's path
  bool unk = false;
  int64_t vocab_size = 1024;  // of "bpe", at most
};

struct ModelOptions {
  TextOptions text = {};
  int64_t n_embd = 64;
  int64_t n_hidden = 256;
  int64_t context = 1;
  std::string activation = "gelu";
  int64_t seed = 1337;
};

struct GenerateArguments {
  ModelOptions model;
  std::string saved;                // a trained model; empty: one with random weights
  std::string prompt, prompt_file;  // one of them, unless interactive; "-": standard input
  bool interactive = false;
  // An option that is not given is as generation_config.json says.
  std::optional<double> temperature = {}, top_p = {}, repetition_penalty = {};
  std::optional<int64_t> top_k = {}, max_new_tokens = {};
  std::vector<std::string> stop = {};
  bool allow_sliding = false, allow_special = false;
  int64_t num_samples = 1;
  bool explain = false;
  bool json = false;
  bool quiet = false;
  models::GenerateOptions decided = {};  // all of it, as soon as the model is there
};

struct VerifyOptions {
  ModelOptions model;
  std::string saved;                        // a trained model; empty: one with random weights
  std::string prompt;                       // the text that passes through; empty: another
  std::optional<std::string> perturb = {};  // the module whose output is spoiled
  std::optional<std::string> cell = {};     // PATH[b,t,j]: the number that is shown in full
  bool json = false;
};

struct TokenizeOptions {
  TextOptions source;
  std::string text;
  std::string out;  // if not empty, the token file that the whole source becomes
  bool allow_special = false;
  bool json = false;
};

struct TrainTokenizerOptions {
  std::string text;  // a file; empty: the bundled text
  int64_t vocab_size = 1000;
  int64_t min_count = 2;
  std::string out;
  bool json = false;
};

struct GraphOptions {
  ModelOptions model;
  std::string saved;  // a trained model; empty: one with random weights
  std::string prompt;
  bool allow_special = false;
  std::string out;  // empty: standard output
};

// What a GPT has and a MiniLM has not.
struct GPTOptions {
  std::string preset = "nano";  // of what is not given
  int64_t n_layer = 4;
  int64_t n_head = 4;
  int64_t n_kv_head = 0;  // 0: n_head
  bool bias = true;
  std::string norm = "layernorm";
  std::string position = "learned";
  std::string mlp = "gelu";
};

// The values here are a MiniLM's defaults; apps/train/defaults.h has those of a GPT.
struct TrainOptions : models::TrainingOptions {
  std::string model_type = "mini";
  ModelOptions model{.n_embd = 32, .n_hidden = 1024, .context = 8};
  GPTOptions gpt = {};
  std::string init_from;  // a saved model to go on from; empty: random weights
  bool allow_special = false;
  double dropout = 0.7;  // the bundled text is small: less than that is learnt by heart
  std::string dtype = "float32";
  int64_t eval_interval = 500;
  int64_t log_interval = 50;
  int64_t sample_tokens = 120;
  bool resume = false;
  std::set<std::string> given = {};  // the names, without dashes, that the command line had
};

struct EvalOptions {
  std::string saved;
  std::string text;  // empty: the one that the model was trained on
  bool whole = false;
  bool json = false;
};

struct SummaryOptions {
  std::string saved, preset;  // one of them
  std::optional<int64_t> vocab_size = {};
  std::optional<int64_t> tokens = {};
  bool json = false;
};

struct ExportOptions {
  std::string saved;
  std::string out;
};

// Each prints its result and returns the exit code.
int generate(GenerateArguments options);
int verify(const VerifyOptions& options);
int tokenize(const TokenizeOptions& options);
int train_tokenizer(const TrainTokenizerOptions& options);
int train(TrainOptions options);
int eval(const EvalOptions& options);
int graph(const GraphOptions& options);
int summary(const SummaryOptions& options);
int export_model(const ExportOptions& options);
int version();

}  // namespace vitro::cli
