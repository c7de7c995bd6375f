// Prints a report as text.
#include <algorithm>
#include <map>
#include <sstream>

#include "framework/nn/summary.h"
#include "models/proof/verify.h"
#include "models/text/format.h"

namespace vitro::proof {

namespace {

using TextRows = std::vector<std::vector<std::string>>;
using text::format;
using text::index_text;
using text::small;

// Above this many rows, the layers of a model are one line.
constexpr size_t kMostRows = 24;

std::string shape_text(const Shape& shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

std::string path_text(const std::string& path) { return path.empty() ? "(the model)" : path; }

std::string percent(double share) { return format("%.0f %%", 100 * share); }

const char* verdict(bool agrees) { return agrees ? "agrees" : "DISAGREES"; }

// "h" for "h.3" and "h.3.attn": the name of the list of layers that the path is in.
std::string list_of(const std::string& path) {
  size_t begin = 0;
  for (size_t dot; (dot = path.find('.', begin)) != path.npos; begin = dot + 1) {
    const size_t end = std::min(path.find('.', dot + 1), path.size());
    const std::string part = path.substr(dot + 1, end - dot - 1);
    if (!part.empty() && part.find_first_not_of("0123456789") == part.npos)
      return path.substr(0, dot);
  }
  return "";
}
// "h.3" for "h.3.attn".
std::string layer_of(const std::string& path) {
  const size_t begin = list_of(path).size() + 1;
  return path.substr(0, path.find('.', begin));
}

// One line of a table: a row, or the layers of a list.
template <class Row>
struct Line {
  std::string name;
  const Row* worst;  // of its rows
  int64_t count = 1;
};

// The rows to print.  Rows that disagree always have a line of their own.
template <class Row, class Share>
std::vector<Line<Row>> lines_of(const std::vector<Row>& rows, bool detail, Share share) {
  std::vector<Line<Row>> lines;
  std::map<std::string, size_t> folded;  // the line of each list
  std::map<std::string, std::string> first;
  for (const Row& row : rows) {
    const std::string list = list_of(row.path);
    if (detail || rows.size() <= kMostRows || list.empty() || !row.agrees) {
      lines.push_back({path_text(row.path), &row});
      continue;
    }
    const auto [at, is_new] = folded.emplace(list, lines.size());
    if (is_new) {
      first[list] = layer_of(row.path);
      lines.push_back({first[list], &row, 1});
      continue;
    }
    Line<Row>& line = lines[at->second];
    line.name = first[list] + " ... " + layer_of(row.path);
    ++line.count;
    if (share(row) > share(*line.worst)) line.worst = &row;
  }
  return lines;
}

template <class Row>
std::string name_of(const Line<Row>& line, const char* what) {
  if (line.count == 1) return line.name;
  return line.name + ": " + std::to_string(line.count) + ' ' + what + ", worst " + line.worst->path;
}

std::vector<std::string> numbers(const Difference& d) {
  return {small(d.absolute), small(d.relative),       small(d.ulp),
          small(d.allowed),  format("%.0f", d.terms), percent(d.share)};
}

// Where the largest share of the bound is: "output[0,3,5]".
std::string place_of(const Worst& worst) {
  if (!worst.difference.by_whole) return worst.what + index_text(worst.at());
  return worst.what + (worst.what.empty() ? "all" : ", all");
}

void append(std::vector<std::string>& row, const std::vector<std::string>& more) {
  row.insert(row.end(), more.begin(), more.end());
}

double share_of(const ModuleRow& row) { return row.forward.difference.share; }
double backward_share_of(const ModuleRow& row) { return row.backward.difference.share; }
double share_of_parameter(const ParameterRow& row) { return row.difference.share; }

std::string module_verdict(const ModuleRow& row, const Worst& worst) {
  if (!row.failure.empty()) return "NOT COMPUTED";
  return std::string(verdict(worst.difference.agrees)) + (row.is_replayed ? ", replayed" : "");
}

std::string forward_table(const Report& report, bool detail) {
  TextRows rows = {{"module", "input", "output", "|error|", "relative", "ulp", "bound", "K",
                    "of bound", "at", "accumulated", "verdict"}};
  for (const auto& line : lines_of(report.modules, detail, share_of)) {
    const ModuleRow& row = *line.worst;
    std::vector<std::string> cells = {name_of(line, "modules"), shape_text(row.x),
                                      shape_text(row.y)};
    append(cells, numbers(row.forward.difference));
    append(cells,
           {place_of(row.forward), small(row.accumulated), module_verdict(row, row.forward)});
    rows.push_back(std::move(cells));
  }
  return text::table(rows, 2);
}

std::string backward_table(const Report& report, bool detail) {
  TextRows rows = {{"module", "shape", "|error|", "relative", "ulp", "bound", "K", "of bound", "at",
                    "accumulated", "verdict"}};
  for (const auto& line : lines_of(report.modules, detail, backward_share_of)) {
    const ModuleRow& row = *line.worst;
    if (row.backward.what.empty()) continue;  // its input is ids
    std::vector<std::string> cells = {name_of(line, "modules"), shape_text(row.backward.shape)};
    append(cells, numbers(row.backward.difference));
    append(cells, {place_of(row.backward), small(row.accumulated_gradient),
                   module_verdict(row, row.backward)});
    rows.push_back(std::move(cells));
  }
  rows.push_back({"parameter"});
  for (const auto& line : lines_of(report.gradients, detail, share_of_parameter)) {
    const ParameterRow& row = *line.worst;
    const Worst worst{row.difference, "", row.shape};
    std::vector<std::string> cells = {name_of(line, "parameters"), shape_text(row.shape)};
    append(cells, numbers(row.difference));
    append(cells, {place_of(worst), small(row.accumulated), verdict(row.agrees)});
    rows.push_back(std::move(cells));
  }
  return text::table(rows, 2);
}

std::string difference_table(const Report& report, bool detail) {
  TextRows rows = {
      {"number", "finite difference", "gradient by hand", "difference", "allowed", "verdict"}};
  for (const FiniteDifference& one : report.differences)
    if (detail || one.whole || !one.agrees())
      rows.push_back({one.tensor + index_text(one.index) + (one.whole ? "" : ", within its module"),
                      format("%.9g", one.slope), format("%.9g", one.gradient),
                      small(std::abs(one.slope - one.gradient)), small(one.allowed),
                      verdict(one.agrees())});
  return rows.size() > 1 ? text::table(rows, 2) : "";
}

std::string dtype_text(DType dtype) { return std::string(dtype_name(dtype)); }

template <class Row, class Share>
const Row* worst_of(const std::vector<Row>& rows, Share share) {
  const auto less = [&](const Row& a, const Row& b) { return share(a) < share(b); };
  const auto at = std::max_element(rows.begin(), rows.end(), less);
  return at == rows.end() ? nullptr : &*at;
}

std::string first_line(const Report& report) {
  if (report.agrees())
    return "Every output and every gradient agrees with the calculation by hand.\n";
  const char* const kind = report.first->what == kNotComputed ? "Not proved: " : "First fault: ";
  return kind + path_text(report.first->path) + ", " + report.first->what +
         index_text(report.first->index) + ": " + report.first->reason + ".\n";
}

std::string worst_text(const Report& report) {
  const ModuleRow* output = worst_of(report.modules, share_of);
  const ParameterRow* gradient = worst_of(report.gradients, share_of_parameter);
  std::string text;
  if (output)
    text += "; worst output: " + path_text(output->path) + ", " + percent(share_of(*output)) +
            " of its bound";
  if (gradient)
    text += "; worst gradient: " + gradient->path + ", " + percent(share_of_parameter(*gradient));
  return text;
}

std::string difference_text(const Report& report) {
  const auto wrong = std::ranges::count_if(
      report.differences, [](const FiniteDifference& one) { return !one.agrees(); });
  return std::to_string(report.differences.size()) + " finite differences" +
         (wrong > 0 ? ", " + std::to_string(wrong) + " disagree" : "");
}

std::string summary(const Report& report) {
  std::string whole = "The whole model: the output differs from float64 by " +
                      small(report.output_error) + " of its size";
  if (report.loss && report.loss_by_hand)
    whole += format("; loss %.7f, by hand %.7f", *report.loss, *report.loss_by_hand);
  return first_line(report) + "Each module on its own: " + std::to_string(report.modules.size()) +
         " modules, " + nn::grouped(report.parameters) + " parameters in " +
         dtype_text(report.dtype) + worst_text(report) + ".\n" + whole + "; " +
         difference_text(report) + ".\n";
}

std::string legend(const Report& report) {
  const std::string u = report.dtype == kBFloat16  ? "2^-8"
                        : report.dtype == kFloat64 ? "2^-53"
                                                   : "2^-24",
                    v = report.dtype == kFloat64 ? "2^-53" : "2^-24";
  std::string text =
      "\n"
      "  |error|      the largest |model - by hand|\n"
      "  relative     the largest |error| / size; size is the sum of the absolute terms of a "
      "number\n"
      "  ulp          the largest |error| in units of the last place of the number by hand\n"
      "  bound        2 u |y| + 8 v sqrt(K) size, for a sum y of K terms: u = " +
      u + " is the rounding of " + dtype_text(report.dtype) + ", v = " + v +
      "\n               that of the arithmetic. Where a module rounds in between, the bound is "
      "larger\n"
      "  of bound     the largest share of the bound, and `at` is the number that has it. `all`: "
      "all "
      "numbers\n               together, ||error|| against a bound for their norm\n"
      "  accumulated  ||model - by hand|| / ||by hand||, if the whole model is computed by hand\n";
  const auto replayed = [](const ModuleRow& row) { return row.is_replayed; };
  if (std::ranges::any_of(report.modules, replayed))
    text +=
        "  replayed     there is no function by hand: the module's own forward ran in float64, and "
        "the\n               bound comes from its distance to a run in the model's dtype\n";
  return text;
}

}  // namespace

std::string to_text(const Report& report, const TextOptions& options) {
  std::string out =
      summary(report) + "\n1. Forward\n\n" + forward_table(report, options.detail) + legend(report);
  out += "\n2. Gradients: dL/dx of every module, and dL/d(parameter)\n\n" +
         backward_table(report, options.detail);
  if (const std::string drawn = difference_table(report, options.detail); !drawn.empty())
    out += "\n3. Finite differences, in float64\n\n" + drawn;
  return out;
}

}  // namespace vitro::proof
