// Works one number of a Linear or of an Embedding.
#include <cmath>

#include "models/layers/layers.h"
#include "models/proof/cells/cells.h"
#include "models/proof/hand.h"

namespace vitro::proof::cells {

Cell linear_cell(const Place& place) {
  const auto& layer = static_cast<const nn::Linear&>(*place.call.module);
  const int64_t j = place.index.back();
  const std::span leading(place.index.data(), place.index.size() - 1);
  const std::vector<double> x = row_of(place.call.x, leading), w = Rows(layer.weight).row(j);
  const std::string row = listed(leading), column = std::to_string(j);
  const std::string title = "the sum over k of x[" + row + (row.empty() ? "" : ",") +
                            "k] * weight[" + column + ",k]" +
                            (layer.bias.defined() ? ", plus bias[" + column + "]" : "");
  const Model model{number_at(place.call.y, place.index), place.call.y.dtype()};
  return worked(place.path, place.index, model, title, [&](Steps& s) {
    std::vector<Term> products;
    for (size_t k = 0; k < x.size(); ++k) {
      const Number a = s.number(x[k]), b = s.factor(w[k]);
      products.push_back({{a, b}, a * b});
    }
    const Number sum = s.add_up("products", "% * %", products);
    if (!layer.bias.defined()) return sum;
    return s.plus("with the bias", sum,
                  s.number(Rows(layer.bias).row(0).at(static_cast<size_t>(j))));
  });
}

int64_t largest_term(const Call& linear, const Index& index) {
  const auto& layer = static_cast<const nn::Linear&>(*linear.module);
  const std::vector<double> x = row_of(linear.x, std::span(index.data(), index.size() - 1)),
                            w = Rows(layer.weight).row(index.back());
  size_t best = 0;
  for (size_t k = 1; k < x.size(); ++k)
    if (std::abs(x[k] * w[k]) > std::abs(x[best] * w[best])) best = k;
  return static_cast<int64_t>(best);
}

Cell embedding_cell(const Place& place) {
  const auto& layer = static_cast<const nn::Embedding&>(*place.call.module);
  const Index where(place.index.begin(), place.index.end() - 1);
  const auto id = static_cast<int64_t>(number_at(place.call.x, where));
  const int64_t c = place.index.back();
  const Index source = {id, c};
  const Model model{number_at(place.call.y, place.index), place.call.y.dtype()};
  return worked(
      place.path, place.index, model, at(joined(place.path, "weight"), source), [&](Steps& s) {
        const Number value = s.number(Rows(layer.weight).row(id).at(static_cast<size_t>(c)));
        s.say("the id " + at("ids", where) + " is " + std::to_string(id) + ", so y is row " +
              std::to_string(id) + " of the table");
        s.say("number " + std::to_string(c) + " of this row is " + s.text(value));
        return value;
      });
}

}  // namespace vitro::proof::cells
