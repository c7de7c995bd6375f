// Tests which directories from_pretrained refuses, and its messages.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/models/gpt2_files.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

TEST_CASE("pretrained: a configuration that GPT cannot compute is refused by name") {
  GPT model = tiny_gpt2();
  const OrderedJson good = config_json_of(model);
  const Files files(model);
  struct Case {
    const char* patch;  // null removes a field
    std::string reason;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"({"model_type":"llama"})", "expected gpt2 for model_type, got llama"},
           {R"({"model_type":"gpt_neox"})", "expected gpt2 for model_type, got gpt_neox"},
           {R"({"model_type":7})", "expected a text for model_type, got 7"},
           {R"({"model_type":null,"architectures":null})", "expected a field model_type, got none"},
           {R"({"architectures":["GPT2ForTokenClassification"]})",
            R"(or GPT2Model in architectures, got ["GPT2ForTokenClassification"])"},
           {R"({"architectures":"GPT2LMHeadModel"})", "expected a list for architectures"},
           {R"({"activation_function":"relu"})", "gelu for activation_function, got relu"},
           {R"({"activation_function":"silu"})",
            "expected gelu_new or gelu for activation_function, got silu"},
           {R"({"scale_attn_weights":false})", "expected true for scale_attn_weights, got false"},
           {R"({"scale_attn_by_inverse_layer_idx":true})",
            "expected false for scale_attn_by_inverse_layer_idx, got true"},
           {R"({"reorder_and_upcast_attn":true})",
            "expected false for reorder_and_upcast_attn, got true"},
           {R"({"add_cross_attention":true})", "expected false for add_cross_attention, got true"},
           {R"({"pruned_heads":{"0":[1]}})", "for pruned_heads, got {\"0\":[1]}"},
           {R"({"quantization_config":{"bits":4}})", "for quantization_config, got {\"bits\":4}"},
           {R"({"n_layer":null})", "expected a field n_layer, got none"},
           {R"({"n_head":null})", "expected a field n_head, got none"},
           {R"({"vocab_size":null})", "expected a field vocab_size, got none"},
           {R"({"n_head":0})", "expected n_head from 1 to 2^40, got 0"},
           {R"({"n_head":4})", "expected a divisor of n_embd (6) for n_head, got 4"},
           {R"({"n_head":"2"})", "expected a whole number for n_head, got \"2\""},
           {R"({"n_inner":0})", "expected n_inner from 1 to 2^40, got 0"},
           {R"({"layer_norm_epsilon":-1})",
            "expected a number in [0, 1) for layer_norm_epsilon, got -1"},
           {R"({"resid_pdrop":1})", "expected a number in [0, 1) for resid_pdrop, got 1"},
           {R"({"tie_word_embeddings":1})",
            "expected true or false for tie_word_embeddings, got 1"},
           {R"({"n_layer":1099511627776})", "missing: some of layers"},
           {R"({"vocab_size":1099511627776})", "wte.weight: config.json needs (1099511627776, 6)"},
           {R"({"n_inner":1099511627776})", "config.json needs (6, 1099511627776)"},
           {R"({"n_positions":1099511627776})", "wpe.weight: config.json needs (1099511627776"}}) {
    INFO(c.patch);
    OrderedJson changed = good;
    changed.merge_patch(OrderedJson::parse(c.patch));
    files.write("config.json", changed.dump(2));
    CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                      Contains("from_pretrained: ") && Contains(files.path) && Contains(c.reason));
    CHECK_THROWS_AS(GPT::from_pretrained(files.path), IoError);
  }
  const std::pair<std::string, const char*> texts[] = {
      {"", "expected a JSON object"},
      {"[]", "expected a JSON object"},
      {R"({"n_layer":2,"n_layer":2})", "expected each field once, got \"n_layer\" twice"},
      {"{\"a\":\"\xff\"}", "invalid"},
      {"version https://git-lfs.github.com/spec/v1", "expected a JSON object"}};
  for (const auto& [text, reason] : texts) {
    INFO(text);
    files.write("config.json", text);
    CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                      Contains("config.json: ") && Contains(reason));
  }
}

TEST_CASE("pretrained: weights that do not fit are all named in one error") {
  GPT model = tiny_gpt2();
  NamedTensors weights = weights_of(model);
  std::erase_if(weights, [](const auto& w) { return w.first.ends_with("h.1.ln_2.bias"); });
  for (auto& [name, x] : weights) {
    if (name.ends_with("h.0.attn.c_attn.weight")) x = x.t().contiguous();  // Linear's layout
    if (name.ends_with("wpe.weight")) x = ones({9, 6});
    if (name.ends_with("ln_f.bias")) x = ones({6}, kInt32);
  }
  weights.emplace_back("score.weight", ones({2, 6}));
  weights.emplace_back("ln_f.weight", ones({6}));
  const Files files(config_json_of(model), weights);
  CHECK(
      message_of<IoError>([&] { GPT::from_pretrained(files.path); }) ==
      "from_pretrained: expected the weights that config.json describes, got others in " +
          files.path +
          "/model.safetensors\n"
          "  mismatched: transformer.ln_f.weight: the file has the same name with another prefix\n"
          "  mismatched: transformer.wpe.weight: config.json needs (8, 6), the file has (9, 6)\n"
          "  mismatched: transformer.h.0.attn.c_attn.weight: config.json needs (6, 18), the "
          "file "
          "has (18, 6)\n"
          "  missing: h.1.ln_2.bias\n"
          "  mismatched: transformer.ln_f.bias: its dtype int32 is not floating\n"
          "  unexpected: score.weight");
}

