// vitro verify: it agrees with a sound model, finds a spoiled module, and shows that oneDNN ran.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/process.h"

using namespace vitro::testing;
using Catch::Matchers::Contains;
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
  CHECK(result["perturbed"].is_null());

  REQUIRE(result["linears"].size() == 2);
  const json &hidden = result["linears"][0], &head = result["linears"][1];
  CHECK(hidden["module"] == "hidden");
  CHECK(hidden["input_shape"] == json({6, 64, 64}));
  CHECK(hidden["weight_shape"] == json({256, 64}));
  CHECK(hidden["output_shape"] == json({6, 64, 256}));
  CHECK(head["module"] == "head");
  for (const json& linear : result["linears"]) {
    CHECK(linear["agrees"] == true);
    CHECK(linear["max_relative_error"] < linear["allowed_relative_error"]);
    CHECK(linear["max_absolute_error"] > 0);  // float32 rounds, or nothing was compared
    CHECK(linear["max_absolute_error"] < 1e-5);
    CHECK_THAT(linear["kernel"].get<std::string>(), Contains("oneDNN"));
    const json& cell = linear["worst_cell"];
    CHECK(cell["module_value"].get<double>() ==
          Approx(cell["sum_of_products"].get<double>() + cell["bias"].get<double>()).margin(1e-5));
  }
  const char* tensors[] = {"hidden.weight", "hidden.bias", "input of hidden",
                           "head.weight",   "head.bias",   "input of head"};
  REQUIRE(result["gradients"].size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    const json& gradient = result["gradients"][i];
    CHECK(gradient["tensor"] == tensors[i]);
    CHECK(gradient["elements"] == 8);
    CHECK(gradient["agrees"] == true);
    CHECK(gradient["max_absolute_gradient"] > 0);
    CHECK(gradient["share_of_allowed"] > 0);
    CHECK(gradient["share_of_allowed"] < 1);
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

TEST_CASE("cli verify: a spoiled module is found and named, and no other") {
  struct Case {
    Words perturb;
    std::string guilty, innocent;
  };
  const Case cases[] = {{{"--perturb", "head"}, "head", "hidden"},
                        {{"--perturb", "hidden"}, "hidden", "head"},
                        {{"--perturb"}, "head", "hidden"}};
  for (const Case& c : cases) {
    const Finished run = run_vitro(with(kSmall, c.perturb));
    CHECK(run.code == 1);
    CHECK_THAT(run.err, Contains("verify: the output is not x W^T + b in " + c.guilty));
    CHECK_THAT(run.err, !Contains(c.innocent));
    CHECK_THAT(run.out, Contains("DISAGREES") && Contains("times 1.001"));
    const json result = json::parse(run_vitro(with(with(kSmall, c.perturb), {"--json"})).out);
    CHECK(result["agrees"] == false);
    CHECK(result["perturbed"] == c.guilty);
    CHECK(result["gradients"].is_null());
    for (const json& linear : result["linears"])
      CHECK(linear["agrees"] == (linear["module"] != c.guilty));
  }
  // Where sums are long, the bound of a single cell is wider than the fault.
  CHECK(run_vitro({"verify", "--n-embd", "8192", "--n-hidden", "2", "--perturb", "hidden"}).code ==
        1);
}

TEST_CASE("cli verify: one cell is shown in full") {
  const std::string out = run_vitro(kSmall).out;
  const size_t cell = out.find("2. One cell in full"), after = out.find("3. Gradients");
  REQUIRE(cell < after);
  const std::string part = out.substr(out.find("\n\n", cell), after - out.find("\n\n", cell));
  CHECK(std::count(part.begin(), part.end(), '*') == 8);  // one product of each k
  CHECK_THAT(part, Contains("sum of the 8 products") && Contains("+ bias") &&
                       Contains("= by hand") && Contains("the module's value"));
}
