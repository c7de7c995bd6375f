// GPT-2 in Hugging Face's layout: what is loaded, what is refused, and what is written back.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "framework/io/file.h"
#include "tests/support/file_calls.h"
#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using models::GPT;
using models::GPTConfig;
using OrderedJson = nlohmann::ordered_json;

namespace {

constexpr GPTConfig kTinyGPT2{
    .block_size = 8, .vocab_size = 11, .n_layer = 2, .n_head = 2, .n_embd = 6};

// With weights large enough that every part matters.
GPT tiny_gpt2(const GPTConfig& config = kTinyGPT2, DType dtype = kFloat32) {
  manual_seed(7);
  GPT model(config);
  NoGradGuard unrecorded;
  for (auto& [name, p] : model.named_parameters()) p.add_(randn(p.shape()) * 0.3);
  model.to(dtype);
  model.eval();
  return model;
}

OrderedJson config_json_of(const GPT& model) {
  const GPTConfig& c = model.config;
  OrderedJson json = {{"activation_function", "gelu_new"},
                      {"architectures", {"GPT2LMHeadModel"}},
                      {"attn_pdrop", 0.1},
                      {"embd_pdrop", 0.1},
                      {"layer_norm_epsilon", 1e-05},
                      {"model_type", "gpt2"},
                      {"n_ctx", c.block_size},
                      {"n_embd", c.n_embd},
                      {"n_head", c.n_head},
                      {"n_inner", nullptr},
                      {"n_layer", c.n_layer},
                      {"n_positions", c.block_size},
                      {"resid_pdrop", 0.1},
                      {"task_specific_params", {{"text-generation", {{"max_length", 50}}}}},
                      {"torch_dtype", std::string(dtype_name(model.wte.weight.dtype()))},
                      {"vocab_size", c.vocab_size}};
  if (!c.tied_head) json["tie_word_embeddings"] = false;
  return json;
}

bool is_conv1d(const std::string& name) {
  return name.ends_with("c_attn.weight") || name.ends_with("c_proj.weight") ||
         name.ends_with("c_fc.weight");
}

// As transformers name and lay out the tensors.
NamedTensors weights_of(GPT& model, const std::string& prefix = "transformer.") {
  NoGradGuard unrecorded;
  NamedTensors all;
  for (const auto& [name, x] : model.state_dict())
    all.emplace_back(name == "lm_head.weight" ? name : prefix + name,
                     is_conv1d(name) ? x.t().contiguous() : x);
  return all;
}
void add_masks(NamedTensors& all, const std::string& prefix, DType dtype) {
  const Tensor mask = tril(ones({1, 1, 8, 8})).to(dtype);
  for (int64_t i = 0; i < kTinyGPT2.n_layer; ++i) {
    const std::string attn = prefix + "h." + std::to_string(i) + ".attn.";
    all.emplace_back(attn + "bias", mask);
    all.emplace_back(attn + "masked_bias", tensor(-1e4));
  }
}

// A directory of files as the usual writers leave them.
struct Files {
  TemporaryDirectory directory;
  std::string path = directory / "gpt2";

  Files(const OrderedJson& config, const NamedTensors& weights) {
    std::filesystem::create_directory(path);
    write("config.json", config.dump(2) + "\n");
    save_safetensors(path + "/model.safetensors", weights, {{"format", "pt"}});
  }
  explicit Files(GPT& model) : Files(config_json_of(model), weights_of(model)) {}
  void write(const std::string& name, const std::string& bytes) const {
    write_file(path + "/" + name, bytes);
  }
  std::string read(const std::string& name) const { return read_file(path + "/" + name); }
};

Tensor logits_of(GPT& model) {
  NoGradGuard unrecorded;
  return model(tensor({{3, 1, 4, 1, 5, 9}, {2, 6, 10, 0, 8, 7}}, kInt64));
}

// Every file below a directory, and its bytes.
std::map<std::string, std::string> contents(const std::string& path) {
  std::map<std::string, std::string> all;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path))
    all[file.path()] = file.is_directory() ? "" : read_file(file.path());
  return all;
}

text::BpeTokenizer small_tokenizer(int64_t vocab_size) {
  return text::BpeTokenizer::train("the cat sat on the mat, and the rat sat there", vocab_size);
}

}  // namespace

