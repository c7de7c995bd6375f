// Tests that vitro activations and vitro gradients show what the library computes.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// Checks a row of the JSON against the tensor, whose numbers are all finite.
void check_row(const json& row, const Tensor& x) {
  INFO(row.dump());
  const Tensor wide = x.detach().to(kFloat64), mean = wide.mean();
  const Tensor deviations = wide - mean.item();
  CHECK(row["shape"] == json(std::vector(x.shape().begin(), x.shape().end())));
  CHECK(row["mean"].get<double>() == Approx(mean.item()).epsilon(1e-4).margin(1e-7));
  CHECK(row["std"].get<double>() ==
        Approx(std::sqrt((deviations * deviations).mean().item())).epsilon(1e-4).margin(1e-9));
  CHECK(row["max_abs"].get<double>() ==
        Approx(std::max(wide.max().item(), -wide.min().item())).epsilon(1e-4));
  CHECK(row["zeros"].get<double>() == Approx(eq(wide, 0).to(kFloat64).mean().item()));
  CHECK(row["nan"] == 0);
  CHECK(row["inf"] == 0);
}

const json& row_of(const json& rows, const std::string& path) {
  for (const json& row : rows)
    if (row["path"] == path) return row;
  FAIL("no row " << path << " in " << rows.dump());
  return rows;
}

std::vector<std::string> paths_of(const json& rows) {
  std::vector<std::string> all;
  for (const json& row : rows) all.push_back(row["path"]);
  return all;
}

Tensor ids_of(const text::Tokenizer& tokenizer, const std::string& prompt) {
  return unsqueeze(from_span(tokenizer.encode(prompt)), 0);
}

const Words kSmallModel = {"--n-embd",     "6",    "--n-hidden", "10", "--context", "2",
                           "--activation", "relu", "--seed",     "5"};

models::MiniLM small_model(const text::Tokenizer& tokenizer) {
  manual_seed(5);
  return models::MiniLM({.vocab_size = tokenizer.vocab_size(),
                         .n_embd = 6,
                         .n_hidden = 10,
                         .context = 2,
                         .activation = Activation::kRelu});
}

// A small GPT with a saved tokenizer of characters.
const models::GPTConfig kSmallGpt{
    .block_size = 8, .vocab_size = 5, .n_layer = 2, .n_head = 2, .n_embd = 8};
std::string saved_gpt(const TemporaryDirectory& directory, models::GPT& model) {
  const std::string file = directory / "gpt.safetensors";
  save_checkpoint(file, models::to_checkpoint(model, text::CharTokenizer::fit("abcde")));
  return file;
}

}  // namespace

TEST_CASE("look: activations are the outputs that the library computes") {
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const json result =
      json_of(with({"activations", "--prompt", "The little", "--json"}, kSmallModel));
  models::MiniLM model = small_model(tokenizer);
  NoGradGuard no_grad;
  const nn::ActivationCache cache = nn::run_with_cache(model, ids_of(tokenizer, "The little"));
  std::vector<std::string> names = cache.names();
  names.push_back("");
  CHECK(paths_of(result["outputs"]) == names);
  for (const auto& [path, x] : cache.all()) check_row(row_of(result["outputs"], path), x);
  check_row(row_of(result["outputs"], ""), cache.output);
  const double zeros = row_of(result["outputs"], "hook_post")["zeros"];
  CHECK((zeros > 0.1 && zeros < 0.9));  // relu
  CHECK(result["ids"].size() == 10);
}

TEST_CASE("look: gradients are those of the mean cross entropy of the next token") {
  const auto tokenizer = text::CharTokenizer::fit(stories());
  const json result = json_of(with({"gradients", "--prompt", "The little", "--json"}, kSmallModel));
  models::MiniLM model = small_model(tokenizer);
  const Tensor ids = ids_of(tokenizer, "The little");
  const nn::ActivationCache cache = nn::run_with_cache(model, narrow(ids, 1, 0, 9));
  for (const auto& [path, y] : cache.all()) Tensor(y).retain_grad();
  const Tensor loss = cross_entropy(cache.output, narrow(ids, 1, 1, 9));
  loss.backward();
  CHECK(result["loss"].get<double>() == Approx(loss.item()).epsilon(1e-6));
  CHECK(result["parameters"].size() == 5);
  for (const auto& [name, p] : model.named_parameters())
    check_row(row_of(result["parameters"], name), p.grad());
  CHECK(result["outputs"].size() == cache.all().size() + 1);
  for (const auto& [path, y] : cache.all()) {
    REQUIRE(y.grad().defined());
    check_row(row_of(result["outputs"], path), y.grad());
  }
  CHECK(row_of(result["parameters"], "embed.weight")["zeros"] > 0.9);  // tokens that were not read
}

