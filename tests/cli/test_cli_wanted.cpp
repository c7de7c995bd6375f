// Tests generation_config.json and vitro graph with a directory in Hugging Face's format.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// A directory with a GPT that has random weights and byte pairs.  wants() writes its
// generation_config.json.
struct Directory {
  TemporaryDirectory folder;
  std::string path = folder / "gpt2";
  Directory() {
    const auto tokenizer = text::BpeTokenizer::train("the cat sat on the mat", 260);
    manual_seed(3);
    models::GPT model(
        {.block_size = 16, .vocab_size = 260, .n_layer = 2, .n_head = 2, .n_embd = 8});
    NoGradGuard unrecorded;
    for (auto& [name, p] : model.named_parameters()) p.add_(randn(p.shape()) * 0.5);
    model.save_pretrained(path, &tokenizer);
  }
  void wants(const json& config) const {
    write_file(path + "/generation_config.json", config.dump());
  }
  json made(const Words& more = {}) const {
    return json_of(
        with({"generate", "--model", path, "--prompt", "the", "--json", "--seed", "5"}, more));
  }
};

}  // namespace

TEST_CASE("generate: generation_config.json decides the options that were not given") {
  const Directory model;
  const json plain = model.made({"--max-new-tokens", "6"});
  const auto prompt = plain["prompt_tokens"].get<size_t>();
  REQUIRE(plain["ids"].size() == prompt + 6);
  const int64_t first = plain["ids"][prompt], third = plain["ids"][prompt + 2];

  model.wants({{"max_new_tokens", 6}});
  CHECK(model.made()["ids"] == plain["ids"]);
  CHECK(model.made({"--max-new-tokens", "2"})["ids"].size() == prompt + 2);
  for (const json& ends : {json(first), json({first}), json({259, first}), json({first, 100000})}) {
    model.wants({{"max_new_tokens", 6}, {"eos_token_id", ends}});
    CHECK(model.made()["ids"].size() == prompt + 1);
  }
  model.wants({{"max_new_tokens", 6}, {"eos_token_id", {third, 259}}});
  CHECK(model.made()["ids"].size() <= prompt + 3);

  // An option that turns on random choice wins over a greedy generation_config.json.
  model.wants({{"max_new_tokens", 6}, {"temperature", 0}});
  CHECK(model.made()["ids"] == plain["ids"]);
  CHECK(model.made({"--top-k", "40"})["ids"] ==
        model.made({"--top-k", "40", "--temperature", "1"})["ids"]);

  // The same values in generation_config.json and in options draw the same tokens.  If both give a
  // value, the option wins.
  const Words drawn = {
      "--temperature",        "1.5", "--top-k", "20", "--top-p", "0.9", "--max-new-tokens", "9",
      "--repetition-penalty", "1.3"};
  model.wants({{"eos_token_id", 259}});
  const json expected = model.made(drawn);
  model.wants({{"do_sample", true},
               {"temperature", 1.5},
               {"top_k", 20},
               {"top_p", 0.9},
               {"max_new_tokens", 9},
               {"repetition_penalty", 1.3},
               {"eos_token_id", 259}});
  CHECK(model.made()["ids"] == expected["ids"]);
  CHECK(model.made()["options"] == expected["options"]);
  model.wants({{"do_sample", true},
               {"temperature", 9},
               {"top_k", 1},
               {"top_p", 0.1},
               {"max_new_tokens", 3},
               {"repetition_penalty", 3},
               {"eos_token_id", 259}});
  CHECK(model.made(drawn)["ids"] == expected["ids"]);
  CHECK(model.made({"--temperature", "0", "--max-new-tokens", "6", "--repetition-penalty",
                    "1"})["ids"] == plain["ids"]);
  CHECK_THAT(run_vitro({"generate", "--model", model.path, "--prompt", "the"}).out,
             Contains("Its generation_config.json says that tokens are drawn at random"));
  CHECK(run_vitro({"generate", "--model", model.path, "--prompt", "the", "--num-samples", "2"})
            .code == 0);

  model.wants({{"num_beams", 4}});
  check_refused({"generate", "--model", model.path, "--prompt", "the"}, 1,
                "generation_config.json: expected 1 for num_beams, got 4");
  CHECK(run_vitro({"summary", "--model", model.path}).code == 0);
}

TEST_CASE("generate: a temperature of 0 is greedy") {
  const Directory model;
  for (const Words& source : {Words{"--model", model.path}, Words{"--n-hidden", "8"}}) {
    const Words base =
        with({"generate", "--prompt", "the", "--max-new-tokens", "8", "--quiet"}, source);
    const std::string greedy = output_of(base);
    for (const Words& zero : {Words{"--temperature", "0"}, Words{"--temperature=0.0"},
                              Words{"--temperature", "0", "--top-k", "3"}})
      CHECK(output_of(with(base, zero)) == greedy);
    CHECK_THAT(output_of(with(base, {"--temperature", "0", "--explain"})),
               Contains("the likeliest (greedy"));
    check_refused(with(base, {"--temperature", "0", "--num-samples", "2"}), 2, "--num-samples");
  }
}

TEST_CASE("graph: a saved model is drawn with its modules and the ids of the prompt") {
  const Directory model;
  const auto tokenizer = text::BpeTokenizer::load(model.path);
  std::string ids;
  for (const int64_t id : tokenizer.encode("the cat"))
    ids += (ids.empty() ? "" : " ") + std::to_string(id);
  const std::string dot = output_of({"graph", "--model", model.path, "--prompt", "the cat"});
  for (const char* part : {"digraph", "\\nh.1.attn", "\\nh.0.mlp", "wte.weight", "ln_f", "lm_head",
                           "label=\"\\\"the\\\" "})
    CHECK_THAT(dot, Contains(part));
  CHECK_THAT(dot, Contains("[label=\"" + ids + "\\nint64"));
  check_refused({"graph", "--model", model.path, "--prompt", std::string(200, 'x')}, 1,
                "--prompt: expected at most 16 tokens, the model's context, got ");
  check_refused({"graph", "--model", model.path, "--prompt", "a", "--context", "2"}, 2, "excludes");
  const std::string mini =
      output_of({"graph", "--prompt", "The", "--n-embd", "2", "--n-hidden", "2"});
  CHECK_THAT(mini, Contains("embed.weight") && Contains("\\nhead"));
}

TEST_CASE("demo: a shell splits the printed commands into the same words") {
  const TemporaryDirectory directory;
  const std::string demo = read_file(source_path("scripts/demo"));
  const size_t begin = demo.find("quoted() {"), end = demo.find("\n}\n", begin);
  REQUIRE(end != demo.npos);
  const std::string script = directory.write(
      "script",
      demo.substr(begin, end + 3 - begin) +
          "words=(\"The little\" \"it's\" 'hidden[0,3,5]' '' '$a `b` \"c\"' plain/file.x '*')\n"
          "eval \"again=($(quoted \"${words[@]}\"))\"\n"
          "[ ${#again[@]} = 7 ] || exit 1\n"
          "for i in 0 1 2 3 4 5 6; do [ \"${again[i]}\" = \"${words[i]}\" ] || exit 1; done\n");
  CHECK(std::system(("bash " + script).c_str()) == 0);
}
