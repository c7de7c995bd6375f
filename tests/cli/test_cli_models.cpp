// Tests vitro summary and vitro export, and directories in Hugging Face's format.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

std::string trained(const TemporaryDirectory& directory, const Words& more) {
  const std::string text = directory.write("a.txt", "the cat sat on the mat. the dog sat too. "),
                    out = directory / "run";
  output_of(
      with({"train", text, "--out-dir", out, "--max-iters", "0", "--sample-tokens", "0"}, more));
  return out;
}

}  // namespace

TEST_CASE("summary: the numbers of GPT-2, without weights") {
  const json said =
      json::parse(output_of({"summary", "--preset", "gpt2", "--tokens", "64", "--json"}));
  CHECK(said["parameters"] == 124'439'808);
  CHECK(said["bytes"] == 4 * 124'439'808LL);
  CHECK(said["cache_bytes"] == 2 * 12 * 1024 * 768 * 4);
  // Products per layer: 12 C^2 per token, and T (T + 1) C for attention.  The head: T C V.
  CHECK(said["macs"] == 12 * (64 * 12 * 768 * 768LL + 64 * 65 * 768) + 64 * 768 * 50257LL);
  for (const json& module : said["modules"])
    if (module["name"] == "lm_head") CHECK(module["tied_to"] == "wte.weight");

  const json fewer =
      json::parse(output_of({"summary", "--preset", "gpt2", "--vocab-size", "1000", "--json"}));
  CHECK(fewer["parameters"] == 124'439'808 - (50257 - 1000) * 768);

  const std::string shown = output_of({"summary", "--preset", "gpt2"});
  CHECK_THAT(shown, StartsWith("GPT(12 layers") && Contains("124,439,808, float32: 474.7 MiB"));
  CHECK_THAT(shown, Contains("h.0: Block") && Contains("h.1 to 11: each as h.0"));
  CHECK_THAT(shown, Contains("c_attn: Linear(768 -> 2304)") && Contains("weight (2304, 768)"));
  CHECK_THAT(shown, !Contains("HookPoint") && !Contains("h.2"));
}

TEST_CASE("summary: the library counts the same MACs in a forward") {
  TemporaryDirectory directory;
  for (const Words& kind : {Words{"--n-layer", "2", "--n-head", "2", "--n-embd", "8",
                                  "--block-size", "8", "--n-kv-head", "1", "--mlp", "swiglu"},
                            Words{"--n-hidden", "8", "--context", "3", "--block-size", "8"}}) {
    TemporaryDirectory own;
    const std::string run = trained(own, kind);
    const json said =
        json::parse(output_of({"summary", "--model", run, "--tokens", "7", "--json"}));
    models::SavedModel saved = models::load_model(run);
    const std::string library = saved.model->summary(zeros({1, 7}, kInt64));
    INFO(library);
    std::string macs = library.substr(library.rfind("MACs ") + 5);
    std::erase(macs, ',');
    CHECK(said["macs"] == std::stoll(macs));
    CHECK(said["parameters"] == saved.model->parameter_count());
    // The GPT caches keys and values of 2 layers, for 1 head of size 4 and 8 tokens.  The MiniLM
    // has no cache.
    CHECK(said["cache_bytes"] == (kind[0] == "--n-layer" ? 2 * 2 * 4 * 8 * 4 : 0));
  }
}

TEST_CASE("summary: wrong arguments are refused") {
  const struct {
    Words arguments;
    int code;
    const char* says;
  } table[] = {
      {{"summary"}, 2, "expected --model or --preset, got none"},
      {{"summary", "--preset", "gpt2", "--model", "x"}, 2, "excludes"},
      {{"summary", "--preset", "gpt4"}, 2, "--preset: expected one of nano|gpt2"},
      {{"summary", "--model", "x", "--vocab-size", "9"}, 2, "--vocab-size: expected --preset too"},
      {{"summary", "--preset", "gpt2", "--tokens", "0"},
       2,
       "--tokens: expected a whole number from 1"},
      {{"summary", "--model", "/nowhere"}, 1, ": No such file or directory; nothing is downloaded"},
  };
  for (const auto& [arguments, code, says] : table) check_refused(arguments, code, says);
}

