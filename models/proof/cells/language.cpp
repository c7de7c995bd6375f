// Works one number of a whole language model, and of the hook points at its top.
#include "models/language/gpt.h"
#include "models/language/mini_lm.h"
#include "models/proof/cells/cells.h"

namespace vitro::proof::cells {

namespace {

// The cell of a child, as a number of the model.
Cell passed_cell(const Place& place, const std::string& child, const Index& in_child) {
  const Call& call = needed_child(place.call, child);
  check_index(place.path, call.y.shape(), in_child);
  Cell cell = cell_of_call({place.trace, call, call.path, in_child});
  cell.text = at(place.path, place.index) + " is " + at(call.path, in_child) + ":\n\n" + cell.text;
  return renamed(std::move(cell), place.path, place.index);
}

// GPT adds an axis to the ids of one text, so its modules have one more index.
Index within_gpt(const Place& place) {
  Index index = place.index;
  if (place.call.x.rank() == 1) index.insert(index.begin(), 0);
  return index;
}

// wte + wpe
Cell embedded_cell(const Place& place, const Index& index) {
  const Call &wte = needed_child(place.call, "wte"), &first = needed_child(place.call, "h.0");
  check_index(place.path, wte.y.shape(), index);
  std::vector<Addend> parts = {{at(wte.path, index), number_at(wte.y, index)}};
  if (const Call* wpe = child_of(place.call, "wpe")) {
    const Index position(index.begin() + 1, index.end());
    parts.push_back({at(wpe->path, position), number_at(wpe->y, position)});
  }
  return sum_cell(place.path, place.index, parts, {number_at(first.x, index), first.x.dtype()});
}

}  // namespace

Cell gpt_cell(const Place& place) { return passed_cell(place, "lm_head", within_gpt(place)); }

std::optional<Cell> inside_gpt(const Place& place, const std::string& name) {
  if (name == "hook_embed") return passed_cell(place, "wte", within_gpt(place));
  if (name == "hook_pos_embed") return passed_cell(place, "wpe", place.index);
  if (name == "drop") return embedded_cell(place, within_gpt(place));
  return {};
}

Cell mini_lm_cell(const Place& place) { return passed_cell(place, "head", place.index); }

std::optional<Cell> inside_mini_lm(const Place& place, const std::string& name) {
  if (name != "hook_post" && name != "drop") return {};
  const auto& model = static_cast<const models::MiniLM&>(*place.call.module);
  const Call &hidden = needed_child(place.call, "hidden"), &head = needed_child(place.call, "head");
  check_index(place.path, head.x.shape(), place.index);
  return activation_cell(place.path, place.index, model.config.activation, hidden.path,
                         number_at(hidden.y, place.index),
                         {number_at(head.x, place.index), head.x.dtype()});
}

}  // namespace vitro::proof::cells
