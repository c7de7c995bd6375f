// Prints the report of `vitro verify`.
#include "apps/verify/report.h"

#include <nlohmann/json.hpp>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

using nlohmann::ordered_json;

// "6 windows"
std::string counted(int64_t n, const std::string& what) {
  return count_text(n) + ' ' + what + (n == 1 ? "" : "s");
}

std::string planted_text(const proof::Planted& fault, const proof::Report& report) {
  const bool is_found = report.first && report.first->path == fault.path;
  return "A fault is planted in " + path_text(fault.path) + ": its " +
         (fault.backward ? "gradients are" : "output is") +
         format(" multiplied by %g. ", fault.factor) +
         (is_found          ? "verify finds it there.\n"
          : report.agrees() ? "verify did not find it.\n"
                            : "verify finds a fault, but not there.\n");
}

std::string cell_text(const proof::Cell& cell) {
  return "\n4. One number in full: " + cell.path + index_text(cell.index) +
         "\n   Each step is computed from the digits that are shown before it, unless the end says "
         "otherwise.\n\n" +
         cell.text;
}

std::string onednn_text() {
  const OnednnStats stats = onednn_stats();
  std::vector<std::vector<std::string>> rows = {
      {"primitive (n: as stored, t: transposed)", "implementation", "runs"}};
  for (const OnednnPrimitive& p : stats.primitives)
    rows.push_back({p.name, p.implementation, count_text(p.runs)});
  return "\n5. oneDNN in these runs: " + counted(static_cast<int64_t>(stats.misses), "primitive") +
         " made, " + count_text(static_cast<int64_t>(stats.hits)) + " reused, " +
         count_text(stats.bytes) + " bytes kept\n\n" +
         (stats.primitives.empty()
              ? "  None: vitro's own kernels computed every product, because all are small.\n"
              : table(rows, 2));
}

std::vector<int64_t> sizes(const Shape& shape) { return {shape.begin(), shape.end()}; }

ordered_json to_json(const proof::Difference& d) {
  return {{"max_absolute_error", d.absolute},
          {"max_relative_error", d.relative},
          {"max_ulp_error", d.ulp},
          {"share_of_bound", d.share},
          {"agrees", d.agrees}};
}

ordered_json to_json(const proof::Worst& worst) {
  if (worst.what.empty()) return nullptr;
  ordered_json all = to_json(worst.difference);
  all["what"] = worst.what;
  all["worst"] = {{"index", worst.at()},
                  {"model", worst.difference.model},
                  {"by_hand", worst.difference.by_hand},
                  {"allowed", worst.difference.allowed}};
  return all;
}

ordered_json modules_json(const proof::Report& report) {
  ordered_json all = ordered_json::array();
  for (const proof::ModuleRow& row : report.modules)
    all.push_back({{"module", row.path},
                   {"description", row.description},
                   {"formula", row.formula},
                   {"input_shape", sizes(row.x)},
                   {"output_shape", sizes(row.y)},
                   {"replayed", row.is_replayed},
                   {"agrees", row.agrees},
                   {"forward", to_json(row.forward)},
                   {"backward", to_json(row.backward)},
                   {"accumulated_error", row.accumulated},
                   {"accumulated_gradient_error", row.accumulated_gradient}});
  return all;
}

ordered_json gradients_json(const proof::Report& report) {
  ordered_json all = ordered_json::array();
  for (const proof::ParameterRow& row : report.gradients) {
    ordered_json one = {{"tensor", row.path}, {"shape", sizes(row.shape)}};
    one.update(to_json(row.difference));
    one["accumulated_error"] = row.accumulated;
    all.push_back(std::move(one));
  }
  return all;
}

ordered_json differences_json(const proof::Report& report) {
  ordered_json all = ordered_json::array();
  for (const proof::FiniteDifference& one : report.differences)
    all.push_back({{"tensor", one.tensor},
                   {"index", one.index},
                   {"of", one.whole ? "whole model" : "module"},
                   {"finite_difference", one.slope},
                   {"gradient_by_hand", one.gradient},
                   {"allowed", one.allowed},
                   {"agrees", one.agrees()}});
  return all;
}

ordered_json onednn_json() {
  const OnednnStats stats = onednn_stats();
  ordered_json primitives = ordered_json::array();
  for (const OnednnPrimitive& p : stats.primitives)
    primitives.push_back(
        {{"name", p.name}, {"implementation", p.implementation}, {"runs", p.runs}});
  return {{"hits", stats.hits},
          {"misses", stats.misses},
          {"bytes", stats.bytes},
          {"primitives", primitives}};
}

ordered_json to_json(const Verification& result) {
  const proof::Report& report = result.report;
  ordered_json first = nullptr, planted = nullptr, cell = nullptr;
  if (const auto& fault = report.first)
    first = {{"module", fault->path},
             {"what", fault->what},
             {"index", fault->index},
             {"reason", fault->reason}};
  if (const auto& fault = result.planted)
    planted = {{"module", fault->path}, {"backward", fault->backward}, {"factor", fault->factor}};
  if (const auto& shown = result.cell)
    cell = {{"module", shown->path}, {"index", shown->index},       {"by_hand", shown->by_hand},
            {"model", shown->model}, {"from_digits", shown->shown}, {"text", shown->text}};
  const auto optional = [](const std::optional<double>& x) {
    return x ? ordered_json(*x) : ordered_json(nullptr);
  };
  return {
      {"agrees", report.agrees()},
      {"first_fault", first},
      {"planted", planted},
      {"model", report.model},
      {"dtype", dtype_name(report.dtype)},
      {"parameters", report.parameters},
      {"input_shape", sizes(report.input)},
      {"loss", optional(report.loss)},
      {"loss_by_hand", optional(report.loss_by_hand)},
      {"output_accumulated_error", report.output_error},
      {"modules", modules_json(report)},
      {"gradients", gradients_json(report)},
      {"finite_differences", differences_json(report)},
      {"cell", cell},
      {"onednn", onednn_json()},
      {"seed", result.options.model.seed},
      {"options", result.options.saved.empty() ? cli::to_json(result.options.model)
                                               : ordered_json{{"model", result.options.saved}}}};
}

}  // namespace

std::string path_text(const std::string& path) { return path.empty() ? "the model" : path; }

void print(const Verification& result) {
  if (result.options.json) return write_json(to_json(result));
  std::string out = result.subject.introduction + "It reads " +
                    counted(result.subject.ids.size(0), "window") + " of " +
                    counted(result.subject.ids.size(1), "token") +
                    ", with the next token of each as target.\n";
  if (result.planted) out += planted_text(*result.planted, result.report);
  out += '\n' + proof::to_text(result.report, {.detail = result.options.detail});
  if (result.cell) out += cell_text(*result.cell);
  if (result.options.detail || !result.planted) out += onednn_text();
  write_out(out);
}

}  // namespace vitro::cli
