// Checks of single values, and groups of options.
#include "apps/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "apps/cli/output.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

namespace {

// A finite number of which `is_right` says yes.
CLI::Validator number(const std::string& expected, const std::string& shown,
                      const std::function<bool(double)>& is_right) {
  return {[=](std::string& text) -> std::string {
            double x = 0;
            auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
            const bool is_number = error == std::errc() && end == text.data() + text.size();
            return is_number && std::isfinite(x) && is_right(x)
                       ? ""
                       : expected + " expected: " + in_quotes(text);
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
              return range + " expected: " + in_quotes(text);
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
                       : "one of " + CLI::detail::join(words, "|") +
                             " expected: " + in_quotes(text);
          },
          CLI::detail::join(words, "|")};
}

CLI::Validator some_text() {
  return {[](std::string& text) -> std::string {
            if (text.empty()) return "a text expected: it is empty";
            try {
              text::check_utf8(text, "a text");
            } catch (const ValueError& error) { return error.what(); }
            return "";
          },
          ""};
}

CLI::Validator some_bytes() {
  return {[](std::string& text) -> std::string {
            return text.empty() ? "a text expected: it is empty" : "";
          },
          ""};
}

CLI::Validator file_name() {
  return {[](std::string& text) -> std::string {
            return text.empty() ? "a file name expected: it is empty" : "";
          },
          ""};
}

namespace {

template <class T, class F>
std::string with_default(const std::string& meaning, T value, std::optional<T> gpt, F text) {
  return meaning + " (default: " + text(value) +
         (gpt && *gpt != value ? "; of a GPT: " + text(*gpt) : "") + ")";
}

}  // namespace

CLI::Option* add_whole(CLI::App& app, const std::string& name, int64_t& value, int64_t low,
                       int64_t high, const std::string& meaning, std::optional<int64_t> gpt) {
  const auto text = [](int64_t n) { return std::to_string(n); };
  return app.add_option(name, value, with_default(meaning, value, gpt, text))
      ->type_name("N")
      ->transform(whole(low, high));
}

CLI::Option* add_number(CLI::App& app, const std::string& name, double& value,
                        const CLI::Validator& range, const std::string& meaning,
                        std::optional<double> gpt) {
  const auto text = [](double x) { return format("%g", x); };
  return app.add_option(name, value, with_default(meaning, value, gpt, text))
      ->type_name("X")
      ->check(range);
}

CLI::Option* add_name(CLI::App& app, const std::string& name, std::string& value,
                      std::vector<std::string> names, const std::string& meaning) {
  return app.add_option(name, value, meaning + " (default: " + value + ")")
      ->type_name("NAME")
      ->check(one_of(std::move(names)));
}

void add_unk(CLI::App& app, TextOptions& to) {
  app.add_flag("--unk", to.unk, "Unknown characters or words become <unk> instead of an error");
}

void add_allow_special(CLI::App& app, bool& to) {
  app.add_flag("--allow-special", to,
               "What reads as a special token, such as <|endoftext|>, becomes that token");
}

void add_text(CLI::App& app, TextOptions& to) {
  app.add_option("--text", to.file, "Text to take the vocabulary from (default: bundled stories)")
      ->type_name("FILE")
      ->check(file_name());
  app.add_option("--tokenizer", to.tokenizer, "What a token is (default: char)")
      ->type_name("KIND")
      ->check(one_of({"char", "word"}));
  add_unk(app, to);
}

void add_sizes(CLI::App& app, ModelOptions& to) {
  add_whole(app, "--n-hidden", to.n_hidden, 1, 65536, "Width of the hidden layer");
  add_whole(app, "--context", to.context, 1, 1024,
            "How many tokens the next one is predicted from");
  add_name(app, "--activation", to.activation,
           {"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"},
           "Between the linear layers");
  add_whole(app, "--seed", to.seed, 0, INT64_MAX, "Of all random numbers");
}

void add_model(CLI::App& app, ModelOptions& to) {
  add_text(app, to.text);
  add_whole(app, "--n-embd", to.n_embd, 1, 65536, "Numbers that stand for a token");
  add_sizes(app, to);
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
    saved->excludes(app.get_option(name));  // the model says what these are
  return saved;
}

}  // namespace vitro::cli