TEST_CASE("pretrained: every form of the layout gives the model's logits, and its own bytes back") {
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

  loaded.save_pretrained(files.path);  // over its own files; the compiler's name is not kept
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
  sharded.save_pretrained(files.path);  // one file, and no index that says something else
  CHECK(!std::filesystem::exists(files.path + "/model.safetensors.index.json"));
  GPT whole = GPT::from_pretrained(files.path);
  CHECK(same_bits(logits_of(whole), logits_of(model)));
}

TEST_CASE("pretrained: weights of another dtype are converted if asked for") {
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
  CHECK_THROWS_WITH(GPT::from_pretrained(both.path),
                    Contains("mismatched: " + mixed[5].first +
                             ": bfloat16 expected, as wte.weight has: float32"));
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
  // The same file with each number as float16: multiples of 1/64 below 16, which it holds exactly.
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

TEST_CASE("pretrained: dropout is config.json's, or the option's; training goes on from there") {
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

TEST_CASE("pretrained: other names of the sizes, and what needs not stand there") {
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

TEST_CASE("pretrained: a configuration that GPT does not compute is refused by name") {
  GPT model = tiny_gpt2();
  const OrderedJson good = config_json_of(model);
  const Files files(model);
  struct Case {
    const char* patch;  // null takes a field away
    std::string reason;
  };
  for (
      const Case& c : std::initializer_list<Case>{
          {R"({"model_type":"llama"})", "model_type llama is not supported; gpt2 is"},
          {R"({"model_type":"gpt_neox"})", "model_type gpt_neox is not supported; gpt2 is"},
          {R"({"model_type":7})", "a name expected for model_type: 7"},
          {R"({"model_type":null,"architectures":null})", "field model_type is missing"},
          {R"({"architectures":["GPT2ForTokenClassification"]})",
           R"(architectures ["GPT2ForTokenClassification"] are not supported; GPT2LMHeadModel is)"},
          {R"({"architectures":"GPT2LMHeadModel"})", "a list expected for architectures"},
          {R"({"activation_function":"relu"})", "activation_function relu is not supported"},
          {R"({"activation_function":"gelu"})", "activation_function gelu is not supported"},
          {R"({"scale_attn_weights":false})", "scale_attn_weights false is not supported; true is"},
          {R"({"scale_attn_by_inverse_layer_idx":true})",
           "scale_attn_by_inverse_layer_idx true is not supported; false is"},
          {R"({"reorder_and_upcast_attn":true})", "reorder_and_upcast_attn true is not supported"},
          {R"({"add_cross_attention":true})", "add_cross_attention true is not supported"},
          {R"({"pruned_heads":{"0":[1]}})", "pruned_heads {\"0\":[1]} is not supported"},
          {R"({"quantization_config":{"bits":4}})", "quantization_config {\"bits\":4} is not"},
          {R"({"n_layer":null})", "field n_layer is missing"},
          {R"({"n_head":null})", "field n_head is missing"},
          {R"({"vocab_size":null})", "field vocab_size is missing"},
          {R"({"n_head":0})", "n_head must be at least 1"},
          {R"({"n_head":4})", "n_head must divide n_embd: got 4 and 6"},
          {R"({"n_head":"2"})", "a whole number expected for n_head: \"2\""},
          {R"({"n_inner":0})", "n_inner must be at least 1"},
          {R"({"layer_norm_epsilon":-1})",
           "a number in [0, 1) expected for layer_norm_epsilon: -1"},
          {R"({"resid_pdrop":1})", "a number in [0, 1) expected for resid_pdrop: 1"},
          {R"({"tie_word_embeddings":1})", "true or false expected for tie_word_embeddings: 1"},
          {R"({"n_layer":1099511627776})", "missing: some of layers"},
          {R"({"vocab_size":1099511627776})",
           "wte.weight: config.json asks for (1099511627776, 6)"},
          {R"({"n_inner":1099511627776})", "config.json asks for (6, 1099511627776)"},
          {R"({"n_positions":1099511627776})",
           "wpe.weight: config.json asks for (1099511627776"}}) {
    INFO(c.patch);
    OrderedJson changed = good;
    changed.merge_patch(OrderedJson::parse(c.patch));
    files.write("config.json", changed.dump(2));
    CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                      Contains("from_pretrained: ") && Contains(files.path) && Contains(c.reason));
    CHECK_THROWS_AS(GPT::from_pretrained(files.path), IoError);
  }
  const std::pair<std::string, const char*> texts[] = {
      {"", "a JSON object expected"},
      {"[]", "a JSON object expected"},
      {R"({"n_layer":2,"n_layer":2})", "field \"n_layer\" is given twice"},
      {"{\"a\":\"\xff\"}", "invalid"},
      {"version https://git-lfs.github.com/spec/v1", "a JSON object expected"}};
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
    if (name.ends_with("h.0.attn.c_attn.weight")) x = x.t().contiguous();  // as Linear keeps it
    if (name.ends_with("wpe.weight")) x = ones({9, 6});
    if (name.ends_with("ln_f.bias")) x = ones({6}, kInt32);
  }
  weights.emplace_back("score.weight", ones({2, 6}));
  weights.emplace_back("ln_f.weight", ones({6}));
  const Files files(config_json_of(model), weights);
  CHECK(
      message_of<IoError>([&] { GPT::from_pretrained(files.path); }) ==
      "from_pretrained: the weights that config.json describes expected: " + files.path +
          "/model.safetensors\n"
          "  mismatched: transformer.ln_f.weight: the same is there with another prefix\n"
          "  mismatched: transformer.wpe.weight: config.json asks for (8, 6), the file has (9, 6)\n"
          "  mismatched: transformer.h.0.attn.c_attn.weight: config.json asks for (6, 18), the "
          "file "
          "has (18, 6)\n"
          "  missing: h.1.ln_2.bias\n"
          "  mismatched: transformer.ln_f.bias: floating numbers expected: int32\n"
          "  unexpected: score.weight");
}

TEST_CASE("pretrained: a head that was untied or tied after it was made is saved as it is") {
  const TemporaryDirectory directory;
  GPT model = tiny_gpt2();
  model.lm_head.weight = (model.wte.weight.detach() * 2).clone().requires_grad_();
  model.save_pretrained(directory / "untied");
  GPT untied = GPT::from_pretrained(directory / "untied");
  CHECK(!untied.config.tied_head);
  CHECK(same_bits(logits_of(untied), logits_of(model)));
  untied.lm_head.weight = untied.wte.weight;
  untied.save_pretrained(directory / "tied");
  GPT tied = GPT::from_pretrained(directory / "tied");
  CHECK(tied.config.tied_head);
  CHECK(same_bits(logits_of(tied), logits_of(untied)));
}

TEST_CASE("pretrained: a number from outside bounds no error, and no list of tensors") {
  GPT model = tiny_gpt2();
  OrderedJson config = config_json_of(model);
  config["n_layer"] = 1'000'000;
  NamedTensors weights = weights_of(model);
  for (int i = 0; i < 200; ++i) weights.emplace_back("x" + std::to_string(i), ones({1}));
  const std::string message =
      message_of<IoError>([&] { GPT::from_pretrained(Files(config, weights).path); });
  CHECK(std::count(message.begin(), message.end(), '\n') == 51);
  // Of some 230 tensors: 20 layers of 12, 18 of which are missing, and the layers after them.
  CHECK(message.ends_with("\n  and " + std::to_string(18 * 12 + 1 + 200 - 50) + " more"));
}

TEST_CASE("pretrained: where many layers lack something, what they have is not unexpected") {
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

TEST_CASE("pretrained: a head or a mask that says something else is refused") {
  GPT model = tiny_gpt2();
  NamedTensors weights = weights_of(model);
  weights.emplace_back("lm_head.weight", model.wte.weight.detach() + 1e-3);
  const Files files(config_json_of(model), weights);
  CHECK_THROWS_WITH(
      GPT::from_pretrained(files.path),
      Contains("lm_head.weight expected to be wte.weight, to which config.json ties"));
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
    CHECK_THAT(
        refused("transformer.h.1.attn.bias", mask),
        Contains("a causal mask (1, 1, 8, 8)") && Contains("transformer.h.1.attn.bias is another"));
  CHECK_THAT(refused("h.1.attn.masked_bias", causal), Contains("masked_bias is another"));
  for (const char* name : {"h.2.attn.bias", "h.01.attn.bias", "h.-1.attn.bias", "h.attn.bias"})
    CHECK_THAT(refused(name, causal), Contains(std::string("unexpected: ") + name));
}

TEST_CASE("pretrained: files that are not there, or are something else") {
  GPT model = tiny_gpt2();
  const Files files(model);
  CHECK_THROWS_WITH(GPT::from_pretrained("gpt2"),
                    "from_pretrained: a directory expected: gpt2; nothing is downloaded");
  const std::string weights = files.read("model.safetensors");
  files.write("model.safetensors", weights.substr(0, weights.size() - 4));
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                    Contains("load: a safetensors file expected"));
  files.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:ab");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path), Contains("it is a Git LFS pointer"));
  remove_file(files.path + "/model.safetensors");
  CHECK_THROWS_WITH(
      GPT::from_pretrained(files.path),
      "from_pretrained: model.safetensors or model.safetensors.index.json expected: " + files.path +
          " has neither");
  files.write("pytorch_model.bin", "\x80\2");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path),
                    Contains("pytorch_model.bin, a Python pickle") && Contains("save_pretrained"));
  remove_file(files.path + "/config.json");
  CHECK_THROWS_WITH(GPT::from_pretrained(files.path), Contains("config.json: No such file"));
}

