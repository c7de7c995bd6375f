// Computes with exact fractions.
#include "tests/support/exact.h"

#include <cctype>
#include <cmath>
#include <regex>

namespace vitro::testing {

namespace {

Whole ten_to(size_t n) {
  Whole power = 1;
  for (size_t i = 0; i < n; ++i) power *= 10;
  return power;
}

// Evaluates a formula from tokens, as a calculator with parentheses does.
class Parser {
 public:
  Parser(const std::vector<std::string>& tokens, size_t at, const Names& names)
      : tokens_(tokens), at_(at), names_(names) {}
  std::optional<Value> sum() {
    std::optional<Value> x = product();
    while (x && (peek() == "+" || peek() == "-")) {
      const bool plus = tokens_[at_++] == "+";
      const std::optional<Value> y = product();
      if (!y) return {};
      x = Value{plus ? Fraction(x->exact + y->exact) : Fraction(x->exact - y->exact),
                x->is_rounded || y->is_rounded};
    }
    return x;
  }
  size_t at() const { return at_; }
  int operations() const { return operations_; }

 private:
  std::string peek() const { return at_ < tokens_.size() ? tokens_[at_] : ""; }
  std::optional<Value> product() {
    std::optional<Value> x = power();
    while (x && (peek() == "*" || peek() == "/")) {
      const bool times = tokens_[at_++] == "*";
      const std::optional<Value> y = power();
      if (!y || (!times && y->exact == 0)) return {};
      ++operations_;
      x = Value{times ? Fraction(x->exact * y->exact) : Fraction(x->exact / y->exact),
                x->is_rounded || y->is_rounded};
    }
    return x;
  }
  std::optional<Value> power() {
    std::optional<Value> x = one();
    if (!x || peek() != "^") return x;
    ++at_;
    const std::string exponent = peek();
    if (!is_number(exponent) || exponent.size() > 1) return {};
    ++at_, ++operations_;
    Fraction y = 1;
    for (int i = 0; i < exponent[0] - '0'; ++i) y *= x->exact;
    return Value{y, x->is_rounded};
  }
  std::optional<Value> one() {
    const std::string token = peek();
    if (token == "-") {
      ++at_;
      std::optional<Value> x = power();
      if (x) x->exact = -x->exact;
      return x;
    }
    if (token == "(") {
      ++at_;
      return closed(sum());
    }
    if (is_number(token)) return ++at_, Value{fraction_of(token)};
    if (const auto name = names_.find(token); name != names_.end()) return ++at_, name->second;
    return is_word(token) ? function(token) : std::nullopt;
  }
  std::optional<Value> closed(std::optional<Value> x) {
    if (peek() != ")") return {};
    return ++at_, x;
  }
  std::optional<Value> function(const std::string& name) {
    static const std::map<std::string, long double (*)(long double)> all = {{"exp", std::exp},
                                                                            {"ln", std::log},
                                                                            {"sqrt", std::sqrt},
                                                                            {"tanh", std::tanh},
                                                                            {"erf", std::erf}};
    if (at_ + 1 >= tokens_.size() || tokens_[at_ + 1] != "(") return {};
    at_ += 2, ++operations_;
    if (name == "max") {  // max(0, x)
      if (peek() != "0") return {};
      ++at_;
      if (peek() != ",") return {};
      ++at_;
      std::optional<Value> x = closed(sum());
      if (x && x->exact < 0) x->exact = 0;
      return x;
    }
    const auto found = all.find(name);
    const std::optional<Value> x = found == all.end() ? std::nullopt : closed(sum());
    if (!x) return {};
    const long double y = found->second(x->exact.convert_to<long double>());
    if (!std::isfinite(y)) return {};
    return Value{Fraction(y), true};
  }

  const std::vector<std::string>& tokens_;
  size_t at_;
  const Names& names_;
  int operations_ = 0;
};

}  // namespace

bool is_number(const std::string& token) {
  return !token.empty() && (std::isdigit(static_cast<unsigned char>(token[0])) ||
                            (token[0] == '.' && token.size() > 1));
}
bool is_word(const std::string& token) {
  return !token.empty() && std::isalpha(static_cast<unsigned char>(token[0]));
}

size_t decimals_of(const std::string& number) {
  const size_t point = number.find('.');
  return point == number.npos ? 0 : number.size() - point - 1;
}

Fraction fraction_of(const std::string& number) {
  std::string digits = number;
  if (const size_t point = digits.find('.'); point != digits.npos) digits.erase(point, 1);
  const size_t first = digits.find_first_not_of('0');  // cpp_int reads a leading 0 as octal
  return Fraction(Whole(first == digits.npos ? "0" : digits.substr(first)),
                  ten_to(decimals_of(number)));
}

std::vector<std::string> tokens_of(const std::string& line) {
  static const std::regex token(R"(\[[^\]]*\]|[0-9]+(?:\.[0-9]+)?|[A-Za-z_][\w.]*|[^\s])");
  std::vector<std::string> all;
  for (std::sregex_iterator it(line.begin(), line.end(), token), end; it != end; ++it)
    if (const std::string text = it->str(); text[0] != '[' || text.size() == 1) all.push_back(text);
    else all.push_back("[]");
  return all;
}

Formula formula_at(const std::vector<std::string>& tokens, size_t at, const Names& names) {
  Parser parser(tokens, at, names);
  const std::optional<Value> value = parser.sum();
  return {value, parser.at(), parser.operations()};
}

bool agrees(const Value& value, const Fraction& printed, size_t decimals) {
  const Whole scale = ten_to(decimals);
  const Fraction units = abs(value.exact) * scale, half(1, 2);
  const auto floor = [](const Fraction& x) { return Whole(numerator(x) / denominator(x)); };
  const Fraction slack = value.is_rounded ? Fraction(1, ten_to(6)) : Fraction(0);
  for (const Fraction& moved : {Fraction(units - slack), units, Fraction(units + slack)}) {
    const Fraction expected(floor(moved + half), scale);
    if (printed == (value.exact < 0 ? Fraction(-expected) : expected)) return true;
  }
  return false;
}

}  // namespace vitro::testing
