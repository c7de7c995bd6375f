// Works one number of an MLP or of a Block, and of the hook points inside.
#include "models/language/gpt.h"
#include "models/proof/cells/cells.h"

namespace vitro::proof::cells {

namespace {

const models::MLP& mlp_of(const Place& place) {
  return static_cast<const models::MLP&>(*place.call.module);
}

// The value of a hook point: what it gave, if it was recorded, else the number in x.
Model kept_by(const Place& place, const std::string& name, const Tensor& x) {
  const Call* hook = child_of(place.call, name);
  const Tensor& from = hook ? hook->y : x;
  return {number_at(from, place.index), from.dtype()};
}

// One number between the linear layers.
Cell post_cell(const Place& place) {
  const models::MLP& mlp = mlp_of(place);
  const Call& c_proj = needed_child(place.call, "c_proj");
  const Call& c_fc = needed_child(place.call, "c_fc");
  check_index(place.path, c_proj.x.shape(), place.index);
  const Model model = kept_by(place, "hook_post", c_proj.x);
  const Call* pre = child_of(place.call, "hook_pre");
  if (!mlp.c_gate)
    return activation_cell(place.path, place.index, mlp.activation, pre ? pre->path : c_fc.path,
                           number_at(pre ? pre->y : c_fc.y, place.index), model);
  const Call& gate = pre ? *pre : needed_child(place.call, "c_gate");
  return worked(
      place.path, place.index, model,
      "silu(g) * u, g = " + at(gate.path, place.index) + ", u = " + at(c_fc.path, place.index),
      [&](Steps& s) {
        const Number g = s.number(number_at(gate.y, place.index)),
                     u = s.number(number_at(c_fc.y, place.index));
        s.say("g is " + s.text(g) + ", and u is " + s.text(u));
        return s.times("y", activation_steps(s, Activation::kSilu, g), u);
      });
}

// The cell of a child whose output the hook point repeats.
Cell repeated_cell(const Place& place, const std::string& child) {
  const Call& call = needed_child(place.call, child);
  check_index(place.path, call.y.shape(), place.index);
  Cell cell = cell_of_call({place.trace, call, call.path, place.index});
  cell.text =
      at(place.path, place.index) + " is " + at(call.path, place.index) + ":\n\n" + cell.text;
  return renamed(std::move(cell), place.path, place.index);
}

// A number that enters or leaves a whole block.
Cell residual_cell(const Place& place, const std::string& name) {
  const Call &attn = needed_child(place.call, "attn"), &mlp = needed_child(place.call, "mlp"),
             &ln_2 = needed_child(place.call, "ln_2");
  check_index(place.path, place.call.y.shape(), place.index);
  const auto value = [&](const Tensor& x) { return number_at(x, place.index); };
  std::vector<Addend> parts = {
      {"x, the input of " + name_of(place.call.path), value(place.call.x)}};
  if (name == "hook_resid_pre")
    return sum_cell(place.path, place.index, parts, kept_by(place, name, place.call.x));
  parts.push_back({at(attn.path, place.index), value(attn.y)});
  if (name == "hook_resid_mid")
    return sum_cell(place.path, place.index, parts, kept_by(place, name, ln_2.x));
  parts.push_back({at(mlp.path, place.index), value(mlp.y)});
  return sum_cell(place.path, place.index, parts, {value(place.call.y), place.call.y.dtype()});
}

}  // namespace

Cell sum_cell(const std::string& path, const Index& index, const std::vector<Addend>& addends,
              const Model& model) {
  const std::string title = addends.size() == 1
                                ? "the same number as its input"
                                : "a sum of " + std::to_string(addends.size()) + " numbers";
  return worked(path, index, model, title, [&](Steps& s) {
    Number sum = s.number(addends[0].value);
    for (const Addend& addend : addends)
      s.say(addend.name + " is " + s.text(s.number(addend.value)));
    for (size_t i = 1; i < addends.size(); ++i) sum = s.plus("", sum, s.number(addends[i].value));
    return sum;
  });
}

Cell mlp_cell(const Place& place) {
  const Call& c_proj = needed_child(place.call, "c_proj");
  const int64_t k = largest_term(c_proj, place.index);
  const Place post{place.trace, place.call, joined(place.call.path, "hook_post"),
                   with_last(place.index, k)};
  return renamed(
      followed(
          at(place.path, place.index) + " is a number of c_proj's output. (1) c_proj's input " +
              "is the activations.\nThe one that matters most here is number " + std::to_string(k) +
              ":\n",
          post_cell(post),
          "(2) All activations together, as the model computed them, are the input x of c_proj:\n",
          linear_cell({place.trace, c_proj, c_proj.path, place.index})),
      place.path, place.index);
}

std::optional<Cell> inside_mlp(const Place& place, const std::string& name) {
  if (name == "hook_pre") return repeated_cell(place, mlp_of(place).c_gate ? "c_gate" : "c_fc");
  if (name == "hook_post") return post_cell(place);
  if (name == "dropout") return repeated_cell(place, "c_proj");
  return {};
}

Cell block_cell(const Place& place) { return residual_cell(place, "hook_resid_post"); }

std::optional<Cell> inside_block(const Place& place, const std::string& name) {
  if (name.starts_with("hook_resid_")) return residual_cell(place, name);
  if (name == "hook_attn_out") return repeated_cell(place, "attn");
  if (name == "hook_mlp_out") return repeated_cell(place, "mlp");
  return {};
}

}  // namespace vitro::proof::cells
