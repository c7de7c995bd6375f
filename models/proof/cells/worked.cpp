// Helps all worked cells: it names and reads numbers, chooses digits, and writes the last lines.
#include <charconv>
#include <cmath>
#include <limits>

#include "models/proof/array.h"
#include "models/proof/cells/cells.h"
#include "models/text/format.h"

namespace vitro::proof::cells {

namespace {

constexpr int kDecimals = 6;  // of a number of ordinary size
constexpr int kDigits = 10;   // of a pocket calculator
// The digits shown are enough if the result differs by less, relative to the exact one.
constexpr double kEnough = 1e-5, kPoor = 1e-2;

// The shortest text that gives the same number in this dtype; exact for bfloat16.
std::string exact_text(double x, DType dtype) {
  char text[40];
  const auto end = dtype == kFloat32
                       ? std::to_chars(text, text + sizeof text, static_cast<float>(x)).ptr
                       : std::to_chars(text, text + sizeof text, x).ptr;
  return {text, end};
}

std::string last_lines(const Cell& cell, const Model& model, bool has_digits) {
  std::string out = has_digits ? "  = " + cell.shown + " from the digits shown\n" : "";
  out += "  = " + text::format("%.10g", cell.by_hand) + " by hand, with all digits\n";
  if (!model.value) return out + "  (" + model.why_not + ")\n";
  return out + "  = " + exact_text(*model.value, model.dtype) + " in the model (" +
         std::string(dtype_name(model.dtype)) + ")\n";
}

struct Attempt {
  std::string text;
  Number result;
  bool is_short = false;  // no number has more digits than a calculator
};

// Nothing if a number does not fit into a Decimal.
std::optional<Attempt> attempted(std::optional<int> decimals,
                                 const std::function<Number(Steps&)>& calculation) {
  try {
    Steps steps(decimals);
    const Number result = calculation(steps);
    return Attempt{steps.all(), result, steps.most_digits() <= kDigits};
  } catch (const ValueError&) {
    if (!decimals) throw;
    return {};
  }
}

Attempt chosen(const std::function<Number(Steps&)>& calculation) {
  std::optional<Attempt> best;
  for (int decimals = kDecimals; decimals <= kDigits; ++decimals) {
    std::optional<Attempt> now = attempted(decimals, calculation);
    if (!now || !now->is_short) continue;
    best = std::move(now);
    const double error = std::abs(best->result.shown->value() - best->result.exact);
    if (error <= kEnough * std::abs(best->result.exact)) break;
  }
  for (int decimals = kDecimals - 1; !best && decimals >= 0; --decimals) {
    best = attempted(decimals, calculation);
    if (best && !best->is_short && decimals > 0) best.reset();
  }
  // Numbers of very different size: few decimals lose the small ones.
  const bool is_poor = best && !best->is_short &&
                       !(std::abs(best->result.shown->value() - best->result.exact) <=
                         kPoor * std::abs(best->result.exact));
  return best && !is_poor ? *best : *attempted({}, calculation);
}

}  // namespace

std::string name_of(const std::string& path) { return path.empty() ? "the model" : path; }
std::string listed(std::span<const int64_t> index) {
  std::string all;
  for (int64_t i : index) all += (all.empty() ? "" : ",") + std::to_string(i);
  return all;
}
std::string at(const std::string& path, const Index& index) {
  return (path.empty() ? "model" : path) + '[' + listed(index) + ']';
}
std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + '.' + name;
}
Index with_last(const Index& index, int64_t last) {
  Index other = index;
  other.back() = last;
  return other;
}

std::vector<double> row_of(const Tensor& x, std::span<const int64_t> leading) {
  Tensor row = x.detach();
  for (int64_t i : leading) row = row.select(0, i);
  return array_of(row).value;
}
double number_at(const Tensor& x, std::span<const int64_t> index) { return row_of(x, index).at(0); }

void check_index(const std::string& path, const Shape& shape, const Index& index) {
  bool is_inside = std::ssize(index) == shape.rank();
  for (size_t i = 0; is_inside && i < index.size(); ++i)
    is_inside = 0 <= index[i] && index[i] < shape[static_cast<int>(i)];
  check<ValueError>(is_inside, "cell: expected an index within the output ", shape, " of ",
                    name_of(path), ", got [", listed(index), "]");
}

const Call* child_of(const Call& call, const std::string& name) {
  const std::string path = joined(call.path, name);
  for (const auto& child : call.children)
    if (child->path == path) return child.get();
  return nullptr;
}
const Call& needed_child(const Call& call, const std::string& name) {
  const Call* child = child_of(call, name);
  check<ValueError>(child, "cell: expected that ", name_of(call.path), " calls ", name,
                    ", got no such call");
  return *child;
}

Cell worked(const std::string& path, const Index& index, const Model& model,
            const std::string& title, const std::function<Number(Steps&)>& calculation) {
  const Attempt attempt = chosen(calculation);
  const Number& result = attempt.result;
  Cell cell{.path = path, .index = index};
  cell.by_hand = result.exact;
  cell.model = model.value.value_or(std::numeric_limits<double>::quiet_NaN());
  cell.from_digits = result.shown ? result.shown->value() : result.exact;
  cell.shown = result.shown ? result.shown->text() : text::format("%.6g", result.exact);
  cell.text = at(path, index) + " = " + title + '\n' + attempt.text;
  if (!result.shown)
    cell.text += "  These numbers need more digits than a calculator has: only 6 are shown.\n";
  cell.text += last_lines(cell, model, result.shown.has_value());
  return cell;
}

Cell renamed(Cell cell, const std::string& path, const Index& index) {
  cell.path = path, cell.index = index;
  return cell;
}

Cell followed(const std::string& introduction, const Cell& first, const std::string& between,
              const Cell& second) {
  Cell both = second;
  both.text = introduction + '\n' + first.text + '\n' + between + '\n' + second.text;
  return both;
}

}  // namespace vitro::proof::cells
