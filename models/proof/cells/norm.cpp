// Works one number of a LayerNorm or an RMSNorm.
#include "models/layers/norm.h"

#include "models/proof/cells/cells.h"
#include "models/proof/hand.h"

namespace vitro::proof::cells {

namespace {

std::vector<Number> numbers_of(const Steps& s, const std::vector<double>& x) {
  std::vector<Number> all;
  for (double value : x) all.push_back(s.number(value));
  return all;
}

std::vector<double> input_row(const Place& place) {
  return row_of(place.call.x, std::span(place.index.data(), place.index.size() - 1));
}

// sqrt(mean of the squares + eps)
Number root_of_mean(Steps& s, const std::string& name, const Number& sum, int64_t count,
                    double eps) {
  const Number mean = s.over(name, sum, count);
  return s.sqrt("root", s.plus("with eps", mean, s.number(eps)));
}

// number c of a parameter
double entry(const Tensor& parameter, int64_t c) {
  return Rows(parameter).row(0).at(static_cast<size_t>(c));
}

}  // namespace

Cell layer_norm_cell(const Place& place) {
  const auto& layer = static_cast<const nn::LayerNorm&>(*place.call.module);
  const std::vector<double> row = input_row(place);
  const auto count = static_cast<int64_t>(row.size());
  const int64_t c = place.index.back();
  const std::string column = std::to_string(c),
                    title = "(x[" + listed(place.index) + "] - mean) / sqrt(variance + eps)" +
                            " * weight[" + column + "]" +
                            (layer.bias.defined() ? " + bias[" + column + "]" : "");
  const Model model{number_at(place.call.y, place.index), place.call.y.dtype()};
  return worked(place.path, place.index, model, title, [&](Steps& s) {
    const std::vector<Number> x = numbers_of(s, row);
    std::vector<Term> all, squares;
    for (const Number& value : x) all.push_back({{}, value});
    const Number mean = s.over("mean", s.add_up("numbers x", "", all), count);
    const bool adds = mean.exact < 0;  // x - mean is x + |mean|
    for (const Number& value : x)
      squares.push_back({{value, adds ? -mean : mean}, (value - mean) * (value - mean)});
    const Number sum = s.add_up("squares", adds ? "(% + %)^2" : "(% - %)^2", squares),
                 root = root_of_mean(s, "variance", sum, count, layer.eps);
    const Number centred = s.minus("x - mean", x.at(static_cast<size_t>(c)), mean);
    const Number scaled = s.times("times the weight", s.ratio("normalized", centred, root),
                                  s.factor(entry(layer.weight, c)));
    if (!layer.bias.defined()) return scaled;
    return s.plus("with the bias", scaled, s.factor(entry(layer.bias, c)));
  });
}

Cell rms_norm_cell(const Place& place) {
  const auto& layer = static_cast<const nn::RMSNorm&>(*place.call.module);
  const std::vector<double> row = input_row(place);
  const auto count = static_cast<int64_t>(row.size());
  const int64_t c = place.index.back();
  const std::string title = "x[" + listed(place.index) + "] / sqrt(mean square + eps) * weight[" +
                            std::to_string(c) + "]";
  const Model model{number_at(place.call.y, place.index), place.call.y.dtype()};
  return worked(place.path, place.index, model, title, [&](Steps& s) {
    const std::vector<Number> x = numbers_of(s, row);
    std::vector<Term> squares;
    for (const Number& value : x) squares.push_back({{value, value}, value * value});
    const Number root =
        root_of_mean(s, "mean square", s.add_up("squares", "% * %", squares), count, layer.eps);
    const Number normalized = s.ratio("normalized", x.at(static_cast<size_t>(c)), root);
    return s.times("times the weight", normalized, s.factor(entry(layer.weight, c)));
  });
}

}  // namespace vitro::proof::cells
