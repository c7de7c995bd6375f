// `vitro activations`: a table of the outputs of all modules for a prompt.
#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/look/look.h"

namespace vitro::cli {

namespace {

// The outputs of the modules in the order of the computation.  A hook reads each output at once, so
// that memory never holds all of them.  A module that runs more than once shows its last output.
std::vector<Looked> outputs_of(models::LanguageModel& model, const nn::NamedModules& modules,
                               const Tensor& ids) {
  std::vector<Looked> rows;
  std::deque<nn::ScopedHook> hooks;
  for (const auto& [path, module] : modules)
    hooks.emplace_back(module->register_forward_hook(
        [&rows, path = path](nn::Module&, const Tensor&, const Tensor& y) {
          std::erase_if(rows, [&](const Looked& row) { return row.path == path; });
          rows.push_back({path, y.shape(), statistics_of(y)});
          return Tensor();  // unchanged
        }));
  NoGradGuard no_grad;
  model(ids);
  return rows;
}

}  // namespace

int show_activations(const LookOptions& options) {
  const Look look = open_look(options);
  const nn::NamedModules modules = looked_at(*look.model, options.module);
  const std::vector<Looked> rows =
      outputs_of(*look.model, modules, unsqueeze(from_span(look.ids), 0));
  if (options.json) {
    nlohmann::ordered_json json = look_json(options, look);
    json["outputs"] = look_json(rows);
    write_json(json);
    return 0;
  }
  write_out(look.introduction +
            "\nThe output of each module, in the order of the computation:\n\n" +
            look_table("module", rows));
  return 0;
}

}  // namespace vitro::cli