TEST_CASE("pretrained: a model of our own is saved as GPT-2, and read as it was") {
  const TemporaryDirectory directory;
  const std::string path = directory / "made/for/it";
  GPTConfig config = kTinyGPT2;
  config.n_inner = 10, config.dropout = 0.25, config.norm_eps = 1e-6;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path);
  CHECK(read_file(path + "/config.json") == R"({
  "activation_function": "gelu_new",
  "architectures": [
    "GPT2LMHeadModel"
  ],
  "model_type": "gpt2",
  "torch_dtype": "float32",
  "eos_token_id": null,
  "bos_token_id": null,
  "n_positions": 8,
  "vocab_size": 11,
  "n_layer": 2,
  "n_head": 2,
  "n_embd": 6,
  "n_inner": 10,
  "layer_norm_epsilon": 1e-06,
  "tie_word_embeddings": true,
  "resid_pdrop": 0.25,
  "embd_pdrop": 0.25,
  "attn_pdrop": 0.25
}
)");
  GPT loaded = GPT::from_pretrained(path);
  CHECK(loaded.config == config);
  CHECK(same_bits(logits_of(loaded), logits_of(model)));

  config.bias = false;
  GPT plain = tiny_gpt2(config);
  plain.save_pretrained(path);
  GPT with_zeros = GPT::from_pretrained(path);
  CHECK(with_zeros.config.bias);
  CHECK(max_difference(logits_of(with_zeros), logits_of(plain)) < 1e-6);
}

