// Module::summary: the tree as text.
#include <iomanip>
#include <map>

#include "framework/nn/module.h"

namespace vitro::nn {

namespace {

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n), out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

// Multiply-accumulates per module of one forward.
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

}  // namespace

std::string Module::summary(const Tensor& example) {
  std::map<const Module*, int64_t> macs;
  if (example.defined()) macs = count_macs(*this, example);
  int64_t total_macs = 0;
  struct Row {
    std::string name;
    int64_t parameters, macs;
  };
  std::vector<Row> rows;
  for (auto& [path, module] : named_modules()) {
    auto depth =
        static_cast<size_t>(path.empty() ? 0 : 1 + std::count(path.begin(), path.end(), '.'));
    std::string name = path.empty() ? "" : path.substr(path.rfind('.') + 1) + ": ";
    rows.push_back({std::string(2 * depth, ' ') + name + module->describe(),
                    module->parameter_count(), macs[module]});
    total_macs += macs[module];
    for (auto& [child, x] : module->state_dict()) {
      if (child.find('.') != std::string::npos) continue;
      std::ostringstream shape;
      shape << std::string(2 * depth + 2, ' ') << child << ' ' << x.dtype() << ' ' << x.shape();
      rows.push_back({shape.str(), -1, 0});
    }
  }
  size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.name.size());
  std::ostringstream text;
  for (const Row& row : rows) {
    text << std::left << std::setw(static_cast<int>(width) + 2) << row.name;
    if (row.parameters >= 0) text << std::right << std::setw(14) << grouped(row.parameters);
    if (row.macs > 0) text << std::setw(16) << grouped(row.macs) << " MACs";
    text << '\n';
  }
  text << "parameters: " << grouped(parameter_count());
  if (example.defined())
    text << "   MACs: " << grouped(total_macs) << " for input " << example.shape();
  text << '\n';
  return text.str();
}

}  // namespace vitro::nn
