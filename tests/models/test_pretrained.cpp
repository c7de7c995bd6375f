// Tests how GPT-2 is loaded from Hugging Face's layout.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/models/gpt2_files.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

TEST_CASE("pretrained: every form of the layout gives the model's logits and the same bytes") {
  struct Form {
    std::string prefix;
    std::optional<DType> masks = {};
    bool head = false;
    DType dtype = kFloat32;
  };
  for (const Form& form :
       {Form{"transformer."}, Form{""}, Form{"", kFloat32}, Form{"", kUInt8},
        Form{"transformer.", kBool}, Form{"transformer.", {}, true},
        Form{"transformer.", kUInt8, true, kBFloat16}, Form{"transformer.", {}, false, kBFloat16},
        Form{"", {}, true, kFloat64}}) {
    INFO(form.prefix << form.head << form.dtype);
    GPT model = tiny_gpt2(kTinyGPT2, form.dtype);
    NamedTensors weights = weights_of(model, form.prefix);
    if (form.masks) add_masks(weights, form.prefix, *form.masks);
    if (form.head) weights.emplace_back("lm_head.weight", model.wte.weight);
    const Files files(config_json_of(model), weights);

    GPT loaded = GPT::from_pretrained(files.path);
    CHECK(loaded.wte.weight.dtype() == form.dtype);
    CHECK(loaded.lm_head.weight.impl() == loaded.wte.weight.impl());
    CHECK(loaded.wte.weight.requires_grad());
    CHECK(!loaded.is_training());
    CHECK(same_bits(logits_of(loaded), logits_of(model)));

    const std::string copy = files.directory / "copy";
    loaded.save_pretrained(copy);
    CHECK(read_file(copy + "/config.json") == files.read("config.json"));
    CHECK(read_file(copy + "/model.safetensors") == files.read("model.safetensors"));
    CHECK(contents(copy).size() == 2);
  }
}

TEST_CASE("pretrained: shards, compiled names and an untied head are loaded") {
  GPTConfig untied = kTinyGPT2;
  untied.tied_head = false;
  GPT model = tiny_gpt2(untied);
  NamedTensors weights = weights_of(model);
  for (auto& [name, x] : weights) name = "_orig_mod." + name;
  const Files files(config_json_of(model), weights);
  GPT loaded = GPT::from_pretrained(files.path);
  CHECK(!loaded.config.tied_head);
  CHECK(same_bits(logits_of(loaded), logits_of(model)));

  loaded.save_pretrained(files.path);  // over its own files, without the compiler's prefix
  CHECK(load_safetensors(files.path + "/model.safetensors").tensors.back().first ==
        "transformer.wte.weight");
  weights = weights_of(model);
  OrderedJson index = {{"metadata", {{"total_size", 1}}}, {"weight_map", OrderedJson::object()}};
  std::filesystem::remove(files.path + "/model.safetensors");
  for (size_t shard = 0; shard < 3; ++shard) {
    NamedTensors part;
    const std::string file = "model-" + std::to_string(shard) + ".safetensors";
    for (size_t i = shard; i < weights.size(); i += 3) {
      part.push_back(weights[i]);
      index["weight_map"][weights[i].first] = file;
    }
    save_safetensors(files.path + "/" + file, part);
  }
  files.write("model.safetensors.index.json", index.dump());
  GPT sharded = GPT::from_pretrained(files.path);
  CHECK(same_bits(logits_of(sharded), logits_of(model)));
  sharded.save_pretrained(files.path);  // one file; the index is removed
  CHECK(!std::filesystem::exists(files.path + "/model.safetensors.index.json"));
  GPT whole = GPT::from_pretrained(files.path);
  CHECK(same_bits(logits_of(whole), logits_of(model)));
}

TEST_CASE("pretrained: options.dtype converts weights of another dtype") {
  GPT model = tiny_gpt2(kTinyGPT2, kBFloat16);
  const Files files(model);
  for (const DType dtype : {kFloat32, kFloat64, kBFloat16}) {
    GPT wide = tiny_gpt2(kTinyGPT2, kBFloat16),
        loaded = GPT::from_pretrained(files.path, {.dtype = dtype});
    wide.to(dtype);
    CHECK(loaded.wte.weight.dtype() == dtype);
    CHECK(same_bits(logits_of(loaded), logits_of(wide)));
    loaded.save_pretrained(files.directory / "copy");
    OrderedJson config = config_json_of(model);
    config["torch_dtype"] = std::string(dtype_name(dtype));
    if (dtype != kBFloat16) config["tie_word_embeddings"] = true;
    CHECK(OrderedJson::parse(read_file(files.directory / "copy/config.json")) == config);
  }
  CHECK_THROWS_AS(GPT::from_pretrained(files.path, {.dtype = kInt64}), DTypeError);

  NamedTensors mixed = weights_of(model);
  mixed[5].second = mixed[5].second.to(kFloat32);
  const Files both(config_json_of(model), mixed);
  CHECK_THROWS_WITH(
      GPT::from_pretrained(both.path),
      Contains("mismatched: " + mixed[5].first + ": wte.weight has bfloat16, this has float32"));
  GPT wide = GPT::from_pretrained(both.path, {.dtype = kFloat32});
  model.to(kFloat32);
  CHECK(same_bits(logits_of(wide), logits_of(model)));
}

