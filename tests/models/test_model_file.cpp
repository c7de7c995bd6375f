// Tests configurations as JSON, and models that are made or loaded from them.
#include <catch2/catch.hpp>

#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using models::GPTConfig;

namespace {

GPTConfig uncommon_llama() {
  return {.block_size = 9,
          .vocab_size = 11,
          .n_layer = 2,
          .n_head = 4,
          .n_embd = 16,
          .dropout = 0.25,
          .bias = false,
          .n_kv_head = 2,
          .n_inner = 24,
          .norm = models::NormKind::kRMSNorm,
          .position = models::PositionKind::kRotary,
          .mlp = models::MLPKind::kSwiGLU,
          .tied_head = false,
          .norm_eps = 1e-6,
          .rope_base = 500000};
}

constexpr GPTConfig kTiny{.block_size = 8, .vocab_size = 6, .n_layer = 2, .n_head = 2, .n_embd = 4};

}  // namespace

TEST_CASE("model file: a GPT's configuration survives JSON") {
  for (const GPTConfig& config : {GPTConfig{}, uncommon_llama()}) {
    const std::string json = models::to_json(config);
    CHECK(models::gpt_config(json) == config);
    CHECK(models::to_json(models::gpt_config(json)) == json);
  }
  CHECK(models::to_json(kTiny) ==
        R"({"model_type":"gpt","block_size":8,"vocab_size":6,"n_layer":2,"n_head":2,"n_embd":4,)"
        R"("dropout":0.0,"bias":true,"n_kv_head":0,"n_inner":0,"norm":"layer_norm",)"
        R"("position":"learned","mlp":"gelu","tied_head":true,"norm_eps":1e-05,)"
        R"("rope_base":10000.0})");
}

TEST_CASE("model file: an invalid configuration of a GPT is refused by name") {
  const std::string json = models::to_json(uncommon_llama());
  struct Case {
    const char *what, *by, *reason;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"{", "[{", "config: expected a JSON object, got a"},
           {"}", "}]", "config: expected a JSON object, got a"},
           {"}", "", "config: expected a JSON object, got a"},
           {"{", "{\"a\":1,\"a\":2,", "config: expected each field once, got \"a\" twice"},
           {"{", "{\"a\":1,", "config: got a field \"a\" that vitro does not know"},
           {"\"gpt\"", "\"mini\"", "config: expected model_type gpt, got mini"},
           {"\"n_layer\":2,", "", "config: expected a field n_layer, got none"},
           {"\"n_layer\":2", "\"n_layer\":0", "config: expected n_layer from 1 to 2^40, got 0"},
           {"\"n_layer\":2", "\"n_layer\":-1", "config: expected n_layer from 1 to 2^40, got -1"},
           {"\"n_layer\":2", "\"n_layer\":1099511627777", "got 1099511627777"},
           {"\"n_layer\":2", "\"n_layer\":18446744073709551615", "got 18446744073709551615"},
           {"\"block_size\":9", "\"block_size\":16777217",
            "config: expected a block_size of at most 2^24, got 16777217"},
           {"\"n_layer\":2", "\"n_layer\":2.5", "expected a whole number for n_layer, got 2.5"},
           {"\"n_layer\":2", "\"n_layer\":\"2\"", "expected a whole number for n_layer, got \"2\""},
           {"\"n_layer\":2", "\"n_layer\":[2]",
            "expected a whole number for n_layer, got an array"},
           {"\"n_head\":4", "\"n_head\":3", "expected an n_head that divides n_embd (16), got 3"},
           {"\"n_kv_head\":2", "\"n_kv_head\":3",
            "expected an n_kv_head that divides n_head (4), got 3"},
           {"\"n_head\":4", "\"n_head\":16", "expected an even n_embd / n_head"},
           {"0.25", "1", "expected a number in [0, 1) for dropout, got 1"},
           {"0.25", "-0.1", "expected a number in [0, 1) for dropout, got -0.1"},
           {"{", "{\"attn_pdrop\":null,", "expected a number in [0, 1) for attn_pdrop, got null"},
           {"{", "{\"embd_pdrop\":1,", "expected a number in [0, 1) for embd_pdrop, got 1"},
           {"0.25", "null", "expected a number in [0, 1) for dropout, got null"},
           {"\"bias\":false", "\"bias\":0", "expected true or false for bias, got 0"},
           {"rms_norm", "norm", "expected one of layer_norm, rms_norm for norm, got norm"},
           {"rotary", "alibi", "expected one of learned, rotary for position, got alibi"},
           {"swiglu", "relu", "expected one of gelu, swiglu, gelu_erf for mlp, got relu"},
           {"\"swiglu\"", "1", "expected a text for mlp, got 1"}}) {
    INFO(c.what << " -> " << c.by);
    std::string changed = json;
    changed.replace(changed.find(c.what), std::string(c.what).size(), c.by);
    CHECK_THROWS_WITH(models::gpt_config(changed), Contains(c.reason));
    CHECK_THROWS_AS(models::gpt_config(changed), IoError);
  }
  CHECK_THROWS_WITH(models::gpt_config(std::string("{}\0", 3)), Contains("NUL"));
  CHECK_THROWS_WITH(
      models::gpt_config("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}"),
      Contains("at most 32 levels"));
  CHECK_THROWS_WITH(models::make_model(R"({"model_type":"rnn"})"),
                    Contains("config: expected model_type mini or gpt, got rnn"));
}

