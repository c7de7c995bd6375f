// Steps: the printed lines of one worked calculation.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "models/proof/decimal.h"

namespace vitro::proof::cells {

// A number of a worked calculation: with all digits, and as it is printed.  Both are carried
// through every operation.  Numbers that no Decimal can hold are printed with 6 digits instead.
struct Number {
  double exact = 0;
  std::optional<Decimal> shown = {};
};
Number operator+(const Number& a, const Number& b);
Number operator-(const Number& a, const Number& b);
Number operator*(const Number& a, const Number& b);
Number operator/(const Number& a, const Number& b);
Number operator/(const Number& a, int64_t count);
Number operator-(const Number& a);
Number exp_of(const Number& a);
Number log_of(const Number& a);
Number sqrt_of(const Number& a);
Number tanh_of(const Number& a);
Number erf_of(const Number& a);
Number sum_of_products(const Number& a, const Number& b, const Number& c, const Number& d);

// One term of a sum: the numbers that its formula names, and its value.
struct Term {
  std::vector<Number> in;
  Number value;
};

// A column of a table.
struct Column {
  std::string name;
  std::vector<std::string> cells;
  bool is_text = false;  // aligned on the left
};

// The lines, in which every number has the same number of decimals.
class Steps {
 public:
  // Sums and tables of more terms are printed in part.
  static constexpr size_t kMostTerms = 1024;

  explicit Steps(std::optional<int> decimals) : decimals_(decimals) {}

  Number number(double x) const;  // x rounded to the decimals
  // x with at least 6 decimals, for factors of about 1 beside large numbers.
  Number factor(double x) const;
  std::optional<int> decimals() const { return decimals_; }
  std::string text(const Number& x);     // its digits
  std::string operand(const Number& x);  // the same, in parentheses if it is negative

  void say(const std::string& line) { text_ += "  " + line + '\n'; }
  void blank() { text_ += '\n'; }
  // Each writes one line "name = a + b = result"; without a name, "a + b = result".
  Number plus(const std::string& name, const Number& a, const Number& b);
  Number minus(const std::string& name, const Number& a, const Number& b);
  Number times(const std::string& name, const Number& a, const Number& b);
  Number over(const std::string& name, const Number& a, const Number& b);
  Number over(const std::string& name, const Number& a, int64_t count);
  Number ratio(const std::string& name, const Number& a, const Number& b);  // as a factor
  Number exp(const std::string& name, const Number& a);
  Number log(const std::string& name, const Number& a);
  Number sqrt(const std::string& name, const Number& a);
  Number tanh(const std::string& name, const Number& a);
  Number erf(const std::string& name, const Number& a);
  Number result(const std::string& name, const std::string& formula, const Number& value);

  // Writes every term, and "the sum of the N products = result".  In the pattern "% * %", each %
  // is one of the term's numbers; without a pattern, only the value is written.  If there are
  // very many terms, groups of them are written as one number.
  Number add_up(const std::string& what, const std::string& pattern,
                const std::vector<Term>& terms);
  void table(std::vector<Column> columns);  // numbers are aligned on the right

  const std::string& all() const { return text_; }
  int most_digits() const { return most_digits_; }  // of the printed numbers

 private:
  std::optional<int> decimals_;
  std::string text_;
  int most_digits_ = 0;
};

}  // namespace vitro::proof::cells