TEST_CASE("look: the table shows the numbers of the JSON") {
  for (const char* name : {"activations", "gradients"}) {
    const Words words = with({name, "--prompt", "The"}, kSmallModel);
    const std::string out = output_of(words);
    const json result = json_of(with(words, {"--json"}));
    json rows = result["outputs"];
    if (result.contains("parameters"))
      for (const json& row : result["parameters"]) rows.push_back(row);
    for (const json& row : rows) {
      const std::string path = row["path"].get<std::string>().empty() ? "(model)" : row["path"];
      const size_t line = out.find("\n  " + path + ' ');
      INFO(path << '\n' << out);
      REQUIRE(line != out.npos);
      std::string cells = out.substr(line + 3 + path.size());
      cells = cells.substr(cells.find(')') + 1);
      std::istringstream words_of(cells);
      double mean = 0, deviation = 0, largest = 0, zeros = 0;
      int64_t nans = 0, infinite = 0;
      std::string percent;
      words_of >> mean >> deviation >> largest >> zeros >> percent >> nans >> infinite;
      REQUIRE(words_of);
      CHECK(mean == Approx(row["mean"].get<double>()).epsilon(6e-3));
      CHECK(deviation == Approx(row["std"].get<double>()).epsilon(6e-3));
      CHECK(largest == Approx(row["max_abs"].get<double>()).epsilon(6e-3));
      CHECK(zeros == Approx(100 * row["zeros"].get<double>()).margin(0.051));
      CHECK((nans == row["nan"] && infinite == row["inf"]));
    }
  }
}

TEST_CASE("look: every module and hook point of a GPT, in float32 and bfloat16") {
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const TemporaryDirectory directory;
    manual_seed(3);
    models::GPT model(kSmallGpt);
    model.to(dtype);
    model.eval();
    const std::string file = saved_gpt(directory, model);
    const Tensor ids = ids_of(text::CharTokenizer::fit("abcde"), "abacd");
    const json outputs =
        json_of({"activations", "--model", file, "--prompt", "abacd", "--json"})["outputs"];
    {
      NoGradGuard no_grad;
      const nn::ActivationCache cache = nn::run_with_cache(model, ids);
      CHECK(outputs.size() == cache.names().size() + 1);
      for (const auto& [path, x] : cache.all())
        if (!path.ends_with("hook_attn_scores")) check_row(row_of(outputs, path), x);
    }
    // Each of 5 tokens may not see those after it: 10 scores in each of 2 heads.
    CHECK(row_of(outputs, "h.1.attn.hook_attn_scores")["inf"] == 20);

    const json gradients = json_of({"gradients", "--model", file, "--prompt", "abacd", "--json"});
    // run_with_cache has hooks on the same modules, so the same kernels run.
    const nn::ActivationCache cache = nn::run_with_cache(model, narrow(ids, 1, 0, 4));
    Tensor pattern = cache["h.1.attn.hook_pattern"], stream = cache["h.0.hook_resid_post"];
    pattern.retain_grad(), stream.retain_grad();
    cross_entropy(cache.output, narrow(ids, 1, 1, 4)).backward();
    for (const auto& [name, p] : model.named_parameters())
      check_row(row_of(gradients["parameters"], name), p.grad());
    check_row(row_of(gradients["outputs"], "h.1.attn.hook_pattern"), pattern.grad());
    check_row(row_of(gradients["outputs"], "h.0.hook_resid_post"), stream.grad());
  }
}

TEST_CASE("look: NaN and infinite numbers are counted, and the others measured") {
  const TemporaryDirectory directory;
  const auto tokenizer = text::CharTokenizer::fit("abc");
  manual_seed(1);
  models::MiniLM model({.vocab_size = 3, .n_embd = 2, .n_hidden = 2});
  {
    NoGradGuard no_grad;
    float* b = model.head.bias.mutable_data<float>();
    b[0] = std::numeric_limits<float>::quiet_NaN(), b[1] = std::numeric_limits<float>::infinity();
    b[2] = 7;
    model.head.weight.zero_();
  }
  const std::string file = directory / "m.safetensors";
  save_checkpoint(file, models::to_checkpoint(model, tokenizer));
  const json head = row_of(
      json_of({"activations", "--model", file, "--prompt", "abca", "--json"})["outputs"], "head");
  CHECK(head["nan"] == 4);
  CHECK(head["inf"] == 4);
  CHECK(head["mean"] == 7);
  CHECK(head["std"] == 0);
  CHECK(head["max_abs"] == 7);
  const json gradient =
      json_of({"gradients", "--model", file, "--prompt", "abca", "--json"})["parameters"];
  CHECK(row_of(gradient, "head.bias")["nan"] == 3);
}

