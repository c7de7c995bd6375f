// Tests the directories that make_hf_gpt2.py wrote without vitro: the logits equal those of
// PyTorch, and saving gives the same files again.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "framework/io/file.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using models::GPT;
using Json = nlohmann::json;

namespace {

std::string golden(const std::string& name) { return source_path("tests/golden/hf/" + name); }

std::string read(const std::string& directory, const std::string& file) {
  return read_file(directory + "/" + file);
}

template <class T>
std::vector<T> numbers(const Json& nested) {
  std::vector<T> all;
  for (const Json& x : nested) {
    if (!x.is_array()) return nested.get<std::vector<T>>();
    for (const T number : numbers<T>(x)) all.push_back(number);
  }
  return all;
}

// Returns the largest difference from the float64 logits of the same weights.
double logits_error(GPT& model, const std::string& directory) {
  const Json expected = Json::parse(read(directory, "expected.json"));
  const auto ids = numbers<int64_t>(expected.at("ids"));
  const auto logits = numbers<double>(expected.at("logits"));
  NoGradGuard unrecorded;
  const Tensor wanted = from_span(std::span(logits)).reshape({2, 8, 17});
  return max_difference(model(from_span(std::span(ids)).reshape({2, 8})), wanted);
}

}  // namespace

TEST_CASE("pretrained goldens: the logits equal PyTorch's logits") {
  for (const char* name : {"gpt2", "gpt2_prefixed", "gpt2_with_head", "gpt2_bfloat16",
                           "gpt2_float16", "gpt2_sharded"}) {
    INFO(name);
    GPT wide = GPT::from_pretrained(golden(name), {.dtype = kFloat64});
    CHECK(logits_error(wide, golden(name)) < 1e-13);
    GPT model = GPT::from_pretrained(golden(name));
    const bool is_rough = std::string(name) == "gpt2_bfloat16";
    CHECK(model.wte.weight.dtype() == (is_rough ? kBFloat16 : kFloat32));
    CHECK(logits_error(model, golden(name)) < (is_rough ? 2e-2 : 1e-6));  // the logits are up to 1
  }
}

TEST_CASE("pretrained goldens: a loaded model that is saved unchanged gives the same bytes") {
  const TemporaryDirectory directory;
  for (const char* name : {"gpt2", "gpt2_prefixed", "gpt2_with_head", "gpt2_bfloat16"}) {
    INFO(name);
    const std::string copy = directory / name;
    GPT::from_pretrained(golden(name)).save_pretrained(copy);
    for (const char* file : {"config.json", "model.safetensors"})
      CHECK(read(copy, file) == read(golden(name), file));
  }
}

TEST_CASE("pretrained goldens: shards become one file, float16 becomes float32") {
  const TemporaryDirectory directory;
  const std::string joined = directory / "joined", widened = directory / "widened";
  GPT::from_pretrained(golden("gpt2_sharded")).save_pretrained(joined);
  for (const char* file : {"config.json", "model.safetensors"})  // of the same weights
    CHECK(read(joined, file) == read(golden("gpt2_prefixed"), file));

  GPT::from_pretrained(golden("gpt2_float16")).save_pretrained(widened);
  GPT model = GPT::from_pretrained(widened, {.dtype = kFloat64});
  CHECK(logits_error(model, golden("gpt2_float16")) < 1e-13);
  CHECK(Json::parse(read(widened, "config.json")).at("torch_dtype") == "float32");
  const auto stored = load_safetensors(golden("gpt2_float16") + "/model.safetensors").tensors;
  const auto saved = load_safetensors(widened + "/model.safetensors").tensors;
  REQUIRE(saved.size() == stored.size());
  for (size_t i = 0; i < saved.size(); ++i) {
    CHECK(saved[i].first == stored[i].first);
    CHECK(same_bits(saved[i].second, stored[i].second));  // float16 is read as float32
  }
}
