// Exact fractions, and the value of a printed formula.
#pragma once
#include <boost/multiprecision/cpp_int.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vitro::testing {

using Fraction = boost::multiprecision::cpp_rational;
using Whole = boost::multiprecision::cpp_int;

// A value, and whether a function made it, so that it is known to 16 digits only.
struct Value {
  Fraction exact;
  bool is_rounded = false;
};
using Names = std::map<std::string, Value>;

bool is_number(const std::string& token);
bool is_word(const std::string& token);
size_t decimals_of(const std::string& number);    // digits after the point
Fraction fraction_of(const std::string& number);  // of a number without a sign
// Numbers, words and signs; a group in brackets is one token "[]".
std::vector<std::string> tokens_of(const std::string& line);

// The value of the longest formula that begins at a token, with the values of the names in it.
struct Formula {
  std::optional<Value> value = {};
  size_t end = 0;      // the token after it
  int operations = 0;  // products, quotients, powers and functions
};
Formula formula_at(const std::vector<std::string>& tokens, size_t at, const Names& names);

// Whether `printed` is the value, rounded to `decimals`, halves away from zero.
bool agrees(const Value& value, const Fraction& printed, size_t decimals);

}  // namespace vitro::testing
