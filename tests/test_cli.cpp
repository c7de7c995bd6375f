// The vitro program: generate, tokenize, graph, --version and --help, run as a user runs them.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

std::string stories() {
  std::ostringstream text;
  text << std::ifstream(VITRO_SOURCE_DIR "/examples/data/stories.txt").rdbuf();
  return text.str();
}

Finished succeed(const std::vector<std::string>& arguments) {
  Finished run = run_vitro(arguments);
  INFO(run.err);
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  return run;
}
json result(const std::vector<std::string>& arguments) {
  return json::parse(succeed(arguments).out);
}

std::string joined(const json& tokens) {
  return std::accumulate(
      tokens.begin(), tokens.end(), std::string(),
      [](std::string all, const json& token) { return std::move(all) + token.get<std::string>(); });
}

// What the library itself computes: logits (T, V) of the model that the program makes.
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

TEST_CASE("cli: generate continues the prompt, and says that the model is untrained") {
  const Finished run =
      succeed({"generate", "--prompt", "The little", "--max-new-tokens", "12", "--seed", "7"});
  const json whole = result(
      {"generate", "--prompt", "The little", "--max-new-tokens", "12", "--seed", "7", "--json"});
  CHECK_THAT(run.out, Contains("untrained") && Contains("seed 7"));
  CHECK_THAT(run.out, EndsWith('\n' + whole["text"].get<std::string>() + '\n'));

  CHECK(whole["prompt"] == "The little");
  CHECK(whole["prompt_tokens"] == 10);
  CHECK(whole["ids"].size() == 22);
  CHECK(whole["tokens"].size() == 22);
  CHECK_THAT(whole["text"].get<std::string>(), StartsWith("The little"));
  CHECK(joined(whole["tokens"]) == whole["text"]);
  CHECK(whole["trained"] == false);
  CHECK(whole["seed"] == 7);
  CHECK(whole["options"]["n_hidden"] == 256);
  const auto tokenizer = text::CharTokenizer::fit(stories());
  CHECK(tokenizer.decode(whole["ids"].get<std::vector<int64_t>>()) == whole["text"]);
}

TEST_CASE("cli: greedy unless told otherwise, and a seed repeats") {
  const std::vector<std::string> base = {"generate", "--prompt",         "The",
                                         "--json",   "--max-new-tokens", "40"};
  auto text = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return result(more)["text"].get<std::string>();
  };
  const std::string greedy = text({}), drawn = text({"--temperature", "1.5"});
  CHECK(greedy == text({}));
  CHECK(greedy == text({"--top-k", "1"}));
  CHECK(greedy == text({"--threads", "1"}));
  CHECK(drawn == text({"--temperature", "1.5"}));
  CHECK(drawn != greedy);
  CHECK(text({"--top-k", "5"}) != greedy);
  CHECK(text({"--seed", "1"}) != greedy);
  CHECK(text({"--context", "3"}) != greedy);

  const auto tokenizer = text::CharTokenizer::fit(stories());
  Tensor logits = logits_of({.vocab_size = tokenizer.vocab_size()}, 1337, "The", tokenizer);
  CHECK(greedy.substr(3).rfind(tokenizer.token(logits.select(0, -1).argmax().item<int64_t>()), 0) ==
        0);
}

TEST_CASE("cli: generate speaks whole words too, and takes any text") {
  const json words = result({"generate", "--prompt", "The red kite", "--tokenizer", "word",
                             "--max-new-tokens", "5", "--json"});
  CHECK(words["prompt_tokens"] == 3);
  CHECK(words["tokens"][2] == "kite");
  CHECK_THAT(words["text"].get<std::string>(), StartsWith("The red kite"));

  TemporaryDirectory directory;
  const std::string file = directory.write("notes.txt", "caf\u00e9 \u65e5\u672c\n");
  const json other = result(
      {"generate", "--text", file, "--prompt", "\u672c\u65e5", "--max-new-tokens", "30", "--json"});
  CHECK(other["ids"].size() == 32);
  CHECK(joined(other["tokens"]) == other["text"]);
  CHECK(result({"generate", "--text", file, "--prompt", "cafe\u0301", "--max-new-tokens", "0",
                "--json"})["text"] == "caf\u00e9");
  CHECK(result({"generate", "--text", file, "--prompt", "xyz", "--unk", "--max-new-tokens", "0",
                "--json"})["tokens"] == json({"<unk>", "<unk>", "<unk>"}));
}

TEST_CASE("cli: generate prints tokens as they come") {
  // A million take minutes, and the first thousand are there long before.
  const std::string text = start_of_output(
      {"generate", "--prompt", "The", "--n-hidden", "8192", "--max-new-tokens", "1000000"}, 1000,
      20);
  CHECK(text.size() == 1000);
}

