// Parts of the command line that several subcommands share.
#include "apps/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "apps/cli/output.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

namespace {

// Accepts finite numbers for which `is_right` is true.  The help shows `shown`.
CLI::Validator number(const std::string& expected, const std::string& shown,
                      const std::function<bool(double)>& is_right) {
  return {[=](std::string& text) -> std::string {
            double x = 0;
            auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
            const bool is_number = error == std::errc() && end == text.data() + text.size();
            return is_number && std::isfinite(x) && is_right(x)
                       ? ""
                       : "expected " + expected + ", got " + in_quotes(text);
          },
          shown};
}

}  // namespace

CLI::Validator whole(int64_t low, int64_t high) {
  const std::string range = "a whole number from " + count_text(low) + " to " + count_text(high);
  return {[=](std::string& text) -> std::string {
            int64_t n = 0;
            auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
            if (error != std::errc() || end != text.data() + text.size() || n < low || n > high)
              return "expected " + range + ", got " + in_quotes(text);
            text = std::to_string(n);  // CLI11 would take 010 for 8
            return "";
          },
          std::to_string(low) + ".." + (high < INT64_MAX ? std::to_string(high) : "")};
}

CLI::Validator positive_number() {
  return number("a positive number", "> 0", [](double x) { return x > 0; });
}

CLI::Validator number_from_zero() {
  return number("a number of at least 0", ">= 0", [](double x) { return x >= 0; });
}

CLI::Validator number_below_one() {
  return number("a number from 0 to below 1", "0..<1", [](double x) { return x >= 0 && x < 1; });
}

CLI::Validator number_up_to_one() {
  return number("a number from above 0 to 1", "0<..1", [](double x) { return x > 0 && x <= 1; });
}

CLI::Validator one_of(std::vector<std::string> words) {
  return {[=](std::string& text) -> std::string {
            return std::find(words.begin(), words.end(), text) != words.end()
                       ? ""
                       : "expected one of " + CLI::detail::join(words, "|") + ", got " +
                             in_quotes(text);
          },
          CLI::detail::join(words, "|")};
}

CLI::Validator some_text() {
  return {[](std::string& text) -> std::string {
            if (text.empty()) return "expected a text, got an empty one";
            try {
              text::check_utf8(text, "text");
            } catch (const ValueError& error) { return error.what(); }
            return "";
          },
          ""};
}

CLI::Validator some_bytes() {
  return {[](std::string& text) -> std::string {
            return text.empty() ? "expected a text, got an empty one" : "";
          },
          ""};
}

CLI::Validator file_name() {
  return {[](std::string& text) -> std::string {
            return text.empty() ? "expected a file name, got an empty one" : "";
          },
          ""};
}

Values wholes(int64_t low, int64_t high) { return {Values::Kind::kWord, "N", whole(low, high)}; }
Values numbers(CLI::Validator range) { return {Values::Kind::kWord, "X", std::move(range)}; }
Values names_of(std::vector<std::string> names) {
  return {Values::Kind::kWord, "NAME", one_of(std::move(names))};
}
Values files(std::string type_name) {
  return {Values::Kind::kFile, std::move(type_name), file_name()};
}
Values flag() { return {Values::Kind::kFlag, "", {}}; }
Values activations() {
  return names_of({"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"});
}
Values presets() { return names_of({"nano", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}); }

std::string with_default(const std::string& meaning, const std::string& value) {
  return meaning + " (default: " + value + ")";
}
std::string as_default(int64_t value) { return std::to_string(value); }
std::string as_default(double value) { return format("%g", value); }

void add_unk(CLI::App& app, TextOptions& to) { app.add_flag("--unk", to.unk, kUnkMeaning); }

void add_allow_special(CLI::App& app, bool& to) {
  app.add_flag("--allow-special", to, kAllowSpecialMeaning);
}

void add_text(CLI::App& app, TextOptions& to) {
  add_value(app, "--text", to.file, files("FILE"),
            "Text file that the vocabulary is made from; - reads standard input (default: the "
            "bundled stories)");
  Values kinds = names_of({"char", "word"});
  kinds.type_name = "KIND";
  add_with_default(app, "--tokenizer", to.tokenizer, kinds, "Kind of tokens: characters or words");
  add_unk(app, to);
}

void add_model(CLI::App& app, ModelOptions& to) {
  add_text(app, to.text);
  add_with_default(app, "--n-embd", to.n_embd, wholes(1, 65536),
                   "Length of the embedding vector of a token");
  add_with_default(app, "--n-hidden", to.n_hidden, wholes(1, 65536), "Width of the hidden layer");
  add_with_default(app, "--context", to.context, wholes(1, 1024),
                   "Number of tokens that the next token is predicted from");
  add_with_default(app, "--activation", to.activation, activations(),
                   "Activation function between the linear layers");
  add_with_default(app, "--seed", to.seed, wholes(0, INT64_MAX), "Seed of all random numbers");
}

CLI::Option* add_saved(CLI::App& app, std::string& to) {
  std::string meaning = kSavedModel;
  meaning[0] = 'A';
  return app.add_option("--model", to, meaning)->type_name("PATH")->check(file_name());
}

CLI::Option* add_saved_instead(CLI::App& app, std::string& to) {
  CLI::Option* const saved = add_saved(app, to);
  for (const char* name :
       {"--tokenizer", "--unk", "--n-embd", "--n-hidden", "--context", "--activation"})
    saved->excludes(app.get_option(name));  // the saved model decides them
  return saved;
}

std::string fresh_model_note() {
  const ModelOptions here;
  const ModelOptions trained = TrainOptions{}.model;
  const auto sizes = [](const ModelOptions& o) {
    return "--n-embd " + std::to_string(o.n_embd) + " --n-hidden " + std::to_string(o.n_hidden) +
           " --context " + std::to_string(o.context);
  };
  return "Without --model, vitro generate, verify, activations, gradients and graph make a MiniLM\n"
         "with random weights. Its default sizes are " +
         sizes(here) + ".\nvitro train has other defaults: " + sizes(trained) + ".\n";
}

}  // namespace vitro::cli
