// Module::summary prints the tree of modules as text.
#include "framework/nn/summary.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace vitro::nn {

namespace {

// The multiply-accumulates of each module in one forward of `example`.
std::map<const Module*, int64_t> count_macs(Module& root, const Tensor& example) {
  std::map<const Module*, int64_t> macs;
  std::vector<std::unique_ptr<ScopedHook>> hooks;
  for (Module* m : root.modules())
    hooks.push_back(std::make_unique<ScopedHook>(
        m->register_forward_hook([&macs](Module& module, const Tensor& x, const Tensor& y) {
          macs[&module] += module.macs(x.shape(), y.shape());
          return Tensor();
        })));
  NoGradGuard no_grad;
  KeepGenerator keep;
  root(example);
  return macs;
}

bool is_inside(const std::string& path, const std::string& outer) {
  return outer.empty() || path == outer || path.starts_with(outer + '.');
}

// Splits a path at its first index: "h.11.attn" has the list "h", the index 11 and the rest
// ".attn".
struct Indexed {
  std::string list, rest;
  int64_t index = 0;
};
std::optional<Indexed> indexed(const std::string& path) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const size_t end = std::min(path.find('.', dot + 1), path.size());
    const std::string number = path.substr(dot + 1, end - dot - 1);
    if (std::ranges::all_of(number, is_digit))
      return Indexed{path.substr(0, dot), path.substr(end), std::stoll(number)};
  }
  return {};
}

// The name of row i from the nearest module around it that has a row, indented by the depth.
std::string label(const std::vector<SummaryRow>& rows, size_t i) {
  std::string name = rows[i].path, outer;
  size_t depth = 0;
  for (size_t j = 1; j < i; ++j)
    if (is_inside(rows[i].path, rows[j].path)) ++depth, outer = rows[j].path;
  if (!outer.empty()) name = name.substr(outer.size() + 1);
  return std::string(2 * depth, ' ') + name + ": ";
}

// Whether the row lies in a later element of a list, and equals the same row of the first element.
bool is_as_first(const std::vector<SummaryRow>& rows, const SummaryRow& row) {
  const auto at = indexed(row.path);
  if (!at || at->index == 0) return false;
  const auto first = std::ranges::find(rows, at->list + ".0" + at->rest, &SummaryRow::path);
  if (first == rows.end()) return false;
  SummaryRow same = *first;
  same.path = row.path;
  return same == row;
}

std::string text_of(const Shape& shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}
std::string right(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

// Pads cells to columns and puts each row on a line.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(width[i] + 2 - row[i].size(), ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::vector<std::string> cells(const SummaryRow& row, const std::string& name) {
  std::string tensors;
  for (const auto& [tensor, shape] : row.tensors)
    tensors += (tensors.empty() ? "" : ", ") + tensor + ' ' + text_of(shape);
  if (!row.tie.empty()) tensors += " = " + row.tie;
  return {name, tensors, right(grouped(row.parameters), 15),
          row.macs ? right(grouped(row.macs), 18) : ""};
}

}  // namespace

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::vector<SummaryRow> summary_rows(Module& root,
                                     const std::function<int64_t(const Module&)>& macs) {
  std::vector<SummaryRow> rows;
  std::set<const TensorImpl*> parameters;
  for (auto& [name, x] : root.named_parameters()) parameters.insert(x.impl());
  std::map<const TensorImpl*, std::string> seen;
  for (auto& [path, module] : root.named_modules()) {
    SummaryRow row{path, module->describe()};
    row.macs = macs(*module);
    for (auto& [name, x] : module->state_dict()) {
      if (name.find('.') != std::string::npos) continue;
      const auto [first, is_new] =
          seen.try_emplace(x.impl(), path + (path.empty() ? "" : ".") + name);
      row.tensors.emplace_back(name, x.shape());
      if (is_new) row.parameters += parameters.contains(x.impl()) ? x.numel() : 0;
      else row.tie = first->second;
    }
    const bool is_empty = row.tensors.empty() && row.macs == 0 && module->children().empty();
    if (path.empty() || !is_empty) rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = i + 1; j < rows.size() && is_inside(rows[j].path, rows[i].path); ++j)
      rows[i].parameters += rows[j].parameters, rows[i].macs += rows[j].macs;
  return rows;
}

std::string summary_table(const std::vector<SummaryRow>& rows) {
  std::vector<std::vector<std::string>> lines = {
      {"module", "tensors", right("parameters", 15), right("MACs", 18)}};
  if (!rows[0].tensors.empty()) lines.push_back(cells(rows[0], rows[0].what));
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto at = indexed(rows[i].path);
    const auto is_of_list = [&](size_t j) {
      return at && j < rows.size() && rows[j].path.starts_with(at->list + '.');
    };
    size_t end = i;
    while (is_of_list(end) && is_as_first(rows, rows[end])) ++end;
    if (end == i || is_of_list(end)) {
      lines.push_back(cells(rows[i], label(rows, i) + rows[i].what));
      continue;
    }
    const int64_t last = indexed(rows[end - 1].path)->index, more = last - at->index + 1;
    const SummaryRow all{.parameters = more * rows[i].parameters, .macs = more * rows[i].macs};
    std::string range = label(rows, i);
    range.resize(range.size() - 2);
    if (more > 1) range += " to " + std::to_string(last);
    lines.push_back(cells(all, range + (more > 1 ? ": each as " : ": as ") + at->list + ".0"));
    i = end - 1;
  }
  return columns(lines);
}

std::string Module::summary(const Tensor& example) {
  std::map<const Module*, int64_t> macs;
  if (example.defined()) macs = count_macs(*this, example);
  const std::vector<SummaryRow> rows =
      summary_rows(*this, [&](const Module& module) { return macs[&module]; });
  std::ostringstream text;
  text << rows[0].what << "\n\n" << summary_table(rows) << "\nparameters  ";
  text << grouped(rows[0].parameters) << '\n';
  if (example.defined())
    text << "MACs        " << grouped(rows[0].macs) << " for input " << example.shape() << '\n';
  return text.str();
}

}  // namespace vitro::nn
