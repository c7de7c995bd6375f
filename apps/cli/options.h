// The options of each subcommand, and the functions that run them.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vitro.h"

namespace vitro::cli {

// The arguments are wrong, or do not fit the run or model that they name.  The program then exits
// with 2; for any other error it exits with 1.
struct UsageError : Error {
  using Error::Error;
};

struct TextOptions {
  std::string file;                // empty: the bundled text
  std::string tokenizer = "char";  // or "word"; some commands also take "bpe" or a path
  bool unk = false;
  int64_t vocab_size = 1024;  // the most tokens that "bpe" learns
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
  std::string saved;                // path of a trained model; empty: random weights
  std::string prompt, prompt_file;  // one is given, unless interactive; file "-": standard input
  bool interactive = false;
  // An option that is not given takes its value from generation_config.json.
  std::optional<double> temperature = {}, top_p = {}, repetition_penalty = {};
  std::optional<int64_t> top_k = {}, max_new_tokens = {};
  std::vector<std::string> stop = {};
  bool allow_sliding = false, allow_special = false;
  int64_t num_samples = 1;
  bool explain = false;
  bool json = false;
  bool quiet = false;
  models::GenerateOptions decided = {};  // the result of all options, set after the model is loaded
};

struct VerifyOptions {
  ModelOptions model;
  std::string saved;                        // path of a trained model; empty: random weights
  std::string prompt;                       // the model's input; empty: the text's beginning
  std::optional<std::string> perturb = {};  // PATH or PATH:backward, where a fault is planted
  std::optional<std::string> cell = {};     // PATH[b,t,j]: the output number to show in full
  bool detail = false;
  bool json = false;
};

struct TokenizeOptions {
  TextOptions source;
  std::string text;
  std::string out;  // the token file to write from the whole source; empty: none
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
  std::string saved;  // path of a trained model; empty: random weights
  std::string prompt;
  bool allow_special = false;
  std::string out;  // empty: standard output
};

// The options of `vitro activations` and of `vitro gradients`.
struct LookOptions {
  ModelOptions model;
  std::string saved;   // path of a trained model; empty: random weights
  std::string prompt;  // empty only for a model without a tokenizer
  std::string module;  // the path of the module to show; empty: the whole model
  bool allow_special = false;
  bool json = false;
};

struct StepOptions {
  std::string prompt = "cab";  // the last token is the target
  int64_t context = 1;
  int64_t n_embd = 2;
  int64_t n_hidden = 3;
  std::string activation = "tanh";
  int64_t seed = 1337;
  double lr = 0.1;
  double beta1 = 0.9, beta2 = 0.999;
  double weight_decay = 0.01;
  bool json = false;
};

// The options that only a GPT has.
struct GPTOptions {
  std::string preset = "nano";  // decides the sizes that are not given
  int64_t n_layer = 4;
  int64_t n_head = 4;
  int64_t n_kv_head = 0;  // 0: n_head
  bool bias = true;
  std::string norm = "layernorm";
  std::string position = "learned";
  std::string mlp = "gelu";
};

// These values are the defaults of a MiniLM; apps/train/defaults.h has the defaults of a GPT.
struct TrainOptions : models::TrainingOptions {
  std::string model_type = "mini";
  ModelOptions model{.n_embd = 32, .n_hidden = 1024, .context = 8};
  GPTOptions gpt = {};
  std::string init_from;  // the saved model to start from; empty: random weights
  bool allow_special = false;
  double dropout = 0.7;  // with less, the model would learn the small bundled text by heart
  std::string dtype = "float32";
  int64_t eval_interval = 500;
  int64_t log_interval = 50;
  int64_t sample_tokens = 120;
  bool resume = false;
  std::set<std::string> given = {};  // names, without dashes, of the options on the command line
};

struct EvalOptions {
  std::string saved;
  std::string text;  // a file; empty: the text that the model was trained on
  bool whole = false;
  bool json = false;
};

struct SummaryOptions {
  std::string saved, preset;  // one of the two is given
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
int show_activations(const LookOptions& options);
int show_gradients(const LookOptions& options);
int step(const StepOptions& options);
int tokenize(const TokenizeOptions& options);
int train_tokenizer(const TrainTokenizerOptions& options);
int train(TrainOptions options);
int eval(const EvalOptions& options);
int graph(const GraphOptions& options);
int summary(const SummaryOptions& options);
int export_model(const ExportOptions& options);
int version();

}  // namespace vitro::cli
