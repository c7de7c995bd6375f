// Works one number of a module that only passes numbers on, and of a module with unknown formula.
#include <limits>

#include "models/layers/containers.h"
#include "models/proof/cells/cells.h"
#include "models/proof/hand.h"
#include "models/text/format.h"

namespace vitro::proof::cells {

namespace {

std::string first_numbers(const std::vector<double>& row) {
  constexpr size_t kMost = 8;
  std::string all;
  for (size_t i = 0; i < std::min(row.size(), kMost); ++i)
    all += (i ? "  " : "") + text::format("%.6g", row[i]);
  return all + (row.size() > kMost ? "  ..." : "");
}

// "x[0,3,:]: 0.1  0.2 ..."
std::string row_text(const std::string& name, const Tensor& x, const Index& index) {
  const size_t leading = std::min(index.size(), static_cast<size_t>(x.rank())) - 1;
  for (size_t i = 0; i < leading; ++i)
    if (index[i] >= x.size(static_cast<int>(i)) || x.size(static_cast<int>(leading)) == 0)
      return "";
  const std::span head(index.data(), leading);
  return "  " + name + "[" + listed(head) + (leading ? "," : "") + ":] is " +
         first_numbers(row_of(x, head)) + "\n";
}

}  // namespace

Cell same_cell(const Place& place) {
  return sum_cell(place.path, place.index, {{"x", number_at(place.call.x, place.index)}},
                  {number_at(place.call.y, place.index), place.call.y.dtype()});
}

Cell sequential_cell(const Place& place) {
  if (place.call.children.empty()) return same_cell(place);
  const Call& last = *place.call.children.back();
  check_index(place.path, last.y.shape(), place.index);
  Cell cell = cell_of_call({place.trace, last, last.path, place.index});
  cell.text = at(place.path, place.index) + " is " + at(last.path, place.index) +
              ", the last module's output:\n\n" + cell.text;
  return renamed(std::move(cell), place.path, place.index);
}

// An identity inside a Sequential gives what the module before it gave.
std::optional<Cell> inside_sequential(const Place& place, const std::string& name) {
  const Tensor* y = &place.call.x;
  std::string before = "x";
  for (const auto& child : place.call.children) {
    if (std::stoi(child->path.substr(child->path.rfind('.') + 1)) > std::stoi(name)) break;
    y = &child->y, before = child->path;
  }
  check_index(place.path, y->shape(), place.index);
  const double value = number_at(*y, place.index);
  return sum_cell(place.path, place.index, {{at(before, place.index), value}}, {value, y->dtype()});
}

Cell unknown_cell(const Place& place) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Cell cell{.path = place.path, .index = place.index, .by_hand = nan, .from_digits = nan};
  cell.model = number_at(place.call.y, place.index);
  cell.shown = text::format("%.6g", cell.model);
  const Kind* kind = kind_of(*place.call.module);
  const std::string about = kind ? "There are no steps for its formula, " + kind->formula
                                 : "The formula is unknown for " + place.call.module->describe();
  cell.text =
      at(place.path, place.index) + " = " + cell.shown + " in the model\n  " + about + ".\n";
  if (place.call.x.rank() > 0 && !place.index.empty())
    cell.text +=
        row_text("x", place.call.x, place.index) + row_text("y", place.call.y, place.index);
  if (place.call.children.empty()) return cell;
  cell.text += "  It calls modules whose numbers can be worked:";
  for (const auto& child : place.call.children) cell.text += ' ' + child->path;
  cell.text += '\n';
  return cell;
}

}  // namespace vitro::proof::cells
