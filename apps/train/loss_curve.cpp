// Draws loss curves.
#include "apps/train/loss_curve.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

constexpr double kWidth = 720, kHeight = 400, kLeft = 72, kRight = 16, kTop = 64, kBottom = 44;
constexpr size_t kMostPoints = 1000;  // per line; more cannot be seen

// The distance between grid lines: 1, 2 or 5 times a power of ten, at least range / count.
double tick(double range, int count) {
  const double rough = range / count, power = std::pow(10, std::floor(std::log10(rough)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

struct Axes {
  double last_step = 1, low = 0, high = 1;
  double x(double step) const { return kLeft + step / last_step * (kWidth - kLeft - kRight); }
  double y(double loss) const {
    return kTop + (high - loss) / (high - low) * (kHeight - kTop - kBottom);
  }
};

Axes axes_of(const std::vector<models::MetricsRow>& rows) {
  double low = INFINITY, high = -INFINITY;
  Axes axes;
  for (const models::MetricsRow& p : rows) {
    axes.last_step = std::max(axes.last_step, static_cast<double>(p.step));
    for (const std::optional<double>& loss : {p.smoothed_loss, p.validation_loss})
      if (loss) low = std::min(low, *loss), high = std::max(high, *loss);
  }
  if (low > high) return axes;
  const double step = tick(std::max(high - low, 1e-6), 6);
  axes.low = std::floor(low / step) * step;
  axes.high = std::max(std::ceil(high / step) * step, axes.low + step);
  return axes;
}

std::string grid(const Axes& axes) {
  std::string svg;
  const double loss_step = tick(axes.high - axes.low, 6), step_step = tick(axes.last_step, 8);
  for (double loss = axes.low; loss <= axes.high + loss_step / 2; loss += loss_step)
    svg += format(
        "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
        kLeft, axes.y(loss), kWidth - kRight, kLeft - 8, axes.y(loss) + 4,
        std::round(loss * 1e6) / 1e6);
  for (double step = 0; step <= axes.last_step; step += step_step)
    svg += format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n", axes.x(step),
                  kHeight - kBottom + 18, step);
  return svg;
}

std::string line(const std::vector<models::MetricsRow>& rows, const Axes& axes,
                 std::optional<double> models::MetricsRow::*loss, const char* kind) {
  std::vector<const models::MetricsRow*> known;
  for (const models::MetricsRow& p : rows)
    if (p.*loss) known.push_back(&p);
  const size_t stride = known.size() / kMostPoints + 1;
  std::string path;
  for (size_t i = 0; i < known.size();
       i = i + 1 == known.size() ? i + 1 : std::min(i + stride, known.size() - 1))
    path += format("%s%.1f %.1f", path.empty() ? "M" : "L",
                   axes.x(static_cast<double>(known[i]->step)), axes.y(*(known[i]->*loss)));
  if (known.size() == 1) path += "h0";  // a dot
  return format("<path class=\"%s\" d=\"", kind) + path + "\"/>\n";
}

}  // namespace

std::string loss_curve(const std::vector<models::MetricsRow>& rows) {
  const Axes axes = axes_of(rows);
  return format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
             "height=\"%g\">\n",
             kWidth, kHeight, kWidth, kHeight) +
         "<style>text{font:12px sans-serif;fill:#444}path{fill:none;stroke-width:1.5;"
         "stroke-linecap:round}.title{font-size:15px}"
         ".grid{stroke:#ddd;stroke-width:1}.training{stroke:#2a6f97}.validation{stroke:#d1495b}"
         "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
         format("<text class=\"title\" x=\"%g\" y=\"22\">Loss of a model in training</text>\n",
                kLeft) +
         grid(axes) + line(rows, axes, &models::MetricsRow::smoothed_loss, "training") +
         line(rows, axes, &models::MetricsRow::validation_loss, "validation") +
         format(
             "<path class=\"training\" d=\"M%g 42h20\"/><text x=\"%g\" y=\"46\">training, "
             "smoothed</text>\n",
             kLeft, kLeft + 26) +
         format(
             "<path class=\"validation\" d=\"M%g 42h20\"/><text x=\"%g\" y=\"46\">validation"
             "</text>\n",
             kLeft + 160, kLeft + 186) +
         format("<text x=\"%g\" y=\"%g\" text-anchor=\"end\">training step</text>\n",
                kWidth - kRight, kHeight - 8) +
         format(
             "<text transform=\"translate(16 %g) rotate(-90)\" text-anchor=\"middle\">loss in nats "
             "per token</text>\n</svg>\n",
             (kTop + kHeight - kBottom) / 2);
}

}  // namespace vitro::cli