TEST_CASE("look: --module shows one subtree, and tied weights in it") {
  const TemporaryDirectory directory;
  manual_seed(3);
  models::GPT model(kSmallGpt);
  const std::string file = saved_gpt(directory, model);
  const Words ask = {"--model", file, "--prompt", "abc", "--json", "--module"};
  CHECK(paths_of(json_of(with(with({"activations"}, ask), {"h.1.mlp"}))["outputs"]) ==
        std::vector<std::string>{"h.1.mlp.c_fc", "h.1.mlp.hook_pre", "h.1.mlp.hook_post",
                                 "h.1.mlp.c_proj", "h.1.mlp.dropout", "h.1.mlp"});
  const json one = json_of(with(with({"gradients"}, ask), {"h.1.mlp"}));
  CHECK(paths_of(one["parameters"]) ==
        std::vector<std::string>{"h.1.mlp.c_fc.weight", "h.1.mlp.c_fc.bias",
                                 "h.1.mlp.c_proj.weight", "h.1.mlp.c_proj.bias"});
  CHECK(one["outputs"].size() == 6);
  CHECK(paths_of(json_of(with(with({"gradients"}, ask), {"lm_head"}))["parameters"]) ==
        std::vector<std::string>{"lm_head.weight"});  // the weight of wte
  for (const char* name : {"activations", "gradients"}) {
    check_refused(with(with({name}, ask), {"h.1.mlq"}), 2,
                  "--module: expected the path of a module (wte, wpe, hook_embed, hook_pos_embed, "
                  "drop, h.0, h.0.hook_resid_pre, h.0.ln_1 ...), got \"h.1.mlq\"; did you mean "
                  "h.1.mlp?");
    check_refused(with(with({name}, ask), {"h"}), 2, "got \"h\"");
  }
}

TEST_CASE("look: --module h.1 leaves out h.10") {
  const TemporaryDirectory directory;
  manual_seed(3);
  models::GPTConfig sizes = kSmallGpt;
  sizes.n_layer = 11;
  models::GPT model(sizes);
  const std::string file = saved_gpt(directory, model);
  const json rows = json_of(
      {"activations", "--model", file, "--prompt", "abc", "--module", "h.1", "--json"})["outputs"];
  for (const std::string& path : paths_of(rows)) {
    INFO(path);
    CHECK((path == "h.1" || path.starts_with("h.1.")));
  }
  CHECK(rows.size() > 10);
}

TEST_CASE("look: a model without a tokenizer reads random tokens") {
  const TemporaryDirectory directory;
  manual_seed(3);
  models::GPT model(kSmallGpt);
  const std::string folder = directory / "hf";
  model.save_pretrained(folder);
  for (const char* name : {"activations", "gradients"}) {
    CHECK_THAT(output_of({name, "--model", folder}),
               Contains(std::string("It reads ") + (name == std::string("gradients") ? "9" : "8") +
                        " tokens: random ones, because there is no tokenizer."));
    CHECK(json_of({name, "--model", folder, "--json"})["ids"] ==
          json_of({name, "--model", folder, "--json"})["ids"]);
    CHECK(json_of({name, "--model", folder, "--json"})["ids"] !=
          json_of({name, "--model", folder, "--json", "--seed", "2"})["ids"]);
    check_refused({name, "--model", folder, "--prompt", "a"}, 1,
                  "--prompt: expected a model with a tokenizer");
  }
}

TEST_CASE("look: wrong prompts are refused") {
  const TemporaryDirectory directory;
  manual_seed(3);
  models::GPT model(kSmallGpt);
  const std::string file = saved_gpt(directory, model);
  for (const char* name : {"activations", "gradients"}) {
    check_refused({name}, 2, "--prompt: expected a text, got none");
    check_refused({name, "--model", file}, 2, "--prompt: expected a text, got none");
    // The last token of a prompt of `gradients` is only a target.
    const std::string longest = name == std::string("gradients") ? "abcdeabcd" : "abcdeabc";
    CHECK(run_vitro({name, "--model", file, "--prompt", longest}).code == 0);
    check_refused({name, "--model", file, "--prompt", longest + "a"}, 1,
                  "--prompt: expected at most 8 tokens, the model's context, got 9");
    check_refused({name, "--model", file, "--prompt", "abx"}, 1, "x");
    check_refused({name, "--model", file, "--prompt", "ab", "--context", "2"}, 2, "excludes");
    check_refused({name, "--model", directory / "none", "--prompt", "ab"}, 1, "none");
  }
  output_of({"activations", "--model", file, "--prompt", "a"});
  check_refused({"gradients", "--model", file, "--prompt", "a"}, 1,
                "--prompt: expected at least 2 tokens, got 1: \"a\"");
}

TEST_CASE("look: the tutorial about hooks shows what the program prints") {
  const std::string page = read_file(source_path("docs/tutorials/hooks.md"));
  for (const Words& words : {Words{"activations", "--prompt", "The little", "--activation", "relu"},
                             Words{"gradients", "--prompt", "The little", "--module", "hidden"}}) {
    std::istringstream lines(output_of(words));
    for (std::string line; std::getline(lines, line);) {
      // The last digits may depend on the processor: compare path and shape.
      if (const size_t end = line.find(')'); line.starts_with("  ") && end != line.npos)
        line.resize(end + 1);
      INFO(line);
      CHECK_THAT(page, Contains(line));
    }
  }
}
