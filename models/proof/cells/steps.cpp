// Writes the lines of a worked calculation.
#include "models/proof/cells/steps.h"

#include <algorithm>

#include "models/text/format.h"

namespace vitro::proof::cells {

namespace {

constexpr size_t kWidth = 96;   // of a line, at most, where several terms share it
constexpr int kOfFactors = 6;   // decimals, at least
constexpr size_t kGroup = 256;  // terms that are written as one number

std::string padded(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

// Replaces each % by the next of the texts, aligned on the right.
std::string filled(const std::string& pattern, const std::vector<std::string>& texts,
                   const std::vector<size_t>& widths) {
  std::string all;
  size_t i = 0;
  for (const char c : pattern) {
    if (c == '%') all += padded(texts[i], widths[i]), ++i;
    else all += c;
  }
  return all;
}

}  // namespace

Number Steps::number(double x) const {
  if (!decimals_) return {x, {}};
  return {x, Decimal::rounded(x, *decimals_)};
}

Number Steps::factor(double x) const {
  if (!decimals_) return {x, {}};
  return {x, Decimal::rounded(x, std::max(*decimals_, kOfFactors))};
}

std::string Steps::text(const Number& x) {
  if (!x.shown) return text::format("%.6g", x.exact);
  most_digits_ = std::max(most_digits_, x.shown->digits());
  return x.shown->text();
}
std::string Steps::operand(const Number& x) {
  const std::string digits = text(x);
  return digits[0] == '-' ? '(' + digits + ')' : digits;
}

Number Steps::result(const std::string& name, const std::string& formula, const Number& value) {
  say((name.empty() ? "" : name + " = ") + formula + " = " + text(value));
  return value;
}
Number Steps::plus(const std::string& name, const Number& a, const Number& b) {
  return result(name, text(a) + " + " + operand(b), a + b);
}
Number Steps::minus(const std::string& name, const Number& a, const Number& b) {
  return result(name, text(a) + " - " + operand(b), a - b);
}
Number Steps::times(const std::string& name, const Number& a, const Number& b) {
  return result(name, text(a) + " * " + operand(b), a * b);
}
Number Steps::over(const std::string& name, const Number& a, const Number& b) {
  return result(name, text(a) + " / " + operand(b), a / b);
}
Number Steps::over(const std::string& name, const Number& a, int64_t count) {
  return result(name, text(a) + " / " + std::to_string(count), a / count);
}
Number Steps::ratio(const std::string& name, const Number& a, const Number& b) {
  Number quotient{a.exact / b.exact};
  if (decimals_) quotient.shown = a.shown->over(*b.shown, std::max(*decimals_, kOfFactors));
  return result(name, text(a) + " / " + operand(b), quotient);
}
Number Steps::exp(const std::string& name, const Number& a) {
  return result(name, "exp(" + text(a) + ")", exp_of(a));
}
Number Steps::log(const std::string& name, const Number& a) {
  return result(name, "ln(" + text(a) + ")", log_of(a));
}
Number Steps::sqrt(const std::string& name, const Number& a) {
  return result(name, "sqrt(" + text(a) + ")", sqrt_of(a));
}
Number Steps::tanh(const std::string& name, const Number& a) {
  return result(name, "tanh(" + text(a) + ")", tanh_of(a));
}
Number Steps::erf(const std::string& name, const Number& a) {
  return result(name, "erf(" + text(a) + ")", erf_of(a));
}

Number Steps::add_up(const std::string& what, const std::string& pattern,
                     const std::vector<Term>& terms) {
  const std::string whole = pattern.empty() ? "%" : pattern + " = %";
  const size_t omit_from = terms.size() > kMostTerms ? kGroup : terms.size(),
               omit_to = terms.size() > kMostTerms ? terms.size() - kGroup : terms.size();
  const auto is_omitted = [&](size_t i) { return omit_from <= i && i < omit_to; };
  std::vector<std::vector<std::string>> texts(terms.size());
  std::vector<size_t> widths;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (is_omitted(i)) continue;
    if (!pattern.empty())
      for (const Number& x : terms[i].in) texts[i].push_back(text(x));
    texts[i].push_back(text(terms[i].value));
    widths.resize(texts[i].size());
    for (size_t j = 0; j < widths.size(); ++j) widths[j] = std::max(widths[j], texts[i][j].size());
  }
  std::string line;
  Number sum = number(0), group = sum;
  for (size_t i = 0; i < terms.size(); ++i) {
    sum = sum + terms[i].value;
    if (is_omitted(i)) {
      group = group + terms[i].value;
      const size_t in_group = (i - omit_from) % kGroup + 1;
      if (in_group < kGroup && i + 1 < omit_to) continue;
      if (!line.empty()) text_ += line + '\n', line.clear();
      say(text::format("the next %zu %s add up to ", in_group, what.c_str()) + text(group));
      group = number(0);
      continue;
    }
    const std::string next = filled(whole, texts[i], widths);
    if (!line.empty() && line.size() + 3 + next.size() > kWidth) text_ += line + '\n', line.clear();
    line += (line.empty() ? "    " : "   ") + next;
  }
  if (!line.empty()) text_ += line + '\n';
  say("the sum of the " + std::to_string(terms.size()) + ' ' + what + " = " + text(sum));
  return sum;
}

void Steps::table(std::vector<Column> columns) {
  size_t rows = 0;
  for (Column& column : columns) {
    size_t width = column.name.size();
    for (const std::string& cell : column.cells) width = std::max(width, cell.size());
    rows = std::max(rows, column.cells.size());
    if (column.is_text) continue;
    column.name = padded(column.name, width);
    for (std::string& cell : column.cells) cell = padded(cell, width);
  }
  for (size_t row = 0; row <= rows; ++row) {
    text_ += "  ";
    for (const Column& column : columns)
      text_ += "  " + (row == 0 ? column.name : column.cells.at(row - 1));
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += '\n';
  }
}

}  // namespace vitro::proof::cells