TEST_CASE("pretrained: float16 files are read as float32") {
  GPT model = tiny_gpt2();
  NoGradGuard unrecorded;
  NamedTensors weights = weights_of(model);
  for (auto& [name, x] : model.named_parameters()) x.copy_((x * 64).to(kInt64).to(kFloat32) / 64);
  weights = weights_of(model);
  Files files(config_json_of(model), weights);
  // The same file with float16 numbers.  Multiples of 1/64 below 16 are exact in float16.
  OrderedJson header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (const auto& [name, x] : weights) {
    const size_t begin = data.size();
    for (double v : values(x)) {
      int exponent = 0;
      const double digits = std::frexp(std::abs(v), &exponent);
      const auto bits = static_cast<uint16_t>(
          v == 0 ? 0 : (exponent + 14) << 10 | static_cast<int>((digits * 2 - 1) * 1024));
      const uint16_t all = static_cast<uint16_t>(bits | (std::signbit(v) ? 0x8000 : 0));
      data += {static_cast<char>(all & 0xff), static_cast<char>(all >> 8)};
    }
    header[name] = {{"dtype", "F16"},
                    {"shape", std::vector<int64_t>(x.shape().begin(), x.shape().end())},
                    {"data_offsets", {begin, data.size()}}};
  }
  const std::string json = header.dump();
  const uint64_t length = json.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  files.write("model.safetensors", bytes + json + data);
  GPT loaded = GPT::from_pretrained(files.path);
  CHECK(loaded.wte.weight.dtype() == kFloat32);
  CHECK(same_bits(logits_of(loaded), logits_of(model)));
}

TEST_CASE("pretrained: dropout comes from config.json or the option; training continues") {
  GPT model = tiny_gpt2();
  OrderedJson config = config_json_of(model);
  config["attn_pdrop"] = 0.2, config["embd_pdrop"] = 0.3, config["resid_pdrop"] = 0.4;
  const Files files(config, weights_of(model));
  GPT loaded = GPT::from_pretrained(files.path);
  CHECK(loaded.drop.p == 0.3);
  CHECK(loaded.h[1].attn.attn_dropout.p == 0.2);
  CHECK(loaded.h[1].attn.resid_dropout.p == 0.4);
  CHECK(loaded.h[1].mlp.dropout.p == 0.4);
  GPT copy = nn::clone(loaded, loaded.config);
  CHECK(copy.drop.p == 0.3);
  CHECK(copy.h[1].attn.attn_dropout.p == 0.2);
  CHECK(models::gpt_config(models::to_json(loaded.config)) == loaded.config);
  GPT other = GPT::from_pretrained(files.path, {.dropout = 0});
  CHECK(other.config.embd_dropout() + other.config.attn_dropout() == 0);
  CHECK(other.drop.p + other.h[1].attn.attn_dropout.p + other.h[0].mlp.dropout.p == 0);
  other.save_pretrained(files.path);
  CHECK(OrderedJson::parse(files.read("config.json"))["attn_pdrop"] == 0);

  other.train();
  const Tensor ids = tensor({{3, 1, 4, 1, 5}}, kInt64), next = tensor({{1, 4, 1, 5, 9}}, kInt64);
  optim::SGD sgd(other.named_parameters(), {.lr = 0.1});
  const Tensor loss = other.loss(ids, next);
  loss.backward();
  sgd.step();
  CHECK(other.loss(ids, next).item() < loss.item());
}

TEST_CASE("pretrained: other names of the sizes, and fields that may be missing") {
  GPT model = tiny_gpt2();
  OrderedJson config = config_json_of(model);
  for (const auto& [name, other] : {std::pair{"n_positions", "max_position_embeddings"},
                                    {"n_head", "num_attention_heads"},
                                    {"n_layer", "num_hidden_layers"},
                                    {"n_embd", "hidden_size"}})
    config[other] = config[name], config.erase(name);
  for (const char* name : {"activation_function", "layer_norm_epsilon", "n_inner", "n_ctx",
                           "attn_pdrop", "model_type", "torch_dtype"})
    config.erase(name);
  const Files files(config, weights_of(model));
  GPT loaded = GPT::from_pretrained(files.path);
  CHECK(same_bits(logits_of(loaded), logits_of(model)));
  loaded.save_pretrained(files.directory / "copy");
  CHECK(read_file(files.directory / "copy/config.json") == files.read("config.json"));
  loaded.drop.p = 0.25;
  loaded.save_pretrained(files.directory / "copy");
  CHECK(GPT::from_pretrained(files.directory / "copy").drop.p == 0.25);
}
