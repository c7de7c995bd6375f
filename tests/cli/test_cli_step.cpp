// Tests that a calculator agrees with every digit of `vitro step`, and that the running model does.
#include <boost/multiprecision/cpp_int.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

using Whole = boost::multiprecision::cpp_int;

Whole ten_to(int exponent) { return pow(Whole(10), static_cast<unsigned>(exponent)); }

// A printed number: units 10^-places.
struct PrintedNumber {
  Whole units;
  int places = 0;
  PrintedNumber(Whole u, int p) : units(std::move(u)), places(p) {}
  explicit PrintedNumber(std::string text) {
    const bool is_negative = text[0] == '-';
    if (is_negative) text.erase(0, 1);
    if (const size_t point = text.find('.'); point != text.npos) {
      places = static_cast<int>(text.size() - point - 1);
      text.erase(point, 1);
    }
    text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));  // 0 begins an octal
    units = Whole(text);
    if (is_negative) units = -units;
  }
  double value() const { return static_cast<double>(units) / std::pow(10.0, places); }
  Whole at(int more) const { return units * ten_to(more - places); }
};

// Whether c is the number nearest to numerator / denominator among those with its places.
bool is_nearest(const PrintedNumber& c, const Whole& numerator, const Whole& denominator) {
  return 2 * abs(numerator * ten_to(c.places) - c.units * denominator) <= abs(denominator);
}
bool is_product(const PrintedNumber& a, const PrintedNumber& b, const PrintedNumber& c) {
  return is_nearest(c, a.units * b.units, ten_to(a.places + b.places));
}
bool is_quotient(const PrintedNumber& a, const PrintedNumber& b, const PrintedNumber& c) {
  return is_nearest(c, a.units * ten_to(b.places), b.units * ten_to(a.places));
}
bool is_function(const std::string& name, double x, const PrintedNumber& c) {
  const double root2 = std::sqrt(2.0), pi = std::acos(-1.0);
  const double y = name == "exp"    ? std::exp(x)
                   : name == "tanh" ? std::tanh(x)
                   : name == "log"  ? std::log(x)
                   : name == "sqrt" ? std::sqrt(x)
                   : name == "Phi"  ? (1 + std::erf(x / root2)) / 2
                                    : std::exp(-x * x / 2) / std::sqrt(2 * pi);
  return std::abs(y - c.value()) <= 0.501 * std::pow(10.0, -c.places);
}

const std::string kNumber = R"((-?\d+(?:\.\d+)?))";

// The equations of a page.  `fault` is the first that is wrong, or whose operands are not printed
// before it.
struct Checked {
  int products = 0, quotients = 0, sums = 0, functions = 0;
  std::string fault;
};
class Checker {
 public:
  explicit Checker(const std::string& page)
      : page_(std::regex_replace(page, std::regex(R"(\n +([+-] \d))"), " $1")) {
    static const std::regex number(R"(\d+(?:\.\d+)?)");
    for (std::sregex_iterator at(page_.begin(), page_.end(), number), end; at != end; ++at)
      first_.emplace(at->str(), at->position());  // keeps the first place
    const std::string n = R"( +)" + kNumber;
    each(kNumber + " +([*/])" + n + " =" + n, [this](const std::smatch& m) {
      const PrintedNumber a(m[1]), b(m[3]), c(m[4]);
      ++(m[2] == "*" ? found_.products : found_.quotients);
      return is_before(m, {m[1], m[3]}) &&
             (m[2] == "*" ? is_product(a, b, c) : is_quotient(a, b, c));
    });
    each(kNumber + R"(((?: [+-] \(?-?\d+(?:\.\d+)?\)?)+) = )" + kNumber,
         [this](const std::smatch& m) { return is_sum(m); });
    each(R"((exp|tanh|log|sqrt|Phi|phi)\()" + kNumber + R"(\) = )" + kNumber,
         [this](const std::smatch& m) {
           ++found_.functions;
           PrintedNumber c(m[3]);  // the page has -log(p)
           if (m[1] == "log") c.units = -c.units;
           return is_before(m, {m[2]}) && is_function(m[1], PrintedNumber(m[2]).value(), c);
         });
    each(R"(max\(0, )" + kNumber + R"(\) = )" + kNumber, [](const std::smatch& m) {
      const PrintedNumber z(m[1]), a(m[2]);
      return z.units > 0 ? a.units == z.units : a.units == 0;
    });
  }
  const Checked& found() const { return found_; }