TEST_CASE("model file: the number of parameters is the model's") {
  GPTConfig untied = kTiny, plain = kTiny;
  untied.tied_head = false, plain.bias = false, plain.n_inner = 5;
  for (const GPTConfig& config : {kTiny, untied, plain, uncommon_llama()}) {
    models::GPT model(config, models::InitialValues::kNone);
    CHECK(models::parameter_count(config) == static_cast<double>(model.parameter_count()));
    CHECK(models::parameter_count(models::to_json(config)) == models::parameter_count(config));
  }
  CHECK(models::parameter_count(GPTConfig::preset("gpt2-xl")) == 1'557'611'200);
  const models::MiniLMConfig mini{.vocab_size = 7, .n_embd = 3, .n_hidden = 5, .context = 2};
  models::MiniLM model(mini);
  CHECK(models::parameter_count(models::to_json(mini)) ==
        static_cast<double>(model.parameter_count()));
}

TEST_CASE("model file: a GPT from a checkpoint equals the saved GPT, in its dtype") {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  const auto words = text::CharTokenizer::fit("abcdef");
  for (const DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    manual_seed(3);
    models::GPT model(kTiny);
    model.to(dtype);
    save_checkpoint(path, models::to_checkpoint(model, words));
    const models::SavedModel saved = models::load_model(path);
    CHECK(saved.model->context() == 8);
    CHECK(saved.tokenizer->vocab_size() == 6);
    CHECK(!saved.model->is_training());
    const NamedTensors before = model.state_dict(), after = saved.model->state_dict();
    REQUIRE(after.size() == before.size());
    for (size_t i = 0; i < before.size(); ++i) {
      CHECK(after[i].first == before[i].first);
      CHECK(same_bits(after[i].second, before[i].second));
    }
  }
}

TEST_CASE("model file: a configuration larger than the file's weights is refused first") {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  models::GPT model(kTiny);
  for (const auto change : {+[](GPTConfig& c) { c.n_layer = int64_t{1} << 40; },
                            +[](GPTConfig& c) { c.vocab_size = int64_t{1} << 40; },
                            +[](GPTConfig& c) { c.n_inner = int64_t{1} << 40; }}) {
    GPTConfig config = kTiny;
    change(config);
    Checkpoint all = models::to_checkpoint(model, text::CharTokenizer::fit("abcdef"));
    all.metadata["config"] = models::to_json(config);
    save_checkpoint(path, all);
    CHECK_THROWS_WITH(
        models::load_model(path),
        Contains("checkpoint: expected the weights that its configuration needs, got fewer: "));
  }
}

TEST_CASE("model file: more layers than tensors are refused, also if the layers are small") {
  const TemporaryDirectory directory;
  const std::string path = directory / "model.safetensors";
  GPTConfig config{.block_size = 1, .vocab_size = 6, .n_layer = 20'000, .n_head = 1, .n_embd = 1};
  Checkpoint all{{{"model.wte.weight", zeros({1 << 20})}},
                 {{"config", models::to_json(config)},
                  {"tokenizer", text::CharTokenizer::fit("abcdef").to_json()}}};
  CHECK(models::parameter_count(config) < 1 << 20);
  CHECK_THROWS_WITH(models::from_checkpoint(all),
                    Contains("checkpoint: expected the weights that its configuration needs"));
}

TEST_CASE("model file: a padded vocabulary is kept, and more padding than usual is refused") {
  manual_seed(3);
  const auto pairs = text::BpeTokenizer::train("a", 257);
  const auto loaded = [&](int64_t vocab_size, const text::Tokenizer& tokenizer) {
    models::GPT model(
        {.block_size = 8, .vocab_size = vocab_size, .n_layer = 1, .n_head = 1, .n_embd = 4});
    models::SavedModel saved = models::from_checkpoint(models::to_checkpoint(model, tokenizer));
    CHECK(saved.model->parameter_count() == model.parameter_count());
    return saved.model->vocab_size();
  };
  const int64_t own = pairs.vocab_size();
  CHECK(loaded(own + 128, pairs) == own + 128);
  CHECK(loaded(1152, pairs) == 1152);  // a multiple of 128
  for (int64_t size : {own + 129, own - 1, int64_t{1280 + 256}})
    CHECK_THROWS_WITH(loaded(size, pairs),
                      Contains("expected " + std::to_string(size) + " tokens, as the"));
  const auto characters = text::CharTokenizer::fit("ab");  // only byte-pair models are padded
  CHECK(loaded(2, characters) == 2);
  CHECK_THROWS_WITH(loaded(3, characters), Contains("expected 3 tokens, as the model has"));
}

TEST_CASE("model file: a checkpoint stores the layout that its GPT was loaded from") {
  models::GPT model(kTiny);
  models::PretrainedLayout layout{.config_json = R"({"model_type":"gpt2","n_positions":8,)"
                                                 R"("vocab_size":6,"n_layer":2,"n_head":2,)"
                                                 R"("n_embd":4,"eos_token_id":5})",
                                  .has_prefix = false};
  model.layout = std::make_shared<models::PretrainedLayout>(layout);
  const auto words = text::CharTokenizer::fit("abcdef");
  Checkpoint all = models::to_checkpoint(model, words);
  const models::SavedModel saved = models::from_checkpoint(all);
  const auto& kept = dynamic_cast<const models::GPT&>(*saved.model).layout;
  REQUIRE(kept);
  CHECK(kept->config_json == layout.config_json);
  CHECK(!kept->has_prefix);
  for (const auto& [json, reason] :
       {std::pair{"{}", "layout: expected a field config.json, got none"},
        {R"({"config.json":"{}","has_prefix":true})",
         "layout: config.json: expected a field model_type"},
        {R"({"config.json":"","has_prefix":1})", "layout: expected true or false"},
        {R"({"config.json":"","has_prefix":true,"x":1})",
         "layout: got a field \"x\" that vitro does not know"}}) {
    all.metadata["layout"] = json;
    CHECK_THROWS_WITH(models::from_checkpoint(all), Contains(reason));
  }
}