TEST_CASE("pretrained: the tokens that begin and end texts are named where nobody named them") {
  const TemporaryDirectory directory;
  const std::string path = directory / "gpt2";
  const text::BpeTokenizer tokenizer = small_tokenizer(260);
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 260;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path, &tokenizer);
  const auto saved = [&] { return OrderedJson::parse(read_file(path + "/config.json")); };
  CHECK(saved()["bos_token_id"] == 259);
  CHECK(saved()["eos_token_id"] == 259);
  OrderedJson named = saved();
  named["eos_token_id"] = 7, named.erase("bos_token_id");
  write_file(path + "/config.json", named.dump());
  GPT loaded = GPT::from_pretrained(path);
  CHECK(loaded.layout->eos_token_id() == 7);
  loaded.save_pretrained(path, &tokenizer);
  CHECK(saved()["bos_token_id"] == 259);
  CHECK(saved()["eos_token_id"] == 7);
  write_file(path + "/config.json", named.dump());
  loaded.save_pretrained(path);
  CHECK(read_file(path + "/config.json") == named.dump());
}

TEST_CASE("pretrained: what GPT-2 has no place for is not saved") {
  const TemporaryDirectory directory;
  GPTConfig llama = kTinyGPT2;
  llama.n_embd = 8, llama.n_kv_head = 1;
  llama.norm = models::NormKind::kRMSNorm, llama.position = models::PositionKind::kRotary;
  llama.mlp = models::MLPKind::kSwiGLU;
  GPT model(llama);
  CHECK(
      message_of<ValueError>([&] { model.save_pretrained(directory / "llama"); }) ==
      "save_pretrained: a model as GPT-2 expected, whose layout has no RMSNorm, rotary positions, "
      "SwiGLU, fewer heads of keys and values; save_checkpoint keeps any");
  const text::BpeTokenizer tokenizer = small_tokenizer(260);
  GPT gpt2 = tiny_gpt2();
  CHECK_THROWS_WITH(gpt2.save_pretrained(directory / "gpt2", &tokenizer),
                    Contains("a tokenizer of at most 11 tokens expected, as the model has: 260"));
  CHECK(contents(directory / "").empty());
  directory.write("file", "");
  CHECK_THROWS_AS(gpt2.save_pretrained(directory / "file"), IoError);
}

