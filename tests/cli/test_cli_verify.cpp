// Tests that vitro verify accepts a correct model, finds a changed module, and shows oneDNN's part.
#include <catch2/catch.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

const Words kSmall = {"verify", "--n-embd", "8", "--n-hidden", "16", "--threads", "1"};

}  // namespace

TEST_CASE("cli verify: every output and gradient agrees, and oneDNN computed them") {
  const Finished run = run_vitro({"verify", "--json"});
  CHECK(run.code == 0);
  CHECK(run.err.empty());
  const json result = json::parse(run.out);
  CHECK(result["agrees"] == true);
  CHECK(result["planted"].is_null());
  CHECK(result["first_fault"].is_null());
  CHECK(result["dtype"] == "float32");
  CHECK(result["loss"].get<double>() == Approx(result["loss_by_hand"].get<double>()).epsilon(1e-6));

  std::vector<std::string> modules;
  for (const json& module : result["modules"]) {
    modules.push_back(module["module"]);
    CHECK(module["agrees"] == true);
    CHECK(module["replayed"] == false);
    CHECK(module["forward"]["share_of_bound"] < 1);
    CHECK(module["accumulated_error"] < 1e-5);
  }
  CHECK(modules == Words{"", "embed", "hidden", "head", "loss"});
  const json& hidden = result["modules"][2];
  CHECK(hidden["formula"] == "y = x W^T + b");
  CHECK(hidden["input_shape"] == json({6, 64, 64}));
  CHECK(hidden["output_shape"] == json({6, 64, 256}));
  for (const char* pass : {"forward", "backward"}) {
    CHECK(hidden[pass]["max_absolute_error"] > 0);  // 0 would mean that nothing was compared
    CHECK(hidden[pass]["max_absolute_error"] < 1e-5);
    const json& worst = hidden[pass]["worst"];
    CHECK(worst["model"].get<double>() == Approx(worst["by_hand"].get<double>()).margin(1e-5));
  }
  std::vector<std::string> tensors;
  for (const json& gradient : result["gradients"]) {
    tensors.push_back(gradient["tensor"]);
    CHECK(gradient["agrees"] == true);
    CHECK(gradient["share_of_bound"] > 0);
    CHECK(gradient["share_of_bound"] < 1);
    CHECK(gradient["accumulated_error"] > 0);
  }
  CHECK(tensors ==
        Words{"embed.weight", "hidden.weight", "hidden.bias", "head.weight", "head.bias"});
  CHECK(result["finite_differences"].size() >= 8);
  for (const json& one : result["finite_differences"]) {
    CHECK(one["agrees"] == true);
    CHECK(one["finite_difference"].get<double>() ==
          Approx(one["gradient_by_hand"].get<double>()).epsilon(1e-3));
  }
  REQUIRE(result["onednn"]["primitives"].size() >= 4);
  CHECK(result["onednn"]["misses"] == result["onednn"]["primitives"].size());
  CHECK(result["onednn"]["bytes"] > 0);
  for (const json& primitive : result["onednn"]["primitives"]) {
    CHECK(primitive["runs"] >= 1);
    CHECK_THAT(primitive["name"].get<std::string>(), Contains("matmul float32"));
    CHECK_THAT(primitive["implementation"].get<std::string>(), !Contains("ref"));
  }
}

TEST_CASE("cli verify: every activation, context and tokenizer") {
  for (const char* activation : {"none", "relu", "tanh", "sigmoid", "gelu", "gelu_tanh", "silu"}) {
    const Finished run = run_vitro(with(kSmall, {"--activation", activation, "--seed", "3"}));
    INFO(activation << run.out << run.err);
    CHECK(run.code == 0);
  }
  for (const Words& more : {Words{"--context", "3"}, Words{"--tokenizer", "word"}}) {
    const Finished run = run_vitro(with(kSmall, more));
    INFO(more[0] << run.out << run.err);
    CHECK(run.code == 0);
  }
  TemporaryDirectory directory;
  const std::string tiny = directory.write("tiny.txt", "ab"), same = directory.write("same", "aa");
  CHECK(run_vitro(with(kSmall, {"--text", tiny})).code == 0);
  CHECK(run_vitro(with(kSmall, {"--text", same})).code == 0);  // one token: every gradient is 0
}

TEST_CASE("cli verify: a planted fault is found where it is, and the exit code is 1") {
  const struct {
    Words perturb;
    std::string guilty;
    bool backward;
  } cases[] = {{{"--perturb"}, "head", false},
               {{"--perturb", "hidden"}, "hidden", false},
               {{"--perturb", "hidden:forward"}, "hidden", false},
               {{"--perturb", "embed"}, "embed", false},
               {{"--perturb", "hook_post"}, "hook_post", false},
               {{"--perturb", "hidden:backward"}, "hidden", true},
               {{"--perturb", "embed:backward"}, "embed", true}};
  for (const auto& [perturb, guilty, backward] : cases) {
    const Finished run = run_vitro(with(kSmall, perturb));
    CAPTURE(run.out, run.err);
    CHECK(run.code == 1);
    CHECK_THAT(run.err,
               StartsWith("vitro: verify: " + guilty + ": " + (backward ? "dL/d" : "output[")));
    CHECK_THAT(run.out, Contains("DISAGREES") && Contains("multiplied by 1.001") &&
                            Contains("verify finds it there") &&
                            Contains("First fault: " + guilty + ", "));
    const json result = json::parse(run_vitro(with(with(kSmall, perturb), {"--json"})).out);
    CHECK(result["agrees"] == false);
    CHECK(result["planted"]["module"] == guilty);
    CHECK(result["planted"]["backward"] == backward);
    CHECK(result["first_fault"]["module"] == guilty);
    for (const json& module : result["modules"])
      if (!backward) CHECK(module["agrees"] == (module["module"] != guilty));
  }
  // For long sums, the bound of a single number is wider than the change.
  CHECK(run_vitro({"verify", "--n-embd", "8192", "--n-hidden", "2", "--perturb", "hidden"}).code ==
        1);
}

