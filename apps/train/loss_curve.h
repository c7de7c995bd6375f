// Draws the losses of a training run over its steps, as SVG.
#pragma once
#include <string>
#include <vector>

#include "models/training/metrics.h"

namespace vitro::cli {

std::string loss_curve(const std::vector<models::MetricsRow>& rows);

}  // namespace vitro::cli
