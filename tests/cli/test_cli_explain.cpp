// Tests that vitro generate --explain shows the values that the running model computes.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/calculator.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// The logits (T, V) that the library computes for the model that the program makes.
Tensor logits_of(const models::MiniLMConfig& config, uint64_t seed, const std::string& prompt,
                 const text::Tokenizer& tokenizer) {
  manual_seed(seed);
  models::MiniLM model(config);
  NoGradGuard no_grad;
  return model(from_span(tokenizer.encode(prompt)));
}

void check_close(const json& numbers, const Tensor& row) {
  REQUIRE(!numbers.empty());
  for (size_t i = 0; i < numbers.size(); ++i)
    CHECK(numbers[i].get<double>() ==
          Approx(row[static_cast<int64_t>(i)].item()).epsilon(1e-5).margin(1e-6));
}

}  // namespace

TEST_CASE("cli: --explain shows what the hooks of the running model saw") {
  const std::string prompt = "The little";
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const int64_t vocab = tokenizer.vocab_size();
  const json whole = json_of({"generate", "--prompt", prompt, "--n-embd", "12", "--n-hidden", "20",
                              "--context", "3", "--activation", "tanh", "--seed", "5", "--explain",
                              "--max-new-tokens", "20", "--json"});
  CHECK(whole["text"] == json_of({"generate", "--prompt", prompt, "--n-embd", "12", "--n-hidden",
                                  "20", "--context", "3", "--activation", "tanh", "--seed", "5",
                                  "--max-new-tokens", "20", "--json"})["text"]);
  const json stages = whole["explain"]["stages"], likeliest = whole["explain"]["likeliest"];
  const std::vector<std::pair<std::string, json>> shapes = {
      {"embed", {10, 12}}, {"context", {10, 36}}, {"hidden", {10, 20}},
      {"tanh", {10, 20}},  {"head", {10, vocab}}, {"softmax", {vocab}}};
  REQUIRE(stages.size() == shapes.size());
  for (size_t i = 0; i < stages.size(); ++i) {
    CHECK(stages[i]["stage"] == shapes[i].first);
    CHECK(stages[i]["shape"] == shapes[i].second);
  }
  CHECK(stages[2]["weight_shape"] == json({20, 36}));
  CHECK(stages[4]["weight_shape"] == json({vocab, 20}));

  const models::MiniLMConfig config{.vocab_size = vocab,
                                    .n_embd = 12,
                                    .n_hidden = 20,
                                    .context = 3,
                                    .activation = Activation::kTanh};
  Tensor logits = logits_of(config, 5, prompt, tokenizer).select(0, -1);
  Tensor p = softmax(logits, -1);
  check_close(stages[4]["last_row"], logits);
  check_close(stages[5]["last_row"], p);
  for (size_t i = 0; i < 6; ++i)
    CHECK(stages[3]["last_row"][i].get<double>() ==
          Approx(std::tanh(stages[2]["last_row"][i].get<double>())).epsilon(1e-5));
  REQUIRE(likeliest.size() == 5);
  for (const json& candidate : likeliest)
    CHECK(candidate["probability"].get<double>() ==
          Approx(p[candidate["id"].get<int64_t>()].item()).epsilon(1e-5));
  CHECK(likeliest[0]["id"] == logits.argmax().item<int64_t>());
  CHECK(likeliest[0]["id"] == whole["ids"][10]);

  const json drawn = json_of({"generate", "--prompt", "The", "--explain", "--temperature", "0.5",
                              "--top-k", "2", "--max-new-tokens", "1", "--json"})["explain"];
  Tensor row = logits_of({.vocab_size = vocab}, 1337, "The", tokenizer).select(0, -1);
  Tensor two = softmax(topk(row, 2).values / 0.5, -1);
  REQUIRE(drawn["likeliest"].size() == 2);
  for (size_t i = 0; i < 2; ++i)
    CHECK(drawn["likeliest"][i]["probability"].get<double>() ==
          Approx(two[static_cast<int64_t>(i)].item()).epsilon(1e-5));
}

