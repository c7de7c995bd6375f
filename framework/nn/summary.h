// The rows of Module::summary.  Each row describes the tensors and the work of one module.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "module.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// One row.
struct SummaryRow {
  std::string path = {}, what = {};                         // what: the module's describe()
  std::vector<std::pair<std::string, Shape>> tensors = {};  // of the module itself
  std::string tie = {};  // the first name of a tensor that the module shares; "" if none
  int64_t parameters = 0, macs = 0;  // including the modules inside; a tied tensor counts once
  bool operator==(const SummaryRow&) const = default;  // all fields are equal
};

// One row per module, the root first.  A module without tensors, children and multiply-accumulates,
// such as a hook point, has no row.  macs(module) gives the multiply-accumulates of one forward of
// the module, without the modules inside.
std::vector<SummaryRow> summary_rows(Module& root,
                                     const std::function<int64_t(const Module&)>& macs);

// The rows as a table.  The root is shown only if it has tensors of its own.  The elements of a
// list that equal its first element share one row.
std::string summary_table(const std::vector<SummaryRow>& rows);

std::string grouped(int64_t n);  // digits in groups of three, such as 16,384

}  // namespace nn
}  // namespace vitro