TEST_CASE("pretrained: a save that fails anywhere leaves the directory as it was") {
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 260;
  GPT old_model = tiny_gpt2(config), model = tiny_gpt2(config);
  model.wte.weight.detach().add_(1);
  model.drop.p = 0.5;
  const text::BpeTokenizer tokenizer = small_tokenizer(260), old_tokenizer = small_tokenizer(259);
  for (const bool is_there : {true, false}) {
    const TemporaryDirectory directory;
    const std::string path = directory / "gpt2";
    model.save_pretrained(path, &tokenizer);
    const auto after = contents(directory / "");
    const auto reset = [&] {
      std::filesystem::remove_all(path);
      if (is_there) old_model.save_pretrained(path, &old_tokenizer);
    };
    reset();
    const auto before = contents(directory / "");
    size_t failures = 0, late = 0;
    for (size_t n = 0;; ++n) {
      Calls calls;
      calls.at = [n](size_t i, const std::string&) { return i == n ? ENOSPC : 0; };
      bool is_saved = true;
      try {
        const ScopedFileCalls scope(calls);
        model.save_pretrained(path, &tokenizer);
      } catch (const IoError&) { is_saved = false; }
      if (calls.made.size() <= n) break;
      INFO("call " << n << ", " << calls.made[n]);
      const auto now = contents(directory / "");
      failures += !is_saved;
      if (is_saved) CHECK((calls.made[n] == "unlink" || calls.made[n] == "close"));
      if (is_saved || now != before) CHECK(now == after);
      late += !is_saved && now == after;
      reset();
    }
    CHECK(failures > 20);
    CHECK(late == 2);  // all are in place when their directory is opened and synced
  }
}

TEST_CASE("pretrained: load_model takes such a directory, with its tokenizer") {
  const TemporaryDirectory directory;
  const std::string path = directory / "gpt2";
  const text::BpeTokenizer tokenizer = small_tokenizer(262);
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 262;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path, &tokenizer);
  models::SavedModel saved = models::load_model(path);
  CHECK(saved.window == 8);
  CHECK(saved.tokenizer->kind() == "bpe");
  CHECK(saved.tokenizer->vocabulary_hash() == tokenizer.vocabulary_hash());
  const Tensor ids = tensor({{3, 1, 250, 261}}, kInt64);
  NoGradGuard unrecorded;
  CHECK(same_bits((*saved.model)(ids), model(ids)));

  config.vocab_size = 300;  // padded: all weights stay, and what has no text is never predicted
  GPT padded = tiny_gpt2(config);
  padded.save_pretrained(path, &tokenizer);
  saved = models::load_model(path);
  CHECK(saved.vocab_size == 300);
  CHECK(same_bits((*saved.model)(ids), padded(ids)));
  padded.wte.weight.fill_(0.0);
  padded.wte.weight.slice(0, 262, 300).fill_(1.0);  // now these are the likeliest
  CHECK(padded(ids).select(0, 0).select(0, -1).argmax().item<int64_t>() >= 262);
  const models::GenerateOptions greedy{.max_new_tokens = 3};
  CHECK_NOTHROW(models::generate_text(padded, tokenizer, "a", greedy));

  const auto refused = [&](int64_t size) {
    config.vocab_size = size;
    tiny_gpt2(config).save_pretrained(path);
    CHECK_THROWS_WITH(models::load_model(path),
                      path + ": load: a tokenizer of the model's " + std::to_string(size) +
                          " tokens, or one of byte pairs with fewer by a padding, expected: it "
                          "has 262");
  };
  refused(261);
  refused(391);
  refused(1408);
  config.vocab_size = 384;
  tiny_gpt2(config).save_pretrained(path);
  CHECK(models::load_model(path).vocab_size == 384);

  for (const char* file : {"tokenizer.json", "vocab.json", "merges.txt"})
    remove_file(path + "/" + file);
  CHECK_THROWS_WITH(models::load_model(path),
                    Contains("it holds no tokenizer.json, vocab.json or encoder.json"));
  saved = models::load_model(path, models::TokenizerIs::kOptional);
  CHECK(!saved.tokenizer);
  CHECK(saved.vocab_size == 384);
}