TEST_CASE("cli verify: --cell shows one number, --detail every module") {
  for (const char* cell : {"hidden[0,3,5]", "hidden[ 5, 63 ,15 ]", "head[2, 0, 0]", "embed[0,1,2]",
                           "probability[0,1,2]", "loss[1,2]", "hook_post[0,0,3]"}) {
    const Words ask = with(kSmall, {"--cell", cell});
    const Finished run = run_vitro(ask);
    CAPTURE(run.out, run.err);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Contains("from the digits shown") && Contains("by hand, with all digits"));
    const json found = json::parse(run_vitro(with(ask, {"--json"})).out)["cell"];
    const std::string name = cell;
    if (name.starts_with("loss") || name.starts_with("prob")) CHECK(found["model"].is_null());
    else CHECK(found["by_hand"].get<double>() == Approx(found["model"].get<double>()).margin(1e-5));
  }
  const std::string out = run_vitro(kSmall).out;
  CHECK_THAT(out, Contains("4. One number in full"));  // without --cell, a telling one
  CHECK_THAT(out, !Contains("within its module"));
  CHECK_THAT(run_vitro(with(kSmall, {"--detail"})).out, Contains("within its module"));
}

TEST_CASE("cli verify: the model reads the text of --prompt") {
  const Finished run = run_vitro(with(kSmall, {"--prompt", "The little"}));
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Contains("It reads 1 window of 9 tokens"));
  check_refused({"verify", "--prompt", "T"}, 1,
                "--prompt: expected at least 2 tokens, got 1: \"T\"");
  check_refused({"verify", "--prompt", "\u65e5\u672c"}, 1, "");
}

TEST_CASE("cli verify: a perturbed model shows a number only with --cell") {
  const Words spoiled = with(kSmall, {"--perturb", "hidden"});
  const std::string out = run_vitro(spoiled).out;
  CHECK_THAT(out, !Contains("4. One number"));
  CHECK(out.find("verify finds it there") < out.find("1. Forward"));
  CHECK_THAT(run_vitro(with(spoiled, {"--cell", "hidden[0,1,2]"})).out,
             Contains("4. One number in full: hidden[0,1,2]"));
}

TEST_CASE("cli verify: trained GPTs, in float32 and float64, and a GPT in bfloat16") {
  TemporaryDirectory directory;
  const std::string text = directory.write("text", "the cat sat on the mat, the dog sat on it. ");
  const Words tiny = {"--n-layer",    "2", "--n-head",    "2", "--n-embd",        "16",
                      "--block-size", "8", "--max-iters", "3", "--sample-tokens", "0",
                      "--batch-size", "2"},
              llama = {"--norm", "rmsnorm",     "--position", "rotary",   "--mlp",
                       "swiglu", "--n-kv-head", "1",          "--no-bias"};
  const struct {
    std::string name;
    Words options;
  } table[] = {
      {"gpt2", {}}, {"llama", llama}, {"llama_float64", with(llama, {"--dtype", "float64"})}};
  for (const auto& [name, options] : table) {
    const std::string model = directory / name;
    output_of(with(with({"train", text, "--out-dir", model}, tiny), options));
    const Words verify = {"verify", "--model", model, "--prompt", "the cat"};
    const json clean = json::parse(output_of(with(verify, {"--json"})));
    INFO(name);
    CHECK(clean["agrees"] == true);
    CHECK(clean["dtype"] == (name.ends_with("64") ? "float64" : "float32"));
    for (const std::string path : {"h.0.ln_1", "h.1.attn", "h.1.mlp:backward", "wte:backward"}) {
      const Finished run = run_vitro(with(verify, {"--perturb", path}));
      CHECK(run.code == 1);
      CHECK_THAT(run.err, StartsWith("vitro: verify: " + path.substr(0, path.find(':')) + ": "));
    }
    check_refused({"verify", "--model", model, "--prompt", "the cat sat on it"}, 1,
                  "--prompt: expected at most 8 tokens, the model's context, got 16");
  }
  check_refused({"verify", "--model", directory / "gpt2", "--perturb", "h.1.atn"}, 2,
                "did you mean h.1.attn?");

  manual_seed(2);
  models::GPT half({.block_size = 8, .vocab_size = 40, .n_layer = 2, .n_head = 2, .n_embd = 16});
  half.to(kBFloat16);
  const std::string model = directory / "half";
  half.save_pretrained(model);
  const json clean = json::parse(output_of({"verify", "--model", model, "--json"}));
  CHECK(clean["dtype"] == "bfloat16");
  CHECK(clean["agrees"] == true);
  const Finished run = run_vitro({"verify", "--model", model, "--perturb", "h.1.attn.c_proj"});
  CHECK_THAT(run.err, StartsWith("vitro: verify: h.1.attn.c_proj: output["));
  CHECK_THAT(run.out, Contains("multiplied by 1.03") && Contains("random tokens"));
}

TEST_CASE("cli verify: SIGINT stops the proof without a report") {
  TemporaryDirectory directory;
  const std::string out = directory / "out";
  Running run({"verify", "--text", "-"}, out);
  run.say(std::string(300'000, 'a') + "b");  // returns when the program reads, so it listens
  run.send(SIGINT);
  CHECK(run.wait() == 128 + SIGINT);
  CHECK(read_file(out).empty());
}
