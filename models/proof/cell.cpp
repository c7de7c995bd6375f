// Finds the module of a cell, and the function that works it.
#include "models/proof/cell.h"

#include <algorithm>
#include <typeindex>
#include <unordered_map>

#include "models/language/gpt.h"
#include "models/language/mini_lm.h"
#include "models/layers/containers.h"
#include "models/proof/cells/cells.h"

namespace vitro::proof {

namespace cells {

namespace {

template <Activation f>
Cell function_cell(const Place& place) {
  return activation_cell(place.path, place.index, f, "x", number_at(place.call.x, place.index),
                         {number_at(place.call.y, place.index), place.call.y.dtype()});
}
Cell gelu_cell(const Place& place) {
  const auto& layer = static_cast<const nn::GELU&>(*place.call.module);
  return layer.form == GeluForm::kTanh ? function_cell<Activation::kGeluTanh>(place)
                                       : function_cell<Activation::kGelu>(place);
}

// A class of modules, and the function that works its cells.
struct Known {
  Cell (*output)(const Place&);
  std::optional<Cell> (*inside)(const Place&, const std::string&) = nullptr;
};

const Known* known(const nn::Module& module) {
  static const std::unordered_map<std::type_index, Known> all = {
      {typeid(nn::Linear), {linear_cell}},
      {typeid(nn::Embedding), {embedding_cell}},
      {typeid(nn::LayerNorm), {layer_norm_cell}},
      {typeid(nn::RMSNorm), {rms_norm_cell}},
      {typeid(nn::GELU), {gelu_cell}},
      {typeid(nn::ReLU), {function_cell<Activation::kRelu>}},
      {typeid(nn::Tanh), {function_cell<Activation::kTanh>}},
      {typeid(nn::Sigmoid), {function_cell<Activation::kSigmoid>}},
      {typeid(nn::SiLU), {function_cell<Activation::kSilu>}},
      {typeid(nn::Softmax), {softmax_cell}},
      {typeid(nn::Dropout), {same_cell}},
      {typeid(nn::Identity), {same_cell}},
      {typeid(nn::HookPoint), {same_cell}},
      {typeid(nn::Sequential), {sequential_cell, inside_sequential}},
      {typeid(nn::CausalSelfAttention), {attention_cell, inside_attention}},
      {typeid(nn::MultiheadAttention), {multihead_cell}},
      {typeid(models::MLP), {mlp_cell, inside_mlp}},
      {typeid(models::Block), {block_cell, inside_block}},
      {typeid(models::GPT), {gpt_cell, inside_gpt}},
      {typeid(models::MiniLM), {mini_lm_cell, inside_mini_lm}}};
  const auto found = all.find(typeid(module));
  return found == all.end() ? nullptr : &found->second;
}

nn::Module* module_at(const Trace& trace, const std::string& path) {
  for (const auto& [name, module] : trace.root->module->named_modules())
    if (name == path) return module;
  return nullptr;
}

// The first call of this module, which may have another path if it is shared.
const Call* call_of(const Trace& trace, const nn::Module& module) {
  for (const Call* call : trace.calls())
    if (call->module == &module) return call;
  return nullptr;
}

// A number of an identity inside a module that is known.
std::optional<Cell> inside(const Trace& trace, const std::string& path, const Index& index) {
  const size_t dot = path.rfind('.');
  const std::string parent = dot == path.npos ? "" : path.substr(0, dot),
                    name = dot == path.npos ? path : path.substr(dot + 1);
  const Call* call = trace.find(parent);
  const Known* how = call ? known(*call->module) : nullptr;
  if (!how || !how->inside) return {};
  return how->inside({trace, *call, path, index}, name);
}

[[noreturn]] void fail_unknown(const Trace& trace, const std::string& path) {
  constexpr size_t kMost = 12;
  std::vector<std::string> all = {"probability", "loss"};
  for (const auto& [name, module] : trace.root->module->named_modules())
    if (!name.empty()) all.push_back(name);
  // The longest beginning of the path that a known path shares.
  std::string begin = path;
  const auto matches = [&](const std::string& name) { return name.starts_with(begin); };
  while (std::none_of(all.begin(), all.end(), matches)) begin.pop_back();
  std::string near;
  size_t count = 0;
  for (const std::string& name : all)
    if (matches(name) && count++ < kMost) near += (near.empty() ? "" : ", ") + name;
  fail<ValueError>("cell: expected the path of a module (", near, count > kMost ? " ..." : "",
                   "), got ", path);
}

// Which embedding each number of MiniLM's context belongs to.
std::string context_note(const Trace& trace, const Call& call, const Index& index) {
  const auto* model = dynamic_cast<const models::MiniLM*>(trace.root->module);
  if (!model || call.path != "hidden" || model->config.context == 1 || index.size() < 2) return "";
  const int64_t k = model->config.context, width = model->config.n_embd,
                t = index[index.size() - 2];
  std::string note = "x holds " + std::to_string(k) + " embeddings side by side:\n";
  for (int64_t i = 0; i < k; ++i) {
    const int64_t position = t - (k - 1) + i;
    note += "  numbers " + std::to_string(i * width) + " to " +
            std::to_string((i + 1) * width - 1) + ": " +
            (position < 0 ? "zeros, because the text begins later"
                          : "embed of position " + std::to_string(position)) +
            '\n';
  }
  return note;
}

}  // namespace

Cell cell_of_call(const Place& place) {
  check_index(place.path, place.call.y.shape(), place.index);
  const Known* how = known(*place.call.module);
  Cell cell = how ? how->output(place) : unknown_cell(place);
  if (const std::string note = context_note(place.trace, place.call, place.index); !note.empty())
    cell.text = note + '\n' + cell.text;
  return cell;
}

}  // namespace cells

Cell worked_cell(const Trace& trace, const std::string& path, const std::vector<int64_t>& index) {
  nn::Module* const module = cells::module_at(trace, path);
  if (!module) {
    if (path == "probability") return cells::probability_cell(trace, index);
    if (path == "loss") return cells::loss_cell(trace, index);
    cells::fail_unknown(trace, path);
  }
  if (is_identity(*module))
    if (auto cell = cells::inside(trace, path, index)) return *cell;
  if (const Call* call = cells::call_of(trace, *module))
    return cells::cell_of_call({trace, *call, path, index});
  check<ValueError>(!is_identity(*module), "cell: expected a module that was recorded, got ", path,
                    ", which returns its input and has no hook");
  fail<ValueError>("cell: expected a module that the model calls, got ", path,
                   ", which was not called");
}

}  // namespace vitro::proof
