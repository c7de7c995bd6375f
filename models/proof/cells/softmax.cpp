// Works one probability of a softmax, and one loss.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/layers/layers.h"
#include "models/proof/array.h"
#include "models/proof/cells/cells.h"
#include "models/text/format.h"

namespace vitro::proof::cells {

namespace {

const Model kLogitsOnly{.why_not = "the model itself ends with the logits"};

// The scores whose rows are printed, and all others as one number.
struct ShownRows {
  std::vector<size_t> shown;
  size_t others = 0;
  size_t largest = 0;
};

// All rows if there are few; else the largest ones and `asked`.
ShownRows rows_of(const Scores& scores, size_t asked) {
  const std::vector<double>& x = scores.x;
  ShownRows rows;
  rows.shown.resize(x.size());
  std::iota(rows.shown.begin(), rows.shown.end(), size_t{0});
  rows.largest = static_cast<size_t>(std::max_element(x.begin(), x.end()) - x.begin());
  if (x.size() <= 2 * scores.most) return rows;
  const auto middle = rows.shown.begin() + static_cast<std::ptrdiff_t>(scores.most);
  std::partial_sort(rows.shown.begin(), middle, rows.shown.end(),
                    [&](size_t a, size_t b) { return x[a] > x[b] || (x[a] == x[b] && a < b); });
  const bool is_asked = std::find(rows.shown.begin(), middle, asked) != middle;
  rows.shown.erase(middle, rows.shown.end());
  if (!is_asked) rows.shown.push_back(asked);
  rows.others = x.size() - rows.shown.size();
  return rows;
}

// exp((x - largest) / temperature), from the printed digits.
Number weight_of(const Number& x, const Number& largest, double temperature) {
  const Number d = x - largest;
  if (temperature == 1) return exp_of(d);
  Number e{std::exp(d.exact / temperature)};
  if (d.shown)
    e.shown = Decimal::rounded(std::exp(d.shown->value() / temperature), d.shown->decimals());
  return e;
}

// e / sum with enough decimals for a small quotient.
Number quotient(const Number& e, const Number& sum) {
  Number p{e.exact / sum.exact};
  if (!e.shown || !sum.shown) return p;
  int decimals = e.shown->decimals();
  while (decimals < 10 && p.exact * std::pow(10.0, decimals) < 1e5) ++decimals;
  p.shown = e.shown->over(*sum.shown, decimals);
  return p;
}

std::string formula_text(const std::string& largest, double temperature) {
  const std::string difference = "x - " + (largest[0] == '-' ? '(' + largest + ')' : largest);
  if (temperature == 1) return "e = exp(" + difference + ")";
  return "e = exp((" + difference + ") / " + text::format("%.9g", temperature) + ")";
}

// Writes the table of e = exp(x - largest) and their sum; returns e of `asked` and the sum.
std::pair<Number, Number> weights_of(Steps& s, const Scores& scores, size_t asked) {
  const ShownRows rows = rows_of(scores, asked);
  const Number largest = s.number(scores.x[rows.largest]);
  Column id{"id", {}}, x{"x", {}}, e{"e", {}},
      token{scores.tokens.empty() ? "" : "token", {}, true};
  Number sum = s.number(0), of_asked;
  double shown_sum = 0;
  for (size_t i : rows.shown) {
    const Number score = s.number(scores.x[i]),
                 weight = weight_of(score, largest, scores.temperature);
    sum = sum + weight, shown_sum += weight.exact;
    if (i == asked) of_asked = weight;
    id.cells.push_back(scores.ids.empty() ? std::to_string(i) : scores.ids[i]);
    x.cells.push_back(s.text(score)), e.cells.push_back(s.text(weight));
    token.cells.push_back(scores.tokens.empty() ? "" : scores.tokens[i]);
  }
  s.say(formula_text(s.text(largest), scores.temperature) + ", where the largest x is subtracted");
  s.table({id, x, e, token});
  if (rows.others > 0) {
    double all = 0;
    for (double other : scores.x)
      all += std::exp((other - scores.x[rows.largest]) / scores.temperature);
    const Number rest = s.number(all - shown_sum);
    s.say("the other " + std::to_string(rows.others) + " e add up to " + s.text(rest));
    sum = sum + rest;
  }
  s.say("the sum of all " + std::to_string(scores.x.size()) + " e = " + s.text(sum));
  return {of_asked, sum};
}

Number probability_steps(Steps& s, const Scores& scores, size_t asked) {
  const auto [e, sum] = weights_of(s, scores, asked);
  return s.result("p", s.text(e) + " / " + s.text(sum), quotient(e, sum));
}

// The scores of all elements along `axis` at this place.
std::vector<double> along(const Tensor& x, int axis, const Index& index) {
  Tensor line = x.detach();
  for (int i = x.rank() - 1; i >= 0; --i)
    if (i != axis) line = line.select(i, index[static_cast<size_t>(i)]);
  return array_of(line).value;
}

const Tensor& logits_of(const Trace& trace, const char* wanted) {
  const Tensor& y = trace.root->y;
  check<ValueError>(y.rank() >= 1 && is_floating(y.dtype()),
                    "cell: expected a model with logits for ", wanted, ", got an output ",
                    y.shape());
  return y;
}

}  // namespace

Cell softmax_cell(const Place& place) {
  const auto& layer = static_cast<const nn::Softmax&>(*place.call.module);
  const int rank = place.call.x.rank();
  const auto axis = static_cast<int>(layer.axis < 0 ? layer.axis + rank : layer.axis);
  const Scores scores{.x = along(place.call.x, axis, place.index), .most = Steps::kMostTerms};
  const auto asked = static_cast<size_t>(place.index[static_cast<size_t>(axis)]);
  const Model model{number_at(place.call.y, place.index), place.call.y.dtype()};
  return worked(
      place.path, place.index, model,
      "exp(x[" + listed(place.index) + "]) / the sum of exp(x) along axis " + std::to_string(axis),
      [&](Steps& s) { return probability_steps(s, scores, asked); });
}

Cell probability_cell(const Trace& trace, const Index& index) {
  const Tensor& logits = logits_of(trace, "probability");
  check_index("probability", logits.shape(), index);
  const Scores scores{row_of(logits, std::span(index.data(), index.size() - 1))};
  return worked(
      "probability", index, kLogitsOnly, "softmax of the model's output " + at("", index),
      [&](Steps& s) { return probability_steps(s, scores, static_cast<size_t>(index.back())); });
}

Cell loss_cell(const Trace& trace, const Index& index) {
  const Tensor& logits = logits_of(trace, "loss");
  check<ValueError>(trace.targets.defined(),
                    "cell: expected a trace with targets for loss, got one without");
  check_index("loss", trace.targets.shape(), index);
  const auto target = static_cast<int64_t>(number_at(trace.targets, index));
  const Scores scores{row_of(logits, index)};
  check<ValueError>(0 <= target && target < std::ssize(scores.x),
                    "cell: expected a target that counts, got ", target, ", which is left out");
  const auto asked = static_cast<size_t>(target);
  // -ln(e_target / sum), without a quotient that may be too small to print.
  return worked("loss", index, kLogitsOnly,
                "-ln(p) of the target, the id " + std::to_string(target) +
                    ", = ln(the sum of all e) + the largest x - the target's x",
                [&](Steps& s) {
                  const Number sum = weights_of(s, scores, asked).second,
                               largest = s.number(*std::ranges::max_element(scores.x)),
                               distance = s.minus("the largest x - the target's x", largest,
                                                  s.number(scores.x[asked]));
                  return s.plus("the loss", s.log("ln(the sum)", sum), distance);
                });
}

}  // namespace vitro::proof::cells

namespace vitro::proof {

Cell worked_softmax(const Scores& scores, size_t at, const std::string& name, double model,
                    DType dtype) {
  check<ShapeError>(at < scores.x.size(), "worked_softmax: expected an index below ",
                    scores.x.size(), ", got ", at);
  Cell cell = cells::worked(name, {}, {model, dtype}, "", [&](cells::Steps& s) {
    return cells::probability_steps(s, scores, at);
  });
  // The caller has its own first line.
  cell.text.erase(0, cell.text.find('\n') + 1);
  return cell;
}

}  // namespace vitro::proof