 private:
  template <class F>
  void each(const std::string& pattern, F is_right) {
    const std::regex regex(pattern);
    for (std::sregex_iterator at(page_.begin(), page_.end(), regex), end; at != end; ++at)
      if (!is_right(*at) && found_.fault.empty()) found_.fault = at->str();
  }
  bool is_before(const std::smatch& equation, const std::vector<std::string>& operands) const {
    static const std::set<std::string> small = {"0", "1", "100"};
    for (std::string text : operands) {
      if (text[0] == '-') text.erase(0, 1);
      const auto at = first_.find(text);
      if (!small.contains(text) && (at == first_.end() || at->second >= equation.position()))
        return false;
    }
    return true;
  }
  bool is_sum(const std::smatch& m) {
    ++found_.sums;
    constexpr int kPlaces = 20;
    std::vector<std::string> operands = {m[1]};
    Whole sum = PrintedNumber(m[1]).at(kPlaces);
    static const std::regex term(R"(([+-]) \(?(-?\d+(?:\.\d+)?))");
    const std::string rest = m[2];
    for (std::sregex_iterator at(rest.begin(), rest.end(), term), end; at != end; ++at) {
      operands.push_back((*at)[2]);
      const Whole value = PrintedNumber((*at)[2]).at(kPlaces);
      sum += (*at)[1] == "+" ? value : Whole(-value);
    }
    return is_before(m, operands) && sum == PrintedNumber(m[3]).at(kPlaces);
  }

  std::string page_;
  std::map<std::string, std::ptrdiff_t> first_;
  Checked found_;
};

// A number with `places`, nearest to numerator / denominator, halves away from zero.
PrintedNumber nearest(const Whole& numerator, const Whole& denominator, int places) {
  const Whole twice = 2 * abs(numerator) * ten_to(places) + abs(denominator),
              units = twice / (2 * abs(denominator));
  return {(numerator < 0) == (denominator < 0) ? units : Whole(-units), places};
}
PrintedNumber product(const PrintedNumber& a, const PrintedNumber& b, int places) {
  return nearest(a.units * b.units, ten_to(a.places + b.places), places);
}
PrintedNumber quotient(const PrintedNumber& a, const PrintedNumber& b) {
  return nearest(a.units * ten_to(b.places), b.units * ten_to(a.places), 12);
}

// AdamW's first step with the default options, in the order of the page.
PrintedNumber updated(const PrintedNumber& w, const PrintedNumber& g) {
  const PrintedNumber rest1("0.1"), rest2("0.001"), hundred("100");
  const PrintedNumber m = quotient(product(rest1, g, 12), rest1), scaled = product(g, hundred, 8),
                      v = quotient(product(rest2, product(scaled, scaled, 12), 12), rest2);
  const PrintedNumber root =
      quotient({Whole(std::llround(std::sqrt(v.value()) * 1e12)), 12}, hundred);
  const PrintedNumber divisor(root.units + 10000, 12),
      move = product(PrintedNumber("0.1"), quotient(m, divisor), 12),
      decay = product(PrintedNumber("0.001"), w, 12);
  return nearest(w.at(12) - decay.units - move.units, ten_to(12), 8);
}

// The numbers of a JSON array of any depth.
std::vector<double> flat(const json& x) {
  if (!x.is_array()) return {x.get<double>()};
  std::vector<double> all;
  for (const json& part : x)
    for (const double number : flat(part)) all.push_back(number);
  return all;
}

const Words kWide = {"step",     "--prompt", "aabcde",     "--context", "2",
                     "--n-embd", "3",        "--n-hidden", "4"};

}  // namespace

TEST_CASE("step: a calculator finds every digit, from digits that stand before") {
  const struct {
    Words options;
    int x, h, v;  // sizes
  } table[] = {
      {{}, 2, 3, 3},
      {{"--prompt", "abab"}, 2, 3, 2},
      {{"--context", "2", "--prompt", "aab", "--seed", "4"}, 4, 3, 2},
      {{"--n-embd", "3", "--n-hidden", "4", "--prompt", "edcba"}, 3, 4, 5},
      {{"--lr", "0.003", "--weight-decay", "0", "--beta1", "0", "--beta2", "0.95"}, 2, 3, 3}};
  for (const auto& [options, x, h, v] : table)
    for (const char* activation : {"tanh", "relu", "gelu"}) {
      const Words words = with({"step", "--activation", activation}, options);
      const std::string page = output_of(words);
      const Checked found = Checker(page).found();
      CAPTURE(page);
      CHECK(found.fault == "");
      // Forward twice, backward, two changed units, AdamW; an activation adds its own.
      const int unit = std::string(activation) == "tanh"   ? h
                       : std::string(activation) == "gelu" ? 3 * h + 2
                                                           : 0;
      CHECK(found.products ==
            2 * (x * h + h * v) + 2 * (v * h) + h + 2 * (x * h) + 2 * (x + v) + 7 + unit);
      CHECK(found.quotients == 2 * v + 2 + 1 + 4);
      CHECK(found.sums > 2 * (h + v + 1) + v + h + x);
      CHECK(found.functions >= 4 * v + 5);
    }
}

