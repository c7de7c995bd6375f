// The picture of a training run: losses over steps, as SVG.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vitro::cli {

struct LossPoint {
  int64_t step;
  std::optional<double> training, validation;
};
std::string loss_curve(const std::vector<LossPoint>& points);

}  // namespace vitro::cli
