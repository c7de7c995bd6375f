// The statistics of a tensor, and their table.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/look/look.h"

namespace vitro::cli {

namespace {

template <class T>
Statistics counted_up(const T* x, int64_t count) {
  Statistics all{.count = count};
  double sum = 0, squares = 0;
  int64_t zeros = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double v = x[i];
    if (std::isnan(v)) ++all.nans;
    else if (std::isinf(v)) ++all.infinite;
    if (!std::isfinite(v)) continue;
    if (v == 0) ++zeros;
    sum += v;
    all.largest = std::max(all.largest, std::abs(v));
  }
  const auto finite = static_cast<double>(count - all.nans - all.infinite);
  if (finite == 0) return all;
  all.mean = sum / finite;
  for (int64_t i = 0; i < count; ++i)
    if (const double v = x[i]; std::isfinite(v)) squares += (v - all.mean) * (v - all.mean);
  all.deviation = std::sqrt(squares / finite);
  all.zeros = static_cast<double>(zeros) / static_cast<double>(count);
  return all;
}

}  // namespace

Statistics statistics_of(const Tensor& x) {
  const Tensor plain = (x.dtype() == kFloat64 ? x.detach() : x.detach().to(kFloat32)).contiguous();
  return plain.dtype() == kFloat64 ? counted_up(plain.data<double>(), plain.numel())
                                   : counted_up(plain.data<float>(), plain.numel());
}

std::string look_table(const std::string& what, const std::vector<Looked>& rows) {
  std::vector<std::vector<std::string>> lines = {
      {what, "shape", " mean", "std", "max |x|", "zeros", "NaN", "inf"}};
  for (const auto& [path, shape, found] : rows) {
    lines.push_back({path.empty() ? "(model)" : path, shape_text(shape)});
    if (!found) {
      lines.back().push_back("no gradient");
      continue;
    }
    const bool is_empty = found->nans + found->infinite == found->count;
    const auto number = [&](const char* pattern, double v) {
      return is_empty ? "-" : format(pattern, v);
    };
    for (const std::string& cell :
         {number(found->mean < 0 ? "%.3g" : " %.3g", found->mean), number("%.3g", found->deviation),
          number("%.3g", found->largest), format("%.1f %%", 100 * found->zeros),
          count_text(found->nans), count_text(found->infinite)})
      lines.back().push_back(cell);
  }
  return table(lines, 2);
}

nlohmann::ordered_json look_json(const std::vector<Looked>& rows) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const auto& [path, shape, found] : rows) {
    nlohmann::ordered_json row = {{"path", path},
                                  {"shape", std::vector(shape.begin(), shape.end())}};
    if (found)
      row.update({{"mean", found->mean},
                  {"std", found->deviation},
                  {"max_abs", found->largest},
                  {"zeros", found->zeros},
                  {"nan", found->nans},
                  {"inf", found->infinite}});
    all.push_back(row);
  }
  return all;
}

}  // namespace vitro::cli