TEST_CASE("step: the check of the page finds each changed digit") {
  const std::string page = output_of({"step"});
  const std::regex result(
      R"(\w = +-?\d+\.\d{7}(\d)|\d = +-?\d+\.\d{7}(\d)|\) = +-?\d+\.\d{7}(\d))");
  int changed = 0;
  for (std::sregex_iterator at(page.begin(), page.end(), result), end; at != end; ++at) {
    if (++changed % 9 != 0) continue;  // every ninth, to save time
    std::string wrong = page;
    char& digit = wrong[static_cast<size_t>(at->position() + at->length()) - 1];
    digit = digit == '5' ? '4' : '5';
    if (wrong == page) digit = '6';
    INFO(at->str());
    CHECK(Checker(wrong).found().fault != "");
  }
  CHECK(changed > 90);
  CHECK(Checker("0.25\n0.50\n 0.25 *  0.50 =  0.12500000").found().fault == "");
  CHECK(Checker("0.25\n 0.25 *  0.50 =  0.12500000").found().fault != "");  // 0.50 is not known
}

TEST_CASE("step: each new parameter follows from the digits of its row") {
  for (const Words& words : {Words{"step"}, Words{"step", "--seed", "8", "--activation", "gelu"}}) {
    const std::string page = output_of(words);
    const std::regex row(
        R"(\n   (\w+\.\w+\[[\d,]+\]) +(-?\d+\.\d\d) +(-?\d+\.\d{8}) +(-?\d+\.\d{8}))");
    int rows = 0;
    for (std::sregex_iterator at(page.begin(), page.end(), row), end; at != end; ++at, ++rows) {
      INFO(at->str());
      CHECK(updated(PrintedNumber((*at)[2]), PrintedNumber((*at)[3])).units ==
            PrintedNumber((*at)[4]).units);
    }
    CHECK(rows == 6 + 6 + 3 + 9 + 3);
    CHECK_THAT(page, Contains("The new loss is smaller"));
  }
}

TEST_CASE("step: the model, gradients and AdamW of the library give the same numbers") {
  for (const char* activation : {"tanh", "relu", "gelu"}) {
    const json j = json_of(with(kWide, {"--activation", activation, "--json"}));
    models::MiniLM model({.vocab_size = 5,
                          .n_embd = 3,
                          .n_hidden = 4,
                          .context = 2,
                          .activation = activation_of(activation)});
    {
      NoGradGuard no_grad;
      for (auto& [name, p] : model.named_parameters()) {
        const std::vector<double> numbers = flat(j["parameters"][name]);
        REQUIRE(std::ssize(numbers) == p.numel());
        for (size_t i = 0; i < numbers.size(); ++i)
          p.mutable_data<float>()[i] = static_cast<float>(numbers[i]);
      }
    }
    CHECK(j["ids"] == json({2, 3}));
    CHECK(j["target"] == 4);
    const Tensor ids = tensor({2, 3}).to(kInt64).reshape({1, 2}), target = tensor({4}).to(kInt64);
    const auto loss_now = [&] { return cross_entropy(model(ids).select(1, -1), target); };
    optim::AdamW optimizer(model.named_parameters(), {.lr = 0.1, .weight_decay = 0.01});
    const Tensor loss = loss_now();
    loss.backward();
    CHECK(j["forward"]["loss"].get<double>() == Approx(loss.item()).margin(2e-7));
    CHECK(j["model"]["loss"].get<double>() == loss.item());
    const auto compare = [&](const json& by_hand, const Tensor& x, double allowed) {
      const std::vector<double> numbers = flat(by_hand);
      REQUIRE(std::ssize(numbers) == x.numel());
      for (size_t i = 0; i < numbers.size(); ++i)
        CHECK(std::abs(numbers[i] - x.data<float>()[i]) <= allowed);
    };
    for (auto& [name, p] : model.named_parameters()) {
      compare(j["backward"]["parameters"][name], p.grad(), 2e-7);
      compare(j["model"]["gradients"][name], p.grad(), 0);
    }
    optimizer.step();
    for (auto& [name, p] : model.named_parameters()) {
      compare(j["new_parameters"][name], p, 1e-6);
      compare(j["model"]["new_parameters"][name], p, 0);
    }
    const int64_t row = j["weight"]["index"][0], column = j["weight"]["index"][1];
    CHECK(std::abs(j["adamw"]["new_weight"].get<double>() -
                   model.hidden.weight[row][column].item()) < 6e-8);
    CHECK(j["new_forward"]["loss"].get<double>() == Approx(loss_now().item()).margin(1e-6));
    CHECK(j["new_forward"]["loss"] < j["forward"]["loss"]);
  }
}

