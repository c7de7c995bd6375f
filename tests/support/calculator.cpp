// Reads a printed calculation, and computes its steps again.
#include "tests/support/calculator.h"

#include <regex>
#include <sstream>

#include "tests/support/exact.h"

namespace vitro::testing {

namespace {

class Reader {
 public:
  Recalculated read(const std::string& text) {
    std::istringstream lines(text);
    while (std::getline(lines, line_)) {
      tokens_ = tokens_of(line_);
      if (tokens_.empty() || row()) continue;
      columns_are_open_ = false;
      given(text, line_);
      if (partial_sum() || whole_sum() || result() || formula() || header()) continue;
      equations_or_terms();
    }
    return std::move(done_);
  }

 private:
  struct Printed {
    Fraction value;
    size_t decimals;
    size_t after;  // the place of the next token
  };
  // The number at this place, with its sign.
  std::optional<Printed> number_at(size_t at) const {
    const bool minus = at < tokens_.size() && tokens_[at] == "-";
    if (minus) ++at;
    if (at >= tokens_.size() || !is_number(tokens_[at])) return {};
    const Fraction size = fraction_of(tokens_[at]);
    return Printed{minus ? Fraction(-size) : size, decimals_of(tokens_[at]), at + 1};
  }
  void expect(const Value& value, const Printed& printed, const std::string& what) {
    ++done_.equations;
    last_ = printed.value;
    if (!agrees(value, printed.value, printed.decimals))
      done_.faults.push_back(what + ": " + line_);
  }

  // "x is N": the steps use N, so its digits stand again after this line.
  void given(const std::string& text, const std::string& line) {
    static const std::regex form(R"( is -?([0-9]+\.[0-9]+)(?=,|$))");
    const size_t after = text.find(line) + line.size();
    for (std::sregex_iterator it(line.begin(), line.end(), form), end; it != end; ++it)
      if (text.find((*it)[1], after) == text.npos)
        done_.faults.push_back("a number that no step uses: " + line);
  }

  // "E = N", with at least one operation, as often as the line has it.
  void equations_or_terms() {
    const bool starts_with_number = number_at(0) || tokens_[0] == "(";
    bool has_equation = false;
    for (size_t i = 0; i < tokens_.size();) {
      const bool begins = i == 0 || tokens_[i - 1] == "=" || after_number_ == i;
      const Formula found = begins ? formula_at(tokens_, i, {}) : Formula();
      if (!found.value || found.operations + sums_in(i, found.end) == 0 ||
          found.end >= tokens_.size() || tokens_[found.end] != "=") {
        ++i;
        continue;
      }
      const std::optional<Printed> printed = number_at(found.end + 1);
      if (!printed) {
        ++i;
        continue;
      }
      expect(*found.value, *printed, "equation");
      has_equation = true;
      if (starts_with_number) group_ += printed->value, ++terms_;
      i = after_number_ = printed->after;
    }
    after_number_ = 0;
    if (!has_equation && starts_with_number) plain_numbers();
    for (size_t i = 0; i < tokens_.size(); ++i)
      if (const auto number = number_at(i)) last_ = number->value, i = number->after - 1;
  }
  int sums_in(size_t from, size_t to) const {
    int count = 0;
    for (size_t i = from + 1; i < to; ++i) count += tokens_[i] == "+" || tokens_[i] == "-";
    return count;
  }
  // A line that has nothing but numbers.
  void plain_numbers() {
    std::vector<Fraction> all;
    for (size_t i = 0; i < tokens_.size(); i = number_at(i)->after) {
      if (!number_at(i)) return;
      all.push_back(number_at(i)->value);
    }
    for (const Fraction& value : all) group_ += value, ++terms_;
  }

