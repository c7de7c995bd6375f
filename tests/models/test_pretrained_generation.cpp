// Tests the options of generation in Hugging Face's files, and the forms of config.json.
#include <algorithm>
#include <catch2/catch.hpp>

#include "models/layers/activation_cache.h"
#include "tests/models/gpt2_files.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using models::GenerateOptions;

namespace {

// The model's config.json after a JSON merge patch, in which null removes a field.
OrderedJson patched(const GPT& model, const std::string& patch) {
  OrderedJson json = config_json_of(model);
  json.merge_patch(OrderedJson::parse(patch));
  return json;
}

}  // namespace

TEST_CASE("pretrained: generation options are in generation_config.json, or else in config.json") {
  GPT model = tiny_gpt2();
  using Ids = std::vector<int64_t>;
  const struct {
    const char *config, *generation;  // a patch; a file, or null for none
    GenerateOptions wanted;
  } table[] = {
      {"{}", "", {}},
      {R"({"eos_token_id":7})", "", {.eos_token_id = 7}},
      {R"({"eos_token_id":[7,9]})", "", {.eos_token_id = {7, 9}}},
      {R"({"eos_token_id":null})", "{}", {}},
      {R"({"eos_token_id":7})", R"({"eos_token_id":[3,4]})", {.eos_token_id = {3, 4}}},
      {R"({"eos_token_id":[7,8]})", R"({"eos_token_id":null})", {.eos_token_id = {7, 8}}},
      {R"({"temperature":0.5,"do_sample":true,"top_k":0})",
       "",
       {.temperature = 0.5, .do_sample = true}},
      {R"({"temperature":0.5})",
       R"({"do_sample":true,"top_k":3})",
       {.top_k = 3, .do_sample = true}},
      {"{}", R"({"do_sample":true})", {.top_k = 50, .do_sample = true}},  // transformers' default
      {"{}",
       R"({"temperature":0.7,"top_p":0.9,"repetition_penalty":1.2,"max_new_tokens":5})",
       {.max_new_tokens = 5, .temperature = 0.7, .top_p = 0.9, .repetition_penalty = 1.2}},
      {"{}",
       R"({"top_p":1.0,"num_beams":1,"typical_p":1.0,"bad_words_ids":null,"max_length":20,
                "suppress_tokens":[],"_from_model_config":true,"transformers_version":"4.50.0"})",
       {.top_p = 1}},
      {"{}",
       R"({"max_length":50,"max_new_tokens":9,"stop_strings":["a","b"]})",
       {.max_new_tokens = 9, .stop_strings = {"a", "b"}}},
      {R"({"max_length":20,"num_beams":1,"no_repeat_ngram_size":0})", "", {}},
  };
  for (const auto& [config, generation, wanted] : table) {
    INFO(config << ' ' << generation);
    const Files files(patched(model, config), weights_of(model));
    if (*generation) files.write("generation_config.json", generation);
    GPT loaded = GPT::from_pretrained(files.path);
    // A checkpoint keeps the options, and saved files have the same bytes.
    const std::string checkpoint = files.directory / "checkpoint.safetensors",
                      again = files.directory / "again";
    GPT kept = tiny_gpt2();
    kept.take_metadata(loaded.metadata());
    for (const GPT* one : {&loaded, &kept}) {
      const GenerateOptions o = one->generate_options();
      CHECK(o.eos_token_id.ids() == wanted.eos_token_id.ids());
      CHECK(o.temperature == wanted.temperature);
      CHECK(o.top_k == wanted.top_k);
      CHECK(o.top_p == wanted.top_p);
      CHECK(o.repetition_penalty == wanted.repetition_penalty);
      CHECK(o.max_new_tokens == wanted.max_new_tokens);
      CHECK(o.do_sample == wanted.do_sample);
      CHECK(o.stop_strings == wanted.stop_strings);
      const Ids ids = wanted.eos_token_id.ids();
      CHECK(one->eos_token_id() == (ids.empty() ? std::nullopt : std::optional(ids[0])));
    }
    loaded.save_pretrained(again);
    CHECK(read_file(again + "/config.json") == files.read("config.json"));
    CHECK(std::filesystem::exists(again + "/generation_config.json") == (*generation != 0));
    if (*generation) CHECK(read_file(again + "/generation_config.json") == generation);
  }
}