TEST_CASE("cli: --explain shows what the hooks of the running model saw") {
  const std::string prompt = "The little";
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const int64_t vocab = tokenizer.vocab_size();
  const json whole = result({"generate", "--prompt", prompt, "--n-embd", "12", "--n-hidden", "20",
                             "--context", "3", "--activation", "tanh", "--seed", "5", "--explain",
                             "--max-new-tokens", "20", "--json"});
  CHECK(whole["text"] == result({"generate", "--prompt", prompt, "--n-embd", "12", "--n-hidden",
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

  const json drawn = result({"generate", "--prompt", "The", "--explain", "--temperature", "0.5",
                             "--top-k", "2", "--max-new-tokens", "1", "--json"})["explain"];
  Tensor row = logits_of({.vocab_size = vocab}, 1337, "The", tokenizer).select(0, -1);
  Tensor two = softmax(topk(row, 2).values / 0.5, -1);
  REQUIRE(drawn["likeliest"].size() == 2);
  for (size_t i = 0; i < 2; ++i)
    CHECK(drawn["likeliest"][i]["probability"].get<double>() ==
          Approx(two[static_cast<int64_t>(i)].item()).epsilon(1e-5));
}

TEST_CASE("cli: every activation is the one that its name says") {
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const char* names[] = {"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"};
  const Activation activations[] = {Activation::kNone,    Activation::kRelu, Activation::kTanh,
                                    Activation::kSigmoid, Activation::kGelu, Activation::kGeluTanh,
                                    Activation::kSilu};
  for (size_t i = 0; i < std::size(names); ++i) {
    INFO(names[i]);
    const json whole = result({"generate", "--prompt", "The", "--activation", names[i], "--explain",
                               "--max-new-tokens", "1", "--json"});
    const json stages = whole["explain"]["stages"];
    const models::MiniLMConfig config{.vocab_size = tokenizer.vocab_size(),
                                      .activation = activations[i]};
    CHECK(stages[2]["stage"] == names[i]);
    check_close(stages[3]["last_row"], logits_of(config, 1337, "The", tokenizer).select(0, -1));
  }
}

TEST_CASE("cli: --explain reads well") {
  const std::string out =
      succeed({"generate", "--prompt", "The little", "--explain", "--max-new-tokens", "4"}).out;
  for (const char* part :
       {" 1. prompt ", " 2. tokens ", " 3. ids ", " 4. embed ", " 5. hidden ", " 6. gelu ",
        " 7. head ", " 8. softmax ", " 9. next token ", "10. text ", "hidden.weight (256, 64)",
        "(10, 256)", "\"T\" \"h\" \"e\" \" \" \"l\"", "##########", "\n\nThe little"})
    CHECK_THAT(out, Contains(part));
  CHECK(out.find("context") == std::string::npos);
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 102);  // in bytes: two of them may be of a letter with marks
    CHECK((line.empty() || line.back() != ' '));
  }
  const std::string sampled = succeed({"generate", "--prompt", "The", "--explain", "--temperature",
                                       "0.5", "--top-k", "2", "--max-new-tokens", "1"})
                                  .out;
  CHECK_THAT(sampled, Contains("drawn by chance") && Contains("2 likeliest"));
  const std::string prompt(500, 'a');
  CHECK_THAT(succeed({"generate", "--prompt", prompt, "--explain"}).out,
             Contains("the last 16 are shown") && Contains("500 characters"));
}

TEST_CASE("cli: tokenize goes there and back") {
  const json chars = result({"tokenize", "A \"b\" \u00e9", "--json"});
  CHECK(chars["tokens"] == json({"A", " ", "\"", "b", "\"", " ", "\u00e9"}));
  CHECK(chars["decoded"] == "A \"b\" \u00e9");
  CHECK(chars["round_trip"] == true);
  const json words =
      result({"tokenize", "--tokenizer", "word", "The red  kite.", "--json", "--threads", "1"});
  CHECK(words["tokens"] == json({"The", "red", "kite", "."}));
  CHECK(words["decoded"] == "The red kite.");
  CHECK(words["round_trip"] == false);
  const std::string table = succeed({"tokenize", "a\tb", "--unk"}).out;
  CHECK_THAT(table,
             Contains("\"a\\tb\"") && Contains("\"<unk>\"") && Contains("not the same text"));
  CHECK_THAT(succeed({"tokenize", "generate"}).out, Contains("the same text"));
  CHECK_THAT(succeed({"tokenize", "--", "-a"}).out, Contains("\"-\""));
}

TEST_CASE("cli: graph draws the forward graph") {
  const std::string dot = succeed({"graph", "--prompt", "The", "--context", "2"}).out;
  CHECK_THAT(dot, StartsWith("digraph") && EndsWith("}\n"));
  for (const char* part : {"embedding\\n", "cat\\n", "linear\\n", "gelu\\n", "head.weight\\n",
                           "(3, 256)\\nhidden", "hidden.bias\\n"})
    CHECK_THAT(dot, Contains(part));
  TemporaryDirectory directory;
  const Finished written =
      succeed({"graph", "--prompt", "The", "--context", "2", "--out", directory / "graph.dot"});
  CHECK(written.out.empty());
  std::ostringstream file;
  file << std::ifstream(directory / "graph.dot").rdbuf();
  CHECK(file.str() == dot);
}

TEST_CASE("cli: --version and --help") {
  const VersionInfo info = version_info();
  CHECK_THAT(succeed({"--version"}).out, StartsWith("vitro " + info.version + "\n") &&
                                             Contains(info.simd) && Contains(info.onednn));
  const int before = get_num_threads();
  set_num_threads(3);  // one stays one where vitro's loops are serial
  const std::string three = "threads  " + std::to_string(get_num_threads());
  set_num_threads(before);
  CHECK_THAT(succeed({"--version", "--threads", "3"}).out, Contains(three));
  for (const char* name : {"", "generate", "verify", "tokenize", "graph"}) {
    std::vector<std::string> arguments = {"--help"};
    if (*name) arguments.insert(arguments.begin(), name);
    const std::string help = succeed(arguments).out;
    CHECK_THAT(help, Contains("Examples:\n  vitro ") && Contains("--threads"));
    CHECK_THAT(help, Contains(std::string("Usage: vitro ") + (*name ? name : "[OPTIONS]")));
  }
}