TEST_CASE("export: the exported directory of a run is read like any GPT-2") {
  TemporaryDirectory directory;
  const std::string run = trained(directory,
                                  {"--tokenizer", "bpe", "--vocab-size", "262", "--n-layer", "1",
                                   "--n-head", "2", "--n-embd", "8", "--block-size", "16"}),
                    out = directory / "exported";
  CHECK_THAT(output_of({"export", "--model", run, "--out", out}), Contains("model.safetensors"));
  const Words ask = {"--prompt", "the cat", "--max-new-tokens", "9", "--quiet"};
  const auto text_of = [&](const std::string& model) {
    return output_of(with({"generate", "--model", model}, ask));
  };
  CHECK(text_of(out) == text_of(run));
  CHECK_THAT(output_of({"summary", "--model", out}), StartsWith("GPT(1 layers"));
}

TEST_CASE("generate: a text ends with the end token") {
  TemporaryDirectory directory;
  const auto tokenizer = text::BpeTokenizer::train("the cat sat on the mat", 260);
  models::GPT model({.block_size = 8, .vocab_size = 260, .n_layer = 1, .n_head = 1, .n_embd = 2});
  // The head sees only ln_f's bias, for every prompt.
  for (auto& [name, p] : model.named_parameters()) p.detach().fill_(name == "ln_f.bias");
  model.wte.weight.detach()[259].fill_(1);
  model.save_pretrained(directory / "gpt2", &tokenizer);
  const std::string file = directory / "gpt2/config.json";
  json config = json::parse(read_file(file));
  // An id outside the tokenizer's vocabulary is ignored, and <|endoftext|> ends the text.
  for (const int64_t named : {259, 50256, 260, -1}) {
    INFO(named);
    config["eos_token_id"] = named;
    write_file(file, config.dump());
    const json made = json::parse(
        output_of({"generate", "--model", directory / "gpt2", "--prompt", "the", "--json"}));
    CHECK(made["text"] == "the");
    CHECK(made["ids"].size() == made["prompt_tokens"].get<size_t>() + 1);
  }
}

TEST_CASE("export: a model that GPT-2's format cannot hold is refused") {
  TemporaryDirectory one, two;
  const std::string mini = trained(one, {"--n-hidden", "8", "--block-size", "8"}),
                    llama = trained(two, {"--n-layer", "1", "--n-head", "2", "--n-embd", "8",
                                          "--block-size", "8", "--norm", "rmsnorm"});
  for (const auto& [model, part] :
       {std::pair{mini, "--model: expected a GPT, got MiniLM"}, {llama, "RMSNorm"}}) {
    check_refused({"export", "--model", model, "--out", one / "exported"}, 1, part);
  }
}

TEST_CASE("generate: a directory with a wrong config.json is refused in one line") {
  struct Fault {
    const char *find, *replace, *complaint;
  };
  TemporaryDirectory directory;
  const std::string run = trained(directory,
                                  {"--tokenizer", "bpe", "--vocab-size", "262", "--n-layer", "1",
                                   "--n-head", "2", "--n-embd", "8", "--block-size", "16"}),
                    out = directory / "exported";
  output_of({"export", "--model", run, "--out", out});
  const std::string config = read_file(out + "/config.json");
  for (const auto& [find, replace, complaint] :
       {Fault{"\"model_type\": \"gpt2\"", "\"model_type\": \"llama\"", "llama"},
        {"\"n_layer\": 1", "\"n_layer\": 2", "h.1.ln_1.weight"},
        {"\"n_embd\": 8", "\"n_embd\": 16", "h.0.attn.c_attn.weight"},
        {"\"vocab_size\": 262", "\"vocab_size\": 261", "262"},
        {"gelu_new", "relu", "relu"}}) {
    INFO(complaint);
    std::string changed = config;
    REQUIRE(changed.find(find) != std::string::npos);
    changed.replace(changed.find(find), std::string(find).size(), replace);
    write_file(out + "/config.json", changed);
    check_refused({"generate", "--model", out, "--prompt", "the"}, 1, complaint);
  }
}

namespace {

// A GPT with 264 tokens in Hugging Face's format.  Its tokenizer has `tokens` tokens; 0 means none.
std::string pretrained(const TemporaryDirectory& directory, int64_t tokens) {
  const std::string path = directory / "hf";
  manual_seed(1);
  models::GPT model({.block_size = 16, .vocab_size = 264, .n_layer = 1, .n_head = 2, .n_embd = 8});
  const auto tokenizer =
      text::BpeTokenizer::train("the cat sat on the mat, that cat", tokens ? tokens : 257);
  if (tokens) {  // the padding tokens are the likeliest for every prompt
    model.ln_f->parameters()[1].detach().fill_(1);
    model.wte.weight.detach().slice(0, tokens, 264).fill_(1);
  }
  model.save_pretrained(path, tokens ? &tokenizer : nullptr);
  return path;
}

}  // namespace

