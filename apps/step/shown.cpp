// Numbers, products and sums as the page of `vitro step` shows them.
#include "apps/step/shown.h"

#include <algorithm>

#include "models/text/format.h"

namespace vitro::cli {

namespace {

constexpr size_t kMostColumns = 96, kIndent = 3;

}  // namespace

std::string aligned(const Decimal& x) { return (x.value() < 0 ? "" : " ") + shown(x); }

std::string product_text(const Decimal& a, const Decimal& b, const Decimal& product) {
  return aligned(a) + " * " + aligned(b) + " = " + aligned(product);
}

std::string sum_text(const Decimals& terms) {
  std::string text;
  for (const Decimal& term : terms) {
    const std::string digits = shown(term);
    if (text.empty()) text = digits;
    else text += digits[0] == '-' ? " - " + digits.substr(1) : " + " + digits;
  }
  return text;
}

std::string difference_text(const Decimals& terms) {
  std::string text = shown(terms[0]);
  for (size_t i = 1; i < terms.size(); ++i)
    text += terms[i].value() < 0 ? " - (" + shown(terms[i]) + ')' : " - " + shown(terms[i]);
  return text;
}

std::string line_of(const std::string& text) {
  std::string lines, rest = std::string(kIndent, ' ') + text;
  while (rest.size() > kMostColumns) {
    size_t end = 0;
    for (const char* sign : {" + ", " - "})
      if (const size_t at = rest.rfind(sign, kMostColumns); at != rest.npos)
        end = std::max(end, at);
    if (end <= 3 * kIndent) break;
    lines += rest.substr(0, end) + '\n';
    rest = std::string(2 * kIndent, ' ') + rest.substr(end);
  }
  return lines + rest + '\n';
}

std::string numbered(const std::string& name, size_t i) {
  return name + '[' + std::to_string(i) + ']';
}
std::string numbered(const std::string& name, size_t i, size_t j) {
  return name + '[' + std::to_string(i) + ',' + std::to_string(j) + ']';
}

std::string in_columns(const std::vector<ColumnRow>& rows) {
  constexpr size_t kGap = 2;
  size_t label = 0, text = 0;
  for (const ColumnRow& row : rows) {
    label = std::max(label, row.label.size());
    for (const std::string& one : row.texts) text = std::max(text, one.size());
  }
  const size_t columns = std::max<size_t>(1, (kMostColumns - kIndent - label) / (text + kGap));
  std::vector<std::vector<std::string>> lines;
  for (const ColumnRow& row : rows)
    for (size_t i = 0; i < row.texts.size(); ++i) {
      if (i % columns == 0) lines.push_back({i == 0 ? row.label : ""});
      lines.back().push_back(row.texts[i]);
    }
  return text::table(lines, kIndent);
}

std::string linear_text(const std::string& name, const Decimals& x, const DecimalRows& weight,
                        const Decimals& bias, const HandLinear& linear) {
  std::vector<ColumnRow> products;
  std::string sums;
  for (size_t i = 0; i < weight.size(); ++i) {
    ColumnRow& row = products.emplace_back(ColumnRow{numbered(name, i), {}});
    Decimals terms = linear.products[i];
    for (size_t j = 0; j < x.size(); ++j)
      row.texts.push_back(product_text(x[j], weight[i][j], terms[j]));
    terms.push_back(bias[i]);
    sums += line_of(numbered(name, i) + " = " + sum_text(terms) + " = " + shown(linear.y[i]));
  }
  return in_columns(products) + sums;
}

std::string softmax_text(const Decimals& logits, const HandForward& forward, int64_t target,
                         const std::vector<std::string>& tokens) {
  std::vector<ColumnRow> exps, shares;
  for (size_t i = 0; i < logits.size(); ++i) {
    exps.push_back({tokens[i], {"exp(" + shown(logits[i]) + ") = " + shown(forward.exps[i])}});
    shares.push_back(
        {tokens[i],
         {shown(forward.exps[i]) + " / " + shown(forward.sum) + " = " + shown(forward.p[i])}});
  }
  const auto t = static_cast<size_t>(target);
  return in_columns(exps) +
         line_of("sum = " + sum_text(forward.exps) + " = " + shown(forward.sum)) +
         in_columns(shares) +
         line_of("L = -log(" + shown(forward.p[t]) + ") = " + shown(forward.loss));
}

}  // namespace vitro::cli
