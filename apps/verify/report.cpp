// Prints the report of `vitro verify`.
#include "apps/verify/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

const char* verdict(bool agrees) { return agrees ? "agrees" : "DISAGREES"; }

// "6 windows"
std::string counted(int64_t n, const std::string& what) {
  return count_text(n) + ' ' + what + (n == 1 ? "" : "s");
}

// The index of row r of the flattened y along every axis of y except the last: "b, t".
std::string place(const Tensor& y, int64_t row) {
  std::string all;
  for (int axis = y.rank() - 1; axis-- > 0; row /= y.size(axis))
    all = std::to_string(row % y.size(axis)) + (all.empty() ? "" : ", ") + all;
  return all;
}

std::string forward_report(const Verification& result) {
  std::string out =
      "1. Forward: every Linear computes y = x W^T + b. Its x, W, b and y are read from the "
      "running\n"
      "   model (float32), and y is computed again by hand: three loops in float64 that call no "
      "op.\n\n";
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
      "\n   |error|: the largest |y - by hand|. relative: |error| / (|x| |W|^T + |b|), at most.\n"
      "   allowed: 8 u sqrt(K) for a sum of K products; u = 2^-24 is float32's rounding.\n"
      "   computed by:";
  for (const LinearRun& run : result.runs) out += " " + run.name + ": " + run.kernel + ";";
  out.back() = '\n';
  return out;
}

// A number as text with 8 decimals, and the value of this text.
struct Printed {
  std::string text;
  double value;
  explicit Printed(double x) : text(format("%.8f", x)), value(std::strtod(text.c_str(), nullptr)) {}
};

std::string padded(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

// All products of one cell, or the first and last ones if there are very many.  Each product and
// sum is computed from the rounded numbers that are shown, so a pocket calculator finds the same
// digits.
std::string cell_report(const Verification& result) {
  constexpr int64_t kPerLine = 2, kMost = 1024;
  constexpr size_t kWidth = 12;
  const LinearRun& run = *result.shown_run;
  const Cell& cell = result.shown;
  const nn::Linear& layer = *run.layer;
  const int64_t in = layer.weight.size(1);
  const float *x = run.x.data<float>() + cell.row * in,
              *w = layer.weight.data<float>() + cell.column * in;
  const std::string row = place(run.y, cell.row), column = std::to_string(cell.column),
                    in_row = row.empty() ? "" : row + ", ";

  std::string out = "\n2. One cell in full, " +
                    (result.is_asked ? "from " + run.name : "the least exact one of " + run.name) +
                    ": y[" + in_row + column + "]\n   = sum over k of x[" + in_row + "k] * W[" +
                    column + ", k], + b[" + column +
                    "]. Products and sums are computed from the digits shown.\n\n";
  std::string line;
  double sum = 0;
  for (int64_t k = 0; k < in; ++k) {
    const Printed a(x[k]), b(w[k]), product(a.value * b.value);
    sum += product.value;
    const bool is_left_out = in > kMost && k >= kMost / 2 && k < in - kMost / 2;
    if (is_left_out && k == kMost / 2) out += "    ... " + count_text(in - kMost) + " more ...\n";
    if (is_left_out) continue;
    line += (line.empty() ? "" : "   ") + padded(a.text, kWidth) + " * " + padded(b.text, kWidth) +
            " = " + padded(product.text, kWidth);
    if ((k + 1) % kPerLine == 0 || k + 1 == in) out += "  " + line + '\n', line.clear();
  }
  const Printed total(sum), bias(cell.bias), together(total.value + bias.value);
  const auto precise = [](double value) { return format("%15.10f", value); };
  return out + '\n' +
         table({{"sum of the " + count_text(in) + " products", padded(total.text, 13)},
                {"+ bias", padded(bias.text, 13)},
                {"= sum of the digits shown", padded(together.text, 13)},
                {"= by hand, with all digits", precise(cell.by_hand())},
                {"the module's value", precise(cell.module_value),
                 "differs by " + small(std::abs(cell.module_value - cell.by_hand()))}},
               3);
}

std::string gradient_report(const Verification& result) {
  std::string out =
      "\n3. Gradients: backward computed them in float32; they are compared with the differences\n"
      "   (L(v + eps) - L(v - eps)) / 2 eps of a float64 copy, at elements drawn at random. L is "
      "the\n"
      "   cross entropy of the next tokens.\n\n";
  if (!result.forward_agrees())
    return out + "   Not compared: after a wrong output every gradient differs.\n";
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
                    counted(static_cast<int64_t>(stats.misses), "primitive") + " made, " +
                    count_text(static_cast<int64_t>(stats.hits)) + " reused, " +
                    count_text(stats.bytes) + " bytes kept\n\n";
  Rows rows = {{"primitive (n: as stored, t: transposed)", "implementation", "runs"}};
  for (const OnednnPrimitive& p : stats.primitives)
    rows.push_back({p.name, p.implementation, count_text(p.runs)});
  return out +
         (stats.primitives.empty()
              ? "   None: vitro's own kernels computed every product, because all are small.\n"
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
  ordered_json cell = nullptr;
  if (result.is_asked)
    cell = {{"module", result.shown_run->name},
            {"row", result.shown.row},
            {"column", result.shown.column},
            {"sum_of_products", result.shown.sum},
            {"bias", result.shown.bias},
            {"by_hand", result.shown.by_hand()},
            {"module_value", result.shown.module_value}};
  for (const OnednnPrimitive& p : result.onednn.primitives)
    primitives.push_back(
        {{"name", p.name}, {"implementation", p.implementation}, {"runs", p.runs}});
  return {
      {"agrees", result.disagreements().empty()},
      {"perturbed", result.perturbed ? ordered_json(*result.perturbed) : ordered_json(nullptr)},
      {"linears", linears},
      {"cell", cell},
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
  const std::string blame = result.disagreements();
  std::string out = result.introduction + "It reads " + counted(result.ids_shape[0], "window") +
                    " of " + counted(result.ids_shape[1], "token") +
                    ", with the next token of each as target.\n";
  if (result.perturbed)
    out += "The output of " + *result.perturbed + " is changed on purpose: times 1.001. " +
           (blame.empty() ? "verify did not find it." : "verify finds it: " + blame + ".") + '\n';
  out += '\n' + forward_report(result);
  if (result.shown_run) out += cell_report(result);
  if (!result.perturbed) out += gradient_report(result) + onednn_report(result);
  if (blame.empty())
    out += "\nEvery output and every gradient agrees with the calculation by hand.\n";
  write_out(out);
}

}  // namespace vitro::cli
