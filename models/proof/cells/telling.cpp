// Chooses a number that shows something in few steps.
#include <algorithm>
#include <cmath>

#include "models/layers/layers.h"
#include "models/layers/norm.h"
#include "models/proof/cells/cells.h"

namespace vitro::proof {

namespace {

constexpr int64_t kFewTerms = 32;  // products that somebody types into a calculator

// How many terms a cell of this call has; 0 if it is none of the kinds that are chosen.
int64_t terms_of(const Call& call) {
  const nn::Module& m = *call.module;
  if (const auto* linear = dynamic_cast<const nn::Linear*>(&m)) return linear->weight.size(1);
  if (dynamic_cast<const nn::LayerNorm*>(&m) || dynamic_cast<const nn::RMSNorm*>(&m))
    return 2 * call.y.size(-1);
  return 0;
}

// The last row of the first text: index 0 along the first axes, the last one before the row.
std::vector<int64_t> last_row_of(const Tensor& y) {
  std::vector<int64_t> leading(static_cast<size_t>(std::max(0, y.rank() - 1)), 0);
  if (!leading.empty()) leading.back() = y.size(-2) - 1;
  return leading;
}

// The largest number of this row.
std::vector<int64_t> largest_in(const Tensor& y, bool by_size) {
  std::vector<int64_t> index = last_row_of(y);
  const std::vector<double> row = cells::row_of(y, index);
  const auto less = [&](double a, double b) { return by_size ? std::abs(a) < std::abs(b) : a < b; };
  index.push_back(std::max_element(row.begin(), row.end(), less) - row.begin());
  return index;
}

// Whether only a few numbers of the input row are 0.
bool says_something(const Call& call) {
  if (call.y.numel() == 0 || call.x.rank() != call.y.rank()) return false;
  const std::vector<double> x = cells::row_of(call.x, last_row_of(call.x));
  const auto zeros = std::count(x.begin(), x.end(), 0.0);
  return 4 * zeros <= std::ssize(x);
}

}  // namespace

std::pair<std::string, std::vector<int64_t>> telling_cell(const Trace& trace) {
  const Call* best = nullptr;
  for (const Call* call : trace.calls()) {
    const int64_t terms = terms_of(*call);
    if (terms > 0 && says_something(*call) && (!best || terms < terms_of(*best))) best = call;
  }
  const Tensor& y = trace.root->y;
  if ((!best || terms_of(*best) > kFewTerms) && y.rank() >= 2 && is_floating(y.dtype()) &&
      y.numel() > 0 && trace.root->x.dtype() == kInt64)
    return {"probability", largest_in(y, /*by_size=*/false)};
  if (!best) best = trace.calls().back();
  return {best->path, largest_in(best->y, /*by_size=*/true)};
}

}  // namespace vitro::proof