TEST_CASE("pretrained: other generation methods are refused by name when options are read") {
  GPT model = tiny_gpt2();
  const struct {
    const char *generation, *reason;
  } table[] = {
      {R"({"num_beams":4})", "expected 1 for num_beams, got 4"},
      {R"({"no_repeat_ngram_size":3})", "expected 0 for no_repeat_ngram_size, got 3"},
      {R"({"min_new_tokens":3})", "expected 0 for min_new_tokens, got 3"},
      {R"({"typical_p":0.5})", "expected 1 for typical_p, got 0.5"},
      {R"({"min_p":0.1})", "expected 0 for min_p, got 0.1"},
      {R"({"bad_words_ids":[[1]]})",
       "expected no field bad_words_ids, which vitro does not support, got one"},
      {R"({"suppress_tokens":[1]})", "expected no field suppress_tokens"},
      {R"({"forced_eos_token_id":1})", "expected no field forced_eos_token_id"},
      {R"({"max_length":50})", "expected no max_length, got one; use max_new_tokens"},
      {R"({"polish":1})", "got a field \"polish\" that vitro does not know"},
      {R"({"temperature":-1})", "for temperature, got -1"},
      {R"({"temperature":"hot"})", "for temperature, got \"hot\""},
      {R"({"top_k":-1})", "expected top_k from 0 to 2^40"},
      {R"({"top_p":1.5})", "for top_p, got 1.5"},
      {R"({"repetition_penalty":0})", "for repetition_penalty, got 0"},
      {R"({"do_sample":"yes"})", "expected true or false for do_sample"},
      {R"({"eos_token_id":"x"})", "a list of ids, for eos_token_id, got \"x\""},
      {R"({"eos_token_id":[1,[2]]})", "expected a token's id, or a list of ids"},
      {R"({"eos_token_id":18446744073709551615})", "expected a token's id, or a list of ids"},
      {R"({"eos_token_id":1.5})", "expected a token's id, or a list of ids"},
      {R"({"stop_strings":[""]})", "expected a text, or a list of texts, for stop_strings"},
      {R"({"top_k":1,"top_k":2})", "expected each field once"},
      {"[]", "expected a JSON object"},
      {"", "expected a JSON object"},
  };
  for (const auto& [generation, reason] : table) {
    INFO(generation);
    const Files files(model);
    files.write("generation_config.json", *generation ? generation : " ");
    GPT loaded = GPT::from_pretrained(files.path);  // loads, because only generation fails
    CHECK_THROWS_WITH(loaded.generate_options(),
                      Contains("generation_config.json: ") && Contains(reason));
  }
  const Files files(patched(model, R"({"num_beams":2})"), weights_of(model));
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path).generate_options(),
                    Contains("config.json: expected 1 for num_beams, got 2"));
}

TEST_CASE("pretrained: each activation_function of GPT-2 gives the right form of gelu") {
  GPT model = tiny_gpt2();
  const Tensor ids = tensor({{3, 1, 4, 1, 5, 9}}, kInt64);
  const struct {
    const char* name;
    GeluForm form;
  } table[] = {{"gelu_new", GeluForm::kTanh},
               {"gelu_pytorch_tanh", GeluForm::kTanh},
               {"gelu_fast", GeluForm::kTanh},
               {"gelu", GeluForm::kErf}};
  for (const auto& [name, form] : table) {
    INFO(name);
    OrderedJson json = config_json_of(model);
    json["activation_function"] = name;
    const Files files(json, weights_of(model));
    GPT loaded = GPT::from_pretrained(files.path);
    NoGradGuard unrecorded;
    const Tensor plain = loaded(ids);
    const auto seen = nn::run_with_cache(loaded, ids);
    for (const std::string block : {"blocks.0.mlp.", "blocks.1.mlp."})
      CHECK(max_difference(seen[block + "hook_post"], gelu(seen[block + "hook_pre"], form)) < 1e-6);
    CHECK(max_difference(plain, loaded(ids)) < 1e-6);
    // A clone computes the same logits, and the saved config.json is the same.
    CHECK(same_bits((*models::clone(loaded))(ids), plain));
    loaded.save_pretrained(files.directory / "again");
    CHECK(read_file(files.directory / "again/config.json") == files.read("config.json"));
  }
  // A model that was not loaded is saved with its own form of gelu.
  GPTConfig config = kTinyGPT2;
  config.mlp = models::MLPKind::kGeluErf;
  GPT own = tiny_gpt2(config);
  const TemporaryDirectory directory;
  own.save_pretrained(directory / "own");
  CHECK(GPT::from_pretrained(directory / "own").config == config);
  CHECK(max_difference(logits_of(own), logits_of(model)) > 1e-5);
}

TEST_CASE("pretrained: without n_positions, n_ctx or the rows of wpe give the context") {
  GPT model = tiny_gpt2();
  for (const char* patch : {R"({"n_positions":null})", R"({"n_positions":null,"n_ctx":null})",
                            R"({"n_positions":null,"n_ctx":null,"max_position_embeddings":8})"}) {
    INFO(patch);
    const Files files(patched(model, patch), weights_of(model));
    GPT loaded = GPT::from_pretrained(files.path);
    CHECK(loaded.context() == 8);
    CHECK(same_bits(logits_of(loaded), logits_of(model)));
    loaded.save_pretrained(files.directory / "again");
    CHECK(read_file(files.directory / "again/config.json") == files.read("config.json"));
  }
  NamedTensors weights = weights_of(model);
  std::erase_if(weights, [](const auto& x) { return x.first == "transformer.wpe.weight"; });
  const Files files(patched(model, R"({"n_positions":null,"n_ctx":null})"), weights);
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path), Contains("missing: wpe.weight"));
}
