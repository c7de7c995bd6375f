// The report of `vitro verify`.
#include "apps/verify/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

const char* verdict(bool agrees) { return agrees ? "agrees" : "DISAGREES"; }

// The Linear whose cell is shown: the first that disagrees, else the first.
size_t shown(const Verification& result) {
  for (size_t i = 0; i < result.forward.size(); ++i)
    if (!result.forward[i].agrees) return i;
  return 0;
}

// Where row r of the flattened y is in y itself: [b, t, j] and [b, t].
std::string place(const Verification& result, int64_t row) {
  const int64_t length = result.ids_shape[1];
  return std::to_string(row / length) + ", " + std::to_string(row % length);
}

std::string forward_report(const Verification& result) {
  std::string out =
      "1. Forward: every Linear is y = x W^T + b. Its x, W, b and y are read from the running "
      "model\n"
      "   (float32), and each y is computed again by hand: three loops in float64, no op "
      "called.\n\n";
  Rows rows = {{"module", "x", "W", "y", "|error|", "relative", "allowed", "verdict"}};
  for (size_t i = 0; i < result.runs.size(); ++i) {
    const LinearRun& run = result.runs[i];
    const ForwardCheck& check = result.forward[i];
    rows.push_back({run.name, shape_text(run.x.shape()), shape_text(run.layer->weight.shape()),
                    shape_text(run.y.shape()), small(check.absolute), small(check.relative),
                    small(check.allowed), verdict(check.agrees)});
  }
  out +=
      table(rows, 3) +
      "\n   |error|: the largest |y - by hand|. relative: to |x| |W|^T + |b|, what was added up.\n"
      "   allowed: 8 u sqrt(K) for a sum of K products, with u = 2^-24, float32's rounding.\n"
      "   computed by:";
  for (const LinearRun& run : result.runs) out += " " + run.name + ": " + run.kernel + ";";
  out.back() = '\n';
  return out;
}

// All products of one cell; of a very long sum the first and the last.
std::string cell_report(const Verification& result) {
  constexpr int64_t kPerLine = 4, kMost = 1024;
  const LinearRun& run = result.runs[shown(result)];
  const Cell& cell = result.forward[shown(result)].worst;
  const nn::Linear& layer = *run.layer;
  const int64_t in = layer.weight.size(1);
  const float *x = run.x.data<float>() + cell.row * in,
              *w = layer.weight.data<float>() + cell.column * in;
  const std::string row = place(result, cell.row), column = std::to_string(cell.column);

  std::string out = "\n2. One cell in full, the least exact of " + run.name + ": y[" + row + ", " +
                    column + "]\n   = sum over k of x[" + row + ", k] * W[" + column +
                    ", k], + b[" + column + "]\n\n";
  std::string line;
  for (int64_t k = 0; k < in; ++k) {
    if (in > kMost && k == kMost / 2) {
      out += "    ... " + count_text(in - kMost) + " more ...\n";
      k = in - kMost / 2;
    }
    line += format("%8.4f*%7.4f=%7.4f", x[k], w[k], static_cast<double>(x[k]) * w[k]);
    if ((k + 1) % kPerLine == 0 || k + 1 == in) out += "  " + line + '\n', line.clear();
  }
  return out + '\n' +
         table({{"sum of the " + count_text(in) + " products", format("%14.10f", cell.sum)},
                {"+ bias", format("%14.10f", cell.bias)},
                {"= by hand", format("%14.10f", cell.by_hand())},
                {"the module's value", format("%14.10f", cell.module_value),
                 "differs by " + small(std::abs(cell.module_value - cell.by_hand()))}},
               3);
}

std::string gradient_report(const Verification& result) {
  std::string out =
      "\n3. Gradients: those that backward left in float32 against (L(v + eps) - L(v - eps)) / 2 "
      "eps\n"
      "   of a float64 copy, where L is the cross entropy of the next tokens, at elements "
      "drawn by chance.\n\n";
  if (!result.forward_agrees())
    return out + "   Not compared: behind a wrong output every gradient is another one.\n";
  Rows rows = {{"tensor", "shape", "elements", "largest |g|", "|error|", "of allowed", "verdict"}};
  for (const GradientCheck& check : result.gradients)
    rows.push_back({check.tensor, shape_text(check.shape),
                    count_text(check.elements) + " of " + count_text(numel(check.shape)),
                    small(check.largest), small(check.difference),
                    format("%.1f %%", 100 * check.excess), verdict(check.agrees)});
  return out + table(rows, 3);
}

