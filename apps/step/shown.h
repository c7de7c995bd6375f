// Numbers, products and sums as the page of `vitro step` shows them.
#pragma once
#include <string>

#include "apps/step/by_hand.h"

namespace vitro::cli {

inline std::string shown(const Decimal& x) { return x.text(); }
// " 0.25" or "-0.25", so that numbers with and without a sign stand in one column.
std::string aligned(const Decimal& x);
std::string product_text(const Decimal& a, const Decimal& b, const Decimal& product);  // a * b = c
std::string sum_text(const Decimals& terms);                                           // a + b - c
// a - b - c, with parentheses around a negative b or c
std::string difference_text(const Decimals& terms);
// The text, indented, with a line end.  A text that is too long for a line is broken before +
// or -.
std::string line_of(const std::string& text);
std::string numbered(const std::string& name, size_t i);            // name[i]
std::string numbered(const std::string& name, size_t i, size_t j);  // name[i,j]

// Lines of calculations in columns.  Each row has a label and its calculations; a row that is too
// long for one line is continued in the next.
struct ColumnRow {
  std::string label;
  std::vector<std::string> texts;
};
std::string in_columns(const std::vector<ColumnRow>& rows);

// The calculations of y = x W^T + b: a row of products for each y, then a row with each sum.
std::string linear_text(const std::string& name, const Decimals& x, const DecimalRows& weight,
                        const Decimals& bias, const HandLinear& linear);
// The exps, their sum, the probabilities and the loss.
std::string softmax_text(const Decimals& logits, const HandForward& forward, int64_t target,
                         const std::vector<std::string>& tokens);

}  // namespace vitro::cli
