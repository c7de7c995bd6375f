// Functions for use between backward and step: clipping, groups, and check_trained().
#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/autograd/node.h"
#include "framework/optim/optim.h"
#include "framework/simd/rows.h"
#include "framework/tensor/loops.h"

namespace vitro::optim {

namespace {

constexpr int64_t kSumPart = 16384;  // elements; fixed, so that sums do not depend on the threads
constexpr int64_t kFloatRun = 512;   // elements; added in float32 inside a run, else in float64

// sum of squares of elements [begin, end)
double squares(const Tensor& x, int64_t begin, int64_t end) {
  double total = 0;
  if (x.dtype() == kFloat32) {
    for (int64_t i = begin; i < end; i += kFloatRun) {
      const float* p = raw<float>(x) + i;
      total += simd::dot(p, p, std::min(kFloatRun, end - i));
    }
    return total;
  }
  visit_dtype(x.dtype(), [&]<class T>() {
    const T* p = raw<T>(x);
    for (int64_t i = begin; i < end; ++i)
      total += static_cast<double>(p[i]) * static_cast<double>(p[i]);
  });
  return total;
}

double sum_of_squares(const Tensor& x) {
  const int64_t chunks = (x.numel() + kSumPart - 1) / kSumPart;
  if (chunks == 1) return squares(x, 0, x.numel());
  Tensor parts = empty({chunks}, kFloat64);
  parallel_for(chunks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      raw<double>(parts)[c] = squares(x, c * kSumPart, std::min((c + 1) * kSumPart, x.numel()));
  });
  double total = 0;
  for (int64_t c = 0; c < chunks; ++c) total += raw<double>(parts)[c];
  return total;
}

// Calls f(gradient) for each parameter that has a nonempty gradient, made contiguous.
template <class F>
void for_each_gradient(const std::vector<Tensor>& parameters, F f) {
  for (const Tensor& p : parameters) {
    Tensor g = p.grad();
    if (!g.defined() || g.numel() == 0) continue;
    if (!g.is_contiguous()) {
      p.set_grad(g);
      g = p.grad();
    }
    f(g);
  }
}

// x_i = f(x_i)
template <class F>
void map_in_place(const Tensor& x, F f) {
  visit_dtype(x.dtype(), [&]<class T>() {
    T* p = raw<T>(x);
    parallel_for(x.numel(), kSumPart, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) p[i] = static_cast<T>(f(p[i]));
    });
  });
  ++x.impl()->storage->version;
}

// sqrt(sum g^2) over all gradients.  Each number is divided by the largest, so that no square
// overflows or vanishes.
double scaled_norm(const std::vector<Tensor>& parameters) {
  double largest = 0, total = 0;
  const auto for_each_number = [&](auto f) {
    for_each_gradient(parameters, [&](const Tensor& g) {
      visit_dtype(g.dtype(), [&]<class T>() {
        for (int64_t i = 0; i < g.numel(); ++i) f(std::abs(static_cast<double>(raw<T>(g)[i])));
      });
    });
  };
  for_each_number([&](double x) { largest = x > largest || x != x ? x : largest; });
  if (largest == 0 || !std::isfinite(largest)) return largest;
  for_each_number([&](double x) { total += x / largest * (x / largest); });
  return largest * std::sqrt(total);
}

double norm_of_gradients(const std::vector<Tensor>& parameters) {
  double total = 0, count = 0;
  for_each_gradient(parameters, [&](const Tensor& g) {
    total += sum_of_squares(g);
    count += static_cast<double>(g.numel());
  });
  // Small squares may have become 0 in float32.  They do not matter to a sum as large as this.
  if (total >= count * 1e-30 && total <= std::numeric_limits<double>::max())
    return std::sqrt(total);
  return scaled_norm(parameters);
}

}  // namespace

DecayGroups decay_groups(const NamedTensors& parameters) {
  DecayGroups groups;
  for (const auto& named : parameters)
    (named.second.rank() >= 2 ? groups.decayed : groups.plain).push_back(named);
  return groups;
}

double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm) {
  check<ValueError>(max_norm >= 0, "clip_grad_norm_: expected max_norm >= 0, got ", max_norm);
  NoGradGuard unrecorded;
  const double norm = norm_of_gradients(parameters), scale = max_norm / (norm + 1e-6);
  if (!(scale < 1)) return norm;
  // In float32 such a small scale could become 0, so the product is computed in float64.
  const bool is_tiny = scale < static_cast<double>(std::numeric_limits<float>::min());
  for_each_gradient(parameters, [&](const Tensor& g) {
    if (is_tiny) map_in_place(g, [scale](auto x) { return static_cast<double>(x) * scale; });
    else map_in_place(g, [scale](auto x) { return x * static_cast<decltype(+x)>(scale); });
  });
  return norm;
}

void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value) {
  check<ValueError>(clip_value >= 0, "clip_grad_value_: expected clip_value >= 0, got ",
                    clip_value);
  for_each_gradient(parameters, [&](const Tensor& g) {
    map_in_place(g, [clip_value](auto x) {
      const auto bound = static_cast<decltype(+x)>(clip_value);
      return std::clamp(+x, -bound, bound);
    });
  });
}

void check_trained(const Tensor& loss, const std::vector<const Optimizer*>& optimizers) {
  check<GraphError>(loss.requires_grad(),
                    "check_trained: expected a loss with a graph, got one without");
  std::set<const Node*> trained, seen{loss.impl()->node.get()};
  for (const Optimizer* optimizer : optimizers)
    for (const auto& [name, p] : optimizer->named_parameters())
      if (p.requires_grad()) trained.insert(p.impl()->node.get());
  bool any = false;
  for (std::vector<const Node*> open(seen.begin(), seen.end()); !open.empty();) {
    const Node* node = open.back();
    open.pop_back();
    if (node->is_leaf) {
      any = true;
      check<GraphError>(trained.contains(node), "check_trained: expected an optimizer with each ",
                        "leaf that gets a gradient, got none with ",
                        node->path ? interned(node->path) : "unnamed", ' ', node->dtype, ' ',
                        node->shape);
    }
    for (const NodePtr& input : node->inputs)
      if (input && seen.insert(input.get()).second) open.push_back(input.get());
  }
  check<GraphError>(any, "check_trained: expected a leaf that gets a gradient, got none");
}

}  // namespace vitro::optim
