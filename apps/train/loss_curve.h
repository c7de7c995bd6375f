// The picture of a training run: losses over steps, as SVG.
#pragma once
#include <string>
#include <vector>

#include "models/training/metrics.h"

namespace vitro::cli {

std::string loss_curve(const std::vector<models::MetricsRow>& rows);

}  // namespace vitro::cli