  // "the other 60 e add up to N", "the next 256 products add up to N"
  bool partial_sum() {
    static const std::regex form(
        R"( the (?:other|next) ([0-9]+) ([A-Za-z]+) add up to (-?[0-9.]+))");
    std::smatch found;
    if (!std::regex_search(line_, found, form)) return false;
    std::string digits = found[3];
    const bool minus = digits[0] == '-';
    const Fraction size = fraction_of(minus ? digits.substr(1) : digits),
                   value = minus ? Fraction(-size) : size;
    if (found[2] == "e") others_ += value, other_count_ += std::stoi(found[1]);
    else group_ += value, terms_ += std::stoi(found[1]);
    return true;
  }
  // "the sum of the 16 products = N", "the sum of all 60 e = N"
  bool whole_sum() {
    if (tokens_.size() < 7 || tokens_[0] != "the" || tokens_[1] != "sum" || tokens_[2] != "of")
      return false;
    size_t equals = 0;
    while (equals < tokens_.size() && tokens_[equals] != "=") ++equals;
    const std::optional<Printed> printed = number_at(equals + 1);
    if (!printed) return false;
    const int count = std::stoi(tokens_[4]);
    if (const auto column = sums_.find(tokens_[5]); column != sums_.end()) {
      expect({column->second + others_}, *printed, "sum of a column");
      expect({Fraction(rows_ + other_count_)}, {Fraction(count), 0, 0}, "number of rows");
      others_ = 0, other_count_ = 0;
    } else {
      expect({group_}, *printed, "sum");
      expect({Fraction(terms_)}, {Fraction(count), 0, 0}, "number of terms");
      group_ = 0, terms_ = 0;
    }
    last_ = printed->value;
    return true;
  }
  // "= N from the digits shown"
  bool result() {
    if (tokens_[0] != "=") return false;
    const std::optional<Printed> printed = number_at(1);
    if (printed && line_.find("from the digits shown") != line_.npos)
      expect({last_}, *printed, "last number");
    group_ = 0, terms_ = 0, formulas_.clear(), sums_.clear();
    return true;
  }
  // "a = qk / 2.0", with the name of a column on the right
  bool formula() {
    if (tokens_.size() < 5 || !is_word(tokens_[0]) || tokens_[1] != "=") return false;
    Names any;
    for (size_t i = 2; i < tokens_.size() && tokens_[i] != "," && tokens_[i] != "="; ++i)
      if (is_word(tokens_[i]) && (i + 1 == tokens_.size() || tokens_[i + 1] != "("))
        any[tokens_[i]] = {1};
    if (any.empty()) return false;
    const Formula found = formula_at(tokens_, 2, any);
    if (!found.value || (found.end < tokens_.size() && tokens_[found.end] != ",")) return false;
    formulas_[tokens_[0]] = {tokens_.begin() + 2,
                             tokens_.begin() + static_cast<std::ptrdiff_t>(found.end)};
    if (line_.find(", the sum of the e") != line_.npos) divisor_ = *number_at(found.end - 1);
    return true;
  }
  bool header() {
    if (tokens_.size() < 3) return false;
    for (const std::string& token : tokens_)
      if (!is_word(token)) return false;
    bool has_formula = false;
    for (const std::string& token : tokens_) has_formula |= formulas_.contains(token);
    if (!has_formula) return false;
    columns_ = tokens_, columns_are_open_ = true, sums_.clear(), rows_ = 0;
    return true;
  }
  bool row() {
    if (!columns_are_open_) return false;
    Names names;
    std::map<std::string, Printed> printed;
    size_t at = 0;
    for (const std::string& column : columns_) {
      if (column == "token") break;
      const std::optional<Printed> number = number_at(at);
      if (!number) return end_of_table();
      names[column] = {number->value}, printed.insert({column, *number}), at = number->after;
    }
    ++rows_;
    for (const auto& [column, number] : printed) {
      sums_[column] += number.value;
      if (!formulas_.contains(column)) continue;
      expect(formula_at(formulas_[column], 0, names).value.value(), number, "column " + column);
    }
    return true;
  }
  // If p divides by the sum of the e, the column e has this sum.
  bool end_of_table() {
    if (divisor_) expect({sums_["e"]}, *divisor_, "sum of the e");
    divisor_.reset();
    return false;
  }

  Recalculated done_;
  std::string line_;
  std::vector<std::string> tokens_, columns_;
  std::map<std::string, std::vector<std::string>> formulas_;
  std::map<std::string, Fraction> sums_;
  std::optional<Printed> divisor_;
  Fraction group_ = 0, others_ = 0, last_ = 0;
  int terms_ = 0, rows_ = 0, other_count_ = 0;
  size_t after_number_ = 0;
  bool columns_are_open_ = false;
};

}  // namespace

Recalculated recalculated(const std::string& text) { return Reader().read(text); }

}  // namespace vitro::testing
