// What the command line asked for, subcommand by subcommand, and the functions that do it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "vitro.h"

namespace vitro::cli {

// A mistake that the arguments alone show; the program ends with 2, and with 1 for other errors.
struct UsageError : Error {
  using Error::Error;
};

struct TextOptions {
  std::string file;  // empty: the bundled text
  std::string tokenizer = "char";
  bool unk = false;
};

struct ModelOptions {
  TextOptions text;
  int64_t n_embd = 64;
  int64_t n_hidden = 256;
  int64_t context = 1;
  std::string activation = "gelu";
  int64_t seed = 1337;
};

struct GenerateOptions {
  ModelOptions model;
  std::string prompt;
  std::optional<double> temperature = {};
  std::optional<int64_t> top_k = {};
  int64_t max_new_tokens = 100;
  bool explain = false;
  bool json = false;
};

struct VerifyOptions {
  ModelOptions model;
  std::optional<std::string> perturb = {};  // the module whose output is spoiled
  bool json = false;
};

struct TokenizeOptions {
  TextOptions source;
  std::string text;
  bool json = false;
};

struct GraphOptions {
  ModelOptions model;
  std::string prompt;
  std::string out;  // empty: standard output
};

// Each prints its result and returns the exit code.
int generate(const GenerateOptions& options);
int verify(const VerifyOptions& options);
int tokenize(const TokenizeOptions& options);
int graph(const GraphOptions& options);
int version();

}  // namespace vitro::cli
