// `vitro gradients`: tables of the gradients of parameters and outputs for a prompt.
#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/look/look.h"

namespace vitro::cli {

namespace {

struct Gradients {
  double loss = 0;
  std::vector<Looked> parameters, outputs;
};

// Adds a row for each output that the modules compute.  Backward fills in the statistics of its
// gradient.  Rows stay where they are, so that the hooks of the tensors may point to them.
class OutputGradients {
 public:
  explicit OutputGradients(const nn::NamedModules& modules) {
    for (const auto& [path, module] : modules)
      hooks_.emplace_back(module->register_forward_hook(
          [this, path = path](nn::Module&, const Tensor&, const Tensor& y) {
            Looked& row = rows_.emplace_back(Looked{path, y.shape()});
            if (y.requires_grad())
              Tensor(y).register_hook([&row](const Tensor& dy) {
                row.statistics = statistics_of(dy);
                return Tensor();  // unchanged
              });
            return Tensor();
          }));
  }
  std::vector<Looked> rows() const { return {rows_.begin(), rows_.end()}; }

 private:
  std::deque<Looked> rows_;
  std::deque<nn::ScopedHook> hooks_;
};

// The gradients of the mean cross entropy of the next token, at each token but the last.
Gradients gradients_of(Look& look, const std::string& path) {
  const nn::NamedModules modules = looked_at(*look.model, path);
  const std::span<const int64_t> ids = look.ids;
  const Tensor inputs = unsqueeze(from_span(ids.first(ids.size() - 1)), 0),
               targets = unsqueeze(from_span(ids.last(ids.size() - 1)), 0);
  OutputGradients outputs(modules);
  const Tensor loss = cross_entropy((*look.model)(inputs), targets);
  loss.backward();
  Gradients found{.loss = loss.item(), .parameters = {}, .outputs = outputs.rows()};
  for (const auto& [name, parameter] : modules[0].second->named_parameters()) {
    const std::string full = path.empty() ? name : path + "." + name;
    found.parameters.push_back({full, parameter.shape()});
    if (const Tensor gradient = parameter.grad(); gradient.defined())
      found.parameters.back().statistics = statistics_of(gradient);
  }
  return found;
}

}  // namespace

int show_gradients(const LookOptions& options) {
  Look look = open_look(options, /*targets=*/1);
  check<ValueError>(look.ids.size() > 1, "--prompt: expected at least 2 tokens, got ",
                    look.ids.size(), ": ", in_quotes(options.prompt, 60));
  const Gradients found = gradients_of(look, options.module);
  if (options.json) {
    nlohmann::ordered_json json = look_json(options, look);
    json["loss"] = found.loss;
    json["parameters"] = look_json(found.parameters);
    json["outputs"] = look_json(found.outputs);
    write_json(json);
    return 0;
  }
  std::string out =
      look.introduction +
      format("The loss L, the mean cross entropy of the next token: %.4f.\n", found.loss);
  if (!found.parameters.empty())
    out +=
        "\nThe gradient dL/dp of each parameter p:\n\n" + look_table("parameter", found.parameters);
  out += "\nThe gradient dL/dy of each module's output y, in the order of the forward pass:\n\n" +
         look_table("module", found.outputs);
  write_out(out);
  return 0;
}

}  // namespace vitro::cli
