// Tests that vitro verify accepts a correct model, finds a changed module, and shows oneDNN's part.
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "tests/support/process.h"
#include "tests/support/refusal.h"

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
    CHECK(linear["max_absolute_error"] > 0);  // 0 would mean that nothing was compared
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

TEST_CASE("cli verify: only the changed module is found and named") {
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
  // For long sums, the bound of a single cell is wider than the change.
  CHECK(run_vitro({"verify", "--n-embd", "8192", "--n-hidden", "2", "--perturb", "hidden"}).code ==
        1);
}

namespace {

// A printed number in units of its last digit, and how many digits follow its point.
struct Decimal {
  int64_t units;
  size_t places;
  explicit Decimal(const std::string& text) : places(text.size() - text.find('.') - 1) {
    std::string digits = text;
    digits.erase(digits.find('.'), 1);
    units = std::stoll(digits);
  }
};

// Computes the cell of a report again from its printed digits.  Returns an error, or an empty text.
std::string faults(const std::string& out, size_t products) {
  const std::string n = R"(\s*(-?\d+\.\d+)\s*)";
  const std::regex product(n + R"(\*)" + n + "=" + n),
      total("products" + n + R"(\n\s*\+ bias)" + n + R"(\n\s*= sum of the digits shown)" + n);
  size_t count = 0;
  int64_t sum = 0;
  for (std::sregex_iterator at(out.begin(), out.end(), product), end; at != end; ++at, ++count) {
    const Decimal a((*at)[1]), b((*at)[2]), c((*at)[3]);
    sum += c.units;
    const auto exact = static_cast<long double>(a.units) * static_cast<long double>(b.units),
               shown = static_cast<long double>(c.units) *
                       std::pow(10.0L, static_cast<int>(a.places + b.places - c.places)),
               half = std::pow(10.0L, static_cast<int>(a.places + b.places - c.places)) * 0.501L;
    if (std::abs(exact - shown) > half) return at->str();
  }
  if (count != products) return std::to_string(count) + " products";
  std::smatch found;
  if (!std::regex_search(out, found, total)) return "no total";
  if (sum != Decimal(found[1]).units) return "another sum: " + found.str();
  return Decimal(found[1]).units + Decimal(found[2]).units == Decimal(found[3]).units ? ""
                                                                                      : found.str();
}

}  // namespace

TEST_CASE("cli verify: one cell is shown in full") {
  const std::string out = run_vitro(kSmall).out;
  const size_t cell = out.find("2. One cell in full"), after = out.find("3. Gradients");
  REQUIRE(cell < after);
  const std::string part = out.substr(out.find("\n\n", cell), after - out.find("\n\n", cell));
  CHECK(faults(out, 8).empty());
  CHECK_THAT(part, Contains("sum of the 8 products") && Contains("+ bias") &&
                       Contains("= by hand") && Contains("the module's value"));
}

TEST_CASE("cli verify: --cell names the number that is shown, and a calculator finds its digits") {
  const struct {
    const char *cell, *shown;
    size_t products;
  } table[] = {{"hidden[0,3,5]", "y[0, 3, 5]", 8},
               {"hidden[ 5, 63 ,15 ]", "y[5, 63, 15]", 8},
               {"head[2, 0, 0]", "y[2, 0, 0]", 16}};
  for (const auto& [cell, shown, products] : table) {
    const Words ask = with(kSmall, {"--cell", cell});
    const Finished run = run_vitro(ask);
    CAPTURE(run.out, run.err);
    CHECK(run.code == 0);
    CHECK_THAT(run.out, Contains(std::string(": ") + shown));
    CHECK(faults(run.out, products).empty());
    const json found = json::parse(run_vitro(with(ask, {"--json"})).out)["cell"];
    CHECK(
        found["module_value"].get<double>() ==
        Approx(found["sum_of_products"].get<double>() + found["bias"].get<double>()).margin(1e-5));
  }
  for (const char* seed : {"1", "2", "3"})  // numbers of other sizes
    for (const char* activation : {"relu", "none"}) {
      const Words ask =
          with(kSmall, {"--cell", "head[1,2,3]", "--seed", seed, "--activation", activation});
      CHECK(faults(run_vitro(ask).out, 16).empty());
    }
  CHECK(json::parse(run_vitro(with(kSmall, {"--json"})).out)["cell"].is_null());
}

TEST_CASE("cli verify: the model reads the text of --prompt") {
  const Finished run = run_vitro(with(kSmall, {"--prompt", "The little"}));
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Contains("It reads 1 window of 9 tokens"));
  check_refused({"verify", "--prompt", "T"}, 1,
                "--prompt: expected at least 2 tokens, got 1: \"T\"");
  check_refused({"verify", "--prompt", "\u65e5\u672c"}, 1, "");
}

TEST_CASE("cli verify: a perturbed model shows the verdict, and a cell only with --cell") {
  const Words spoiled = with(kSmall, {"--perturb", "hidden"});
  const std::string out = run_vitro(spoiled).out;
  CHECK_THAT(out, !Contains(" * ") && !Contains("2. One cell") && !Contains("3. Gradients"));
  CHECK(out.find("verify finds it: the output is not x W^T + b in hidden.") <
        out.find("1. Forward"));
  const std::string asked = run_vitro(with(spoiled, {"--cell", "hidden[0,1,2]"})).out;
  CHECK_THAT(asked, Contains("y[0, 1, 2]"));
  CHECK(faults(asked, 8).empty());
}