TEST_CASE("cli: --explain works the probability of the next token with a calculator's digits") {
  const std::vector<std::vector<std::string>> choices = {
      {},
      {"--temperature", "0.7"},
      {"--temperature", "0.5", "--top-k", "2"},
      {"--top-p", "0.5", "--repetition-penalty", "1.5"},
      {"--n-hidden", "4", "--n-embd", "2", "--tokenizer", "word"}};
  for (const std::vector<std::string>& options : choices)
    for (const char* seed : {"1", "2", "3"}) {
      std::vector<std::string> words = {"generate",  "--prompt",         "The little",
                                        "--explain", "--max-new-tokens", "1",
                                        "--quiet",   "--seed",           seed};
      words.insert(words.end(), options.begin(), options.end());
      const std::string out = output_of(words);
      INFO(out);
      const Recalculated printed = recalculated(out);
      for (const std::string& fault : printed.faults) FAIL_CHECK(fault);
      CHECK(printed.equations >= 4);
      words.push_back("--json");
      const json whole = json_of(words), cell = whole["explain"]["cell"];
      CHECK(cell["id"] == whole["ids"][whole["prompt_tokens"].get<size_t>()]);
      CHECK(cell["by_hand"].get<double>() == Approx(cell["model"].get<double>()).epsilon(1e-5));
      CHECK(cell["from_digits"].get<double>() ==
            Approx(cell["by_hand"].get<double>()).epsilon(1e-4));
      CHECK(recalculated(cell["text"]).faults.empty());
      const std::string text = cell["text"];
      CHECK(std::count(text.begin(), text.end(), '\n') <= 14);
      CHECK_THAT(text, Contains("= " + cell["shown"].get<std::string>() + " from the digits"));
    }
}

TEST_CASE("cli: every activation name selects its function") {
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const char* names[] = {"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"};
  const Activation activations[] = {Activation::kNone,    Activation::kRelu, Activation::kTanh,
                                    Activation::kSigmoid, Activation::kGelu, Activation::kGeluTanh,
                                    Activation::kSilu};
  for (size_t i = 0; i < std::size(names); ++i) {
    INFO(names[i]);
    const json whole = json_of({"generate", "--prompt", "The", "--activation", names[i],
                                "--explain", "--max-new-tokens", "1", "--json"});
    const json stages = whole["explain"]["stages"];
    const models::MiniLMConfig config{.vocab_size = tokenizer.vocab_size(),
                                      .activation = activations[i]};
    CHECK(stages[2]["stage"] == names[i]);
    check_close(stages[3]["last_row"], logits_of(config, 1337, "The", tokenizer).select(0, -1));
  }
}

TEST_CASE("cli: --explain prints every stage in short lines") {
  const std::string out = output_of(
      {"generate", "--prompt", "The little", "--explain", "--quiet", "--max-new-tokens", "4"});
  for (const char* part :
       {" 1. prompt ", " 2. tokens ", " 3. ids ", " 4. embed ", " 5. hidden ", " 6. gelu ",
        " 7. head ", " 8. softmax ", " 9. next token ", "10. text ", "hidden.weight (256, 64)",
        "(10, 256)", "\"T\" \"h\" \"e\" \" \" \"l\"", "##########", "\n\nThe little"})
    CHECK_THAT(out, Contains(part));
  CHECK(out.find("context") == std::string::npos);
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 102);  // bytes: an accented letter may take two
    CHECK((line.empty() || line.back() != ' '));
  }
  const std::string sampled =
      output_of({"generate", "--prompt", "The", "--explain", "--quiet", "--temperature", "0.5",
                 "--top-k", "2", "--max-new-tokens", "1"});
  CHECK_THAT(sampled, Contains("drawn at random") && Contains("2 likeliest"));
  CHECK_THAT(output_of({"generate", "--prompt", "The", "--explain", "--quiet", "--temperature",
                        "1e-310", "--max-new-tokens", "1"}),
             Contains("its probability was 100.00 %"));
  const std::string prompt(500, 'a');
  CHECK_THAT(output_of({"generate", "--prompt", prompt, "--explain", "--quiet"}),
             Contains("the last 16 are shown") && Contains("500 characters"));
}
