// Works scores, weights and mixed values of one head of attention.
#include "models/proof/cells/heads.h"

#include <algorithm>
#include <cmath>

#include "models/text/format.h"

namespace vitro::proof::cells {

namespace {

constexpr size_t kProducts = 64;  // if all scores have so few products, all are shown

std::vector<double> turned(const std::vector<double>& x, double position, double base) {
  const size_t half = x.size() / 2;
  std::vector<double> y(x.size());
  for (size_t i = 0; i < half; ++i) {
    const double angle =
        position * std::pow(base, -2 * static_cast<double>(i) / static_cast<double>(x.size()));
    y[i] = x[i] * std::cos(angle) - x[i + half] * std::sin(angle);
    y[i + half] = x[i + half] * std::cos(angle) + x[i] * std::sin(angle);
  }
  return y;
}

// Writes the rotation of x by its position, if there is one.
std::vector<Number> turned_steps(Steps& s, const HeadView& head, const std::string& name,
                                 const std::vector<double>& x, size_t position) {
  std::vector<Number> y;
  for (double value : x) y.push_back(s.number(value));
  if (!head.rope_base) return y;
  const size_t half = x.size() / 2;
  const std::string width = std::to_string(x.size());
  s.say("rope turns each pair a = " + name + "[i], b = " + name + "[i + " + std::to_string(half) +
        "] by the angle " + std::to_string(position) + " * " +
        text::format("%.9g", *head.rope_base) + "^(-2 i / " + width + "):");
  s.say("A = a * cos - b * sin");
  s.say("B = b * cos + a * sin");
  std::vector<Column> columns = {{"i", {}},   {"a", {}}, {"b", {}}, {"cos", {}},
                                 {"sin", {}}, {"A", {}}, {"B", {}}};
  for (size_t i = 0; i < half; ++i) {
    const double angle =
        static_cast<double>(position) *
        std::pow(*head.rope_base, -2 * static_cast<double>(i) / static_cast<double>(x.size()));
    const Number a = y[i], b = y[i + half], c = s.number(std::cos(angle)),
                 sine = s.number(std::sin(angle));
    y[i] = sum_of_products(a, c, -b, sine), y[i + half] = sum_of_products(b, c, a, sine);
    columns[0].cells.push_back(std::to_string(i));
    size_t column = 1;
    for (const Number& n : {a, b, c, sine, y[i], y[i + half]})
      columns[column++].cells.push_back(s.text(n));
  }
  s.table(columns);
  return y;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// q k of position i with all digits.
double exact_product(const HeadView& head, size_t i) {
  if (!head.rope_base) return dot(head.q, head.k[i]);
  return dot(turned(head.q, static_cast<double>(head.t), *head.rope_base),
             turned(head.k[i], static_cast<double>(i), *head.rope_base));
}

Number product_steps(Steps& s, const HeadView& head, const std::vector<Number>& q, size_t i) {
  const std::string name = "k of position " + std::to_string(i);
  const std::vector<Number> k = turned_steps(s, head, "k", head.k[i], i);
  s.say("q times " + name + ":");
  std::vector<Term> terms;
  for (size_t d = 0; d < k.size(); ++d) terms.push_back({{q[d], k[d]}, q[d] * k[d]});
  return s.add_up("products", "% * %", terms);
}

// q k of each visible position: in full if there are few numbers, else one of them.
std::vector<Number> all_products(Steps& s, const HeadView& head, size_t in_full) {
  const std::vector<Number> q = turned_steps(s, head, "q", head.q, static_cast<size_t>(head.t));
  const bool are_few = head.k.size() * head.q.size() <= kProducts;
  std::vector<Number> all;
  for (size_t i = 0; i < head.k.size(); ++i)
    all.push_back(are_few || i == in_full ? product_steps(s, head, q, i)
                                          : s.number(exact_product(head, i)));
  if (!are_few && head.k.size() > 1)
    s.say("The qk of the other positions follow from their k in the same way.");
  return all;
}

std::string hidden_positions(const HeadView& head) {
  const auto seen = static_cast<int64_t>(head.k.size());
  if (seen == head.positions) return "";
  const std::string first = std::to_string(seen);
  if (seen + 1 == head.positions)
    return "Position " + first + " comes later: the mask leaves it out.";
  return "Positions " + first + " to " + std::to_string(head.positions - 1) +
         " come later: the mask leaves them out.";
}

size_t most_seen(const HeadView& head) {
  size_t best = 0;
  for (size_t i = 1; i < head.k.size(); ++i)
    if (exact_product(head, i) > exact_product(head, best)) best = i;
  return best;
}

// The steps of a softmax over the visible positions.
struct Weights {
  std::vector<Number> qk = {}, a = {}, e = {}, p = {};
  Number root = {}, largest = {}, sum = {};
};

Weights weights_of(Steps& s, const HeadView& head, size_t in_full) {
  Weights w;
  w.qk = all_products(s, head, in_full);
  w.root = s.result("", "sqrt(" + std::to_string(head.q.size()) + ")",
                    s.number(std::sqrt(static_cast<double>(head.q.size()))));
  for (const Number& x : w.qk) w.a.push_back(x / w.root);
  w.largest = *std::max_element(w.a.begin(), w.a.end(), [](const Number& x, const Number& y) {
    return x.shown && y.shown ? x.shown->value() < y.shown->value() : x.exact < y.exact;
  });
  w.sum = s.number(0);
  for (const Number& x : w.a) {
    w.e.push_back(exp_of(x - w.largest));
    w.sum = w.sum + w.e.back();
  }
  for (const Number& e : w.e) w.p.push_back(e / w.sum);
  if (const std::string left_out = hidden_positions(head); !left_out.empty()) s.say(left_out);
  s.say("a = qk / " + s.text(w.root));
  s.say("e = exp(a - " + s.operand(w.largest) + "), where the largest a is subtracted");
  s.say("p = e / " + s.text(w.sum) + ", the sum of the e");
  return w;
}

Column column_of(Steps& s, const std::string& name, const std::vector<Number>& numbers) {
  Column column{name, {}};
  for (const Number& x : numbers) column.cells.push_back(s.text(x));
  return column;
}

std::vector<Column> columns_of(Steps& s, const Weights& w) {
  Column position{"s", {}};
  for (size_t i = 0; i < w.qk.size(); ++i) position.cells.push_back(std::to_string(i));
  return {position, column_of(s, "qk", w.qk), column_of(s, "a", w.a), column_of(s, "e", w.e),
          column_of(s, "p", w.p)};
}

}  // namespace

Number score_steps(Steps& s, const HeadView& head, int64_t at) {
  const std::vector<Number> q = turned_steps(s, head, "q", head.q, static_cast<size_t>(head.t));
  const Number qk = product_steps(s, head, q, static_cast<size_t>(at));
  const Number root = s.result("", "sqrt(" + std::to_string(head.q.size()) + ")",
                               s.number(std::sqrt(static_cast<double>(head.q.size()))));
  return s.over("qk / sqrt(D)", qk, root);
}

Number pattern_steps(Steps& s, const HeadView& head, int64_t at) {
  const Weights w = weights_of(s, head, static_cast<size_t>(at));
  s.table(columns_of(s, w));
  s.say("p of position " + std::to_string(at) + " is " + s.text(w.p.at(static_cast<size_t>(at))));
  return w.p.at(static_cast<size_t>(at));
}

Number z_steps(Steps& s, const HeadView& head, int64_t d) {
  const Weights w = weights_of(s, head, most_seen(head));
  std::vector<Number> v, pv;
  for (size_t i = 0; i < w.p.size(); ++i) {
    v.push_back(s.number(head.v[i].at(static_cast<size_t>(d))));
    pv.push_back(w.p[i] * v.back());
  }
  s.say("pv = p * v, where v is number " + std::to_string(d) + " of each position's values");
  std::vector<Column> columns = columns_of(s, w);
  columns.push_back(column_of(s, "v", v)), columns.push_back(column_of(s, "pv", pv));
  s.table(columns);
  Number sum = s.number(0);
  for (const Number& x : pv) sum = sum + x;
  s.say("the sum of the " + std::to_string(pv.size()) + " pv = " + s.text(sum));
  return sum;
}

}  // namespace vitro::proof::cells