std::string onednn_report(const Verification& result) {
  const OnednnStats& stats = result.onednn;
  std::string out = "\n4. oneDNN in this forward and backward: " +
                    count_text(static_cast<int64_t>(stats.misses)) + " primitives made, " +
                    count_text(static_cast<int64_t>(stats.hits)) + " reused, " +
                    count_text(stats.bytes) + " bytes kept\n\n";
  Rows rows = {{"primitive (n: as stored, t: transposed)", "implementation", "runs"}};
  for (const OnednnPrimitive& p : stats.primitives)
    rows.push_back({p.name, p.implementation, count_text(p.runs)});
  return out + (stats.primitives.empty() ? "   None: every product was small enough for vitro.\n"
                                         : table(rows, 3));
}

nlohmann::ordered_json to_json(const Verification& result) {
  using nlohmann::ordered_json;
  auto sizes = [](const Shape& shape) { return std::vector(shape.begin(), shape.end()); };
  ordered_json linears = ordered_json::array(), gradients = nullptr,
               primitives = ordered_json::array();
  for (size_t i = 0; i < result.runs.size(); ++i) {
    const LinearRun& run = result.runs[i];
    const ForwardCheck& check = result.forward[i];
    linears.push_back({{"module", run.name},
                       {"input_shape", sizes(run.x.shape())},
                       {"weight_shape", sizes(run.layer->weight.shape())},
                       {"output_shape", sizes(run.y.shape())},
                       {"kernel", run.kernel},
                       {"max_absolute_error", check.absolute},
                       {"max_relative_error", check.relative},
                       {"allowed_relative_error", check.allowed},
                       {"agrees", check.agrees},
                       {"worst_cell",
                        {{"row", check.worst.row},
                         {"column", check.worst.column},
                         {"sum_of_products", check.worst.sum},
                         {"bias", check.worst.bias},
                         {"module_value", check.worst.module_value}}}});
  }
  if (result.forward_agrees()) gradients = ordered_json::array();
  for (const GradientCheck& check : result.gradients)
    gradients.push_back({{"tensor", check.tensor},
                         {"shape", sizes(check.shape)},
                         {"elements", check.elements},
                         {"max_absolute_error", check.difference},
                         {"max_absolute_gradient", check.largest},
                         {"share_of_allowed", check.excess},
                         {"agrees", check.agrees}});
  for (const OnednnPrimitive& p : result.onednn.primitives)
    primitives.push_back(
        {{"name", p.name}, {"implementation", p.implementation}, {"runs", p.runs}});
  return {
      {"agrees", result.disagreements().empty()},
      {"perturbed",
       result.options.perturb ? ordered_json(*result.options.perturb) : ordered_json(nullptr)},
      {"linears", linears},
      {"gradients", gradients},
      {"onednn",
       {{"hits", result.onednn.hits},
        {"misses", result.onednn.misses},
        {"bytes", result.onednn.bytes},
        {"primitives", primitives}}},
      {"seed", result.options.model.seed},
      {"options", result.options.saved.empty() ? cli::to_json(result.options.model)
                                               : ordered_json{{"model", result.options.saved}}}};
}

}  // namespace

bool Verification::forward_agrees() const {
  return std::all_of(forward.begin(), forward.end(),
                     [](const ForwardCheck& check) { return check.agrees; });
}

std::string Verification::disagreements() const {
  std::string outputs, derivatives;
  for (size_t i = 0; i < runs.size(); ++i)
    if (!forward[i].agrees) outputs += (outputs.empty() ? "" : ", ") + runs[i].name;
  for (const GradientCheck& check : gradients)
    if (!check.agrees) derivatives += (derivatives.empty() ? "" : ", ") + check.tensor;
  if (!outputs.empty()) return "the output is not x W^T + b in " + outputs;
  if (!derivatives.empty()) return "the gradient is not the derivative in " + derivatives;
  return "";
}

void print(const Verification& result) {
  if (result.options.json) return write_json(to_json(result));
  std::string out = result.introduction + "It reads " + count_text(result.ids_shape[0]) +
                    " windows of " + count_text(result.ids_shape[1]) +
                    " tokens, with the next token of each as target.";
  if (result.options.perturb)
    out += "\nThe output of " + *result.options.perturb + " is spoiled on purpose: times 1.001.";
  out += "\n\n" + forward_report(result) + cell_report(result) + gradient_report(result) +
         onednn_report(result);
  if (result.disagreements().empty())
    out += "\nEvery output and every gradient agrees with the calculation by hand.\n";
  write_out(out);
}

}  // namespace vitro::cli