TEST_CASE("models: a directory without a tokenizer is summarised, exported and verified") {
  TemporaryDirectory directory;
  const std::string hf = pretrained(directory, 0), out = directory / "out";
  CHECK_THAT(output_of({"summary", "--model", hf}), StartsWith("GPT(1 layers"));
  CHECK_THAT(output_of({"export", "--model", hf, "--out", out}), Contains("has none"));
  CHECK(read_file(hf + "/model.safetensors") == read_file(out + "/model.safetensors"));
  CHECK_THAT(output_of({"verify", "--model", hf}), Contains("random tokens"));
  check_refused({"verify", "--model", hf, "--text", hf + "/config.json"}, 1, "has none");
  check_refused(
      {"generate", "--model", hf, "--prompt", "the"}, 1,
      hf + ": expected a model with its tokenizer, got one without; put tokenizer.json, or "
           "vocab.json and merges.txt, into the directory");
}

TEST_CASE("models: a model with more tokens than its tokenizer works, with one line of warning") {
  TemporaryDirectory directory;
  const std::string hf = pretrained(directory, 260), out = directory / "out";
  for (const Words& arguments :
       {Words{"summary", "--model", hf}, Words{"export", "--model", hf, "--out", out},
        Words{"generate", "--model", hf, "--prompt", "the", "--quiet", "--temperature", "1",
              "--max-new-tokens", "9", "--explain"}}) {
    const Finished run = run_vitro(arguments);
    CHECK(run.code == 0);
    CHECK_THAT(run.err, EndsWith("the model has 264 tokens and its tokenizer only 260; the model's "
                                 "other tokens are not used\n"));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
  CHECK(read_file(hf + "/model.safetensors") == read_file(out + "/model.safetensors"));
}

TEST_CASE("models: a second model is not saved into a directory that has one") {
  TemporaryDirectory directory;
  const std::string run = trained(directory, {"--n-layer", "1", "--n-head", "2", "--n-embd", "8",
                                              "--block-size", "8"}),
                    checkpoint = run + "/step-00000000.safetensors";
  check_refused({"export", "--model", run, "--out", run}, 1, "has step-*.safetensors");
  CHECK(!std::filesystem::exists(run + "/config.json"));
  write_file(run + "/config.json", "{}");
  check_refused({"eval", "--model", run}, 1, ": expected one model, got a run's ");
  output_of({"eval", "--model", checkpoint});
}

TEST_CASE("models: for a path without a model, the error says what was expected") {
  TemporaryDirectory directory;
  const std::string hf = pretrained(directory, 257), empty = directory / "empty";
  std::filesystem::create_directory(empty);
  const std::string expected =
                        ": expected a run, a checkpoint or a directory with config.json, got ",
                    part = ": expected a checkpoint or a directory with config.json, got one file ";
  for (const auto& [path, says] :
       {std::pair{directory / "none", directory / "none" + expected + "none: No such file"},
        {empty, empty + expected + "a directory with neither step-*.safetensors nor config.json"},
        {hf + "/model.safetensors", "vitro: " + hf + "/model.safetensors" + part},
        {hf + "/config.json", "vitro: " + hf + "/config.json" + part}})
    check_refused({"generate", "--model", path, "--prompt", "the"}, 1, says);
}

TEST_CASE("models: the list of missing tensors is short") {
  TemporaryDirectory directory;
  const std::string hf = pretrained(directory, 257);
  const std::string config = read_file(hf + "/config.json");
  const auto complaint = [&](const std::string& what, const std::string& by) {
    std::string changed = config;
    changed.replace(changed.find(what), what.size(), by);
    write_file(hf + "/config.json", changed);
    return run_vitro({"summary", "--model", hf}).err;
  };
  const std::string missing = complaint("\"n_layer\": 1", "\"n_layer\": 3");
  CHECK_THAT(missing, Contains("; missing: h.1.ln_1.weight; missing: h.1.ln_1.bias; ") &&
                          EndsWith("; missing: h.1.ln_2.bias; and 5 more\n"));
  CHECK_THAT(missing, !Contains("\\n") && !Contains("mlp"));

  // The error itself lists only some and counts the rest; the program adds both counts.
  models::GPT deep({.block_size = 16, .vocab_size = 264, .n_layer = 6, .n_head = 2, .n_embd = 8});
  deep.save_pretrained(hf);
  CHECK_THAT(complaint("\"n_layer\": 1", "\"n_layer\": 1"), EndsWith("; and 52 more\n"));
}