TEST_CASE("pretrained: a very large n_layer gives a short error and no long list of tensors") {
  GPT model = tiny_gpt2();
  OrderedJson config = config_json_of(model);
  config["n_layer"] = 1'000'000;
  NamedTensors weights = weights_of(model);
  for (int i = 0; i < 200; ++i) weights.emplace_back("x" + std::to_string(i), ones({1}));
  const std::string message =
      message_of<IoError>([&] { GPT::from_pretrained(Files(config, weights).path); });
  CHECK(std::count(message.begin(), message.end(), '\n') == 51);
  // The file's 230 tensors are enough for 20 layers.  There is a line for each of the 12 missing
  // tensors of 18 layers, one line for all later layers, and one for each of the 200 unexpected
  // tensors.  The message has 50 of these lines.
  CHECK(message.ends_with("\n  and " + std::to_string(18 * 12 + 1 + 200 - 50) + " more"));
}

TEST_CASE("pretrained: if many layers lack a tensor, their other tensors are not unexpected") {
  GPTConfig config = kTinyGPT2;
  config.n_layer = 12;
  GPT model = tiny_gpt2(config);
  NamedTensors weights = weights_of(model);
  std::erase_if(weights, [](const auto& named) { return named.first.ends_with(".bias"); });
  weights.emplace_back("h.12.ln_1.weight", ones({1}));
  const std::string message = message_of<IoError>(
      [&] { GPT::from_pretrained(Files(config_json_of(model), weights).path); });
  CHECK_THAT(message,
             Contains("missing: h.0.ln_1.bias") && Contains("missing: some of layers 7 to 11"));
  CHECK(message.find("unexpected: h.12.ln_1.weight") == message.rfind("unexpected"));
}

TEST_CASE("pretrained: a head or a mask with other values is refused") {
  GPT model = tiny_gpt2();
  NamedTensors weights = weights_of(model);
  weights.emplace_back("lm_head.weight", model.wte.weight.detach() + 1e-3);
  const Files files(config_json_of(model), weights);
  CHECK_THROWS_WITH(
      GPT::from_pretrained(files.path),
      Contains("expected the values of wte.weight, as config.json says, for lm_head.weight"));
  OrderedJson config = config_json_of(model);
  config["tie_word_embeddings"] = false;
  files.write("config.json", config.dump());
  CHECK(!GPT::from_pretrained(files.path).config.tied_head);
  const Files headless(config, weights_of(model));
  CHECK_THROWS_WITH(GPT::from_pretrained(headless.path), Contains("missing: lm_head.weight"));

  const auto refused = [&](const std::string& name, const Tensor& mask) {
    weights = weights_of(model);
    weights.emplace_back(name, mask);
    return message_of<IoError>(
        [&] { GPT::from_pretrained(Files(config_json_of(model), weights).path); });
  };
  const Tensor causal = tril(ones({1, 1, 8, 8}));
  for (const Tensor& mask : {ones({1, 1, 8, 8}), tril(ones({1, 1, 9, 9})), tril(ones({8, 8}))})
    CHECK_THAT(refused("transformer.h.1.attn.bias", mask),
               Contains("a causal mask (1, 1, 8, 8)") &&
                   Contains("other values for transformer.h.1.attn.bias"));
  CHECK_THAT(refused("h.1.attn.masked_bias", causal),
             Contains("other values for h.1.attn.masked_bias"));
  for (const char* name : {"h.2.attn.bias", "h.01.attn.bias", "h.-1.attn.bias", "h.attn.bias"})
    CHECK_THAT(refused(name, causal), Contains(std::string("unexpected: ") + name));
}

TEST_CASE("pretrained: missing files and files of other kinds are refused") {
  GPT model = tiny_gpt2();
  const Files files(model);
  CHECK_THROWS_WITH(GPT::from_pretrained("gpt2"),
                    "from_pretrained: expected a directory, got gpt2; nothing is downloaded");
  const std::string weights = files.read("model.safetensors");
  files.write("model.safetensors", weights.substr(0, weights.size() - 4));
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path), Contains("safetensors file "));
  files.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:ab");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path), Contains("it is a Git LFS pointer"));
  remove_file(files.path + "/model.safetensors");
  CHECK_THROWS_WITH(
      GPT::from_pretrained(files.path),
      "from_pretrained: expected model.safetensors or model.safetensors.index.json in " +
          files.path + ", got neither");
  files.write("pytorch_model.bin", "\x80\2");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                    Contains("pytorch_model.bin, a Python pickle") && Contains("save_pretrained"));
  remove_file(files.path + "/config.json");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                    Contains("config.json: cannot be read: No such file"));
}
