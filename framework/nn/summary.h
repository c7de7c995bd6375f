// The rows behind Module::summary: each says what one module holds and computes.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

struct SummaryRow {
  std::string path = {}, what = {};                         // what: the module's describe()
  std::vector<std::pair<std::string, Shape>> tensors = {};  // its own
  std::string tie = {};                                     // the name of what it shares
  int64_t parameters = 0, macs = 0;  // with those of the modules inside; a tied tensor once
  bool operator==(const SummaryRow&) const = default;
};

// One row per module, the root first.  Modules that hold and compute nothing, such as hook points,
// have no row.
// macs(module): multiplications of a forward, without those of the modules inside.
std::vector<SummaryRow> summary_rows(Module& root,
                                     const std::function<int64_t(const Module&)>& macs);

// The modules as a table, the root only if it has tensors of its own.  Elements of a list that are
// as its first share a row.
std::string summary_table(const std::vector<SummaryRow>& rows);

std::string grouped(int64_t n);  // 16,384

}  // namespace nn
}  // namespace vitro