TEST_CASE("step: the finite difference agrees, also near relu's corner") {
  for (const char* activation : {"tanh", "relu", "gelu"})
    for (const char* seed : {"1", "2", "3", "4", "5", "31", "92", "265"}) {
      CAPTURE(activation, seed);
      const json j = json_of({"step", "--activation", activation, "--seed", seed, "--json"}),
                 &found = j["finite_difference"];
      CHECK(found["gradient"].get<double>() ==
            Approx(j["weight"]["gradient"].get<double>()).margin(3e-4));
      CHECK(found["loss_above"] != found["loss_below"]);
      const double h = found["h"];
      // With h = 0.01, z would cross relu's corner for these seeds.
      const bool is_near = std::string(activation) == "relu" && std::stoi(seed) > 30;
      CHECK(h == (is_near ? 0.001 : 0.01));
      CHECK((found["loss_above"].get<double>() - found["loss_below"].get<double>()) / (2 * h) ==
            Approx(found["gradient"].get<double>()).margin(1e-8));
    }
}

TEST_CASE("step: the JSON has the numbers of the page") {
  const std::string page = output_of({"step"});
  const json j = json_of({"step", "--json"});
  for (const json& part : {j["forward"], j["backward"]["logits"], j["backward"]["a"],
                           j["backward"]["z"], j["backward"]["x"], j["new_forward"]["logits"]})
    for (const auto& item : part.items())
      for (const double number : flat(item.value())) {
        char text[32];
        std::snprintf(text, sizeof text, item.key() == "x" ? "%.2f" : "%.8f", number);
        INFO(item.key());
        CHECK_THAT(page, Contains(text));
      }
  char text[32];
  std::snprintf(text, sizeof text, "%.12f", j["adamw"]["new_weight"].get<double>());
  CHECK_THAT(page, Contains(text));
}

TEST_CASE("step: a page has short lines") {
  for (const char* activation : {"tanh", "relu", "gelu"}) {
    std::istringstream lines(output_of(with(kWide, {"--activation", activation, "--seed", "7"})));
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= 100);
      CHECK((line.empty() || line.back() != ' '));
    }
  }
}

TEST_CASE("step: what does not fit on a page is refused") {
  check_refused({"step", "--n-embd", "64"}, 2,
                "--n-embd: expected a whole number from 1 to 3, got \"64\", so that the step fits");
  check_refused({"step", "--n-hidden", "5"}, 2, "from 1 to 4");
  check_refused({"step", "--context", "3"}, 2, "from 1 to 2");
  check_refused({"step", "--prompt", "abcdef"}, 2,
                "--prompt: expected 2 to 5 different characters, so that the step fits on a page, "
                "got 6");
  check_refused({"step", "--prompt", "aaa"}, 2, "got 1");
  check_refused({"step", "--prompt", "ab", "--context", "2"}, 2,
                "--prompt: expected at least 3 characters for --context 2, got 2");
  check_refused({"step", "--lr", "2"}, 2, "expected at most 1, with at most 6 decimals, got \"2\"");
  check_refused({"step", "--lr", "0.0000001"}, 2, "with at most 6 decimals");
  check_refused({"step", "--lr", "1e-3"}, 2, "with at most 6 decimals");
  check_refused({"step", "--activation", "silu"}, 2, "tanh|relu|gelu");
  check_refused({"step", "--beta2", "1"}, 2, "expected a number from 0 to below 1");
}

TEST_CASE("step: the tutorial shows what the program prints") {
  // The running model's last digits may depend on the processor.
  const auto by_hand = [](const std::string& text) {
    std::istringstream lines(text);
    std::string kept;
    for (std::string line; std::getline(lines, line);)
      if (line.find("running model") == line.npos) kept += line + '\n';
    return kept;
  };
  const std::string page = read_file(source_path("docs/tutorials/one-training-step.md"));
  std::istringstream blocks(page);
  std::string shown, line;
  for (bool inside = false; std::getline(blocks, line);) {
    if (line.starts_with("```")) inside = line == "```text";
    else if (inside) shown += line + '\n';
  }
  const auto without_gaps = [](const std::string& text) {
    return std::regex_replace(text, std::regex("\n+"), "\n");
  };
  CHECK(without_gaps(by_hand(shown)) == without_gaps(by_hand(output_of({"step"}))));
}
