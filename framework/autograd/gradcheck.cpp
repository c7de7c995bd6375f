// gradcheck and gradgradcheck: they move one element of one input at a time.
#include "framework/autograd/gradcheck.h"

#include <cmath>

#include "framework/tensor/loops.h"
#include "framework/tensor/random.h"

namespace vitro {

namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensors(const Tensors&)>;

// Copies of the floating inputs as new leaves, so that the caller's values and gradients do not
// change.  Other inputs are shared.
Tensors leaves_like(const Tensors& inputs) {
  Tensors leaves;
  for (const Tensor& x : inputs) {
    check_defined("gradcheck", x, "an input");
    check<DTypeError>(
        !is_floating(x.dtype()) || x.dtype() == kFloat64,
        "gradcheck: expected float64 inputs, got ", x.dtype(), " ", x.shape(),
        "; convert with to(kFloat64), because rounding hides the differences in other dtypes");
    leaves.push_back(x.detach());
    if (!is_floating(x.dtype())) continue;
    copy_into(leaves.back() = empty(x.shape(), kFloat64), x);
    leaves.back().requires_grad_();
  }
  return leaves;
}

Tensor random_like(const Tensor& y, Generator& generator) {
  Tensor dy = empty(y.shape(), kFloat64);
  fill_normal(dy, 0, 1, generator);
  return dy;
}

// f(x).  Random ops draw the same numbers in every call.
Tensors call(const Function& f, const Tensors& x) {
  KeepGenerator keep;
  Tensors ys = f(x);
  for (const Tensor& y : ys)
    check<DTypeError>(!y.defined() || y.dtype() == kFloat64,
                      "gradcheck: expected a function that returns float64, got ",
                      y.defined() ? y.dtype() : kFloat64);
  return ys;
}

double dot(const Tensors& dys, const Tensors& ys) {
  double total = 0;
  for (size_t i = 0; i < ys.size(); ++i) {
    if (!ys[i].defined()) continue;
    Tensor y = empty(ys[i].shape(), kFloat64);
    copy_into(y, ys[i]);
    for (int64_t k = 0; k < y.numel(); ++k) total += raw<double>(dys[i])[k] * raw<double>(y)[k];
  }
  return total;
}

// d<dy, f(x)>/dx by backward; undefined for an x that f's graph does not reach.
Tensors analytic(const Function& f, const Tensors& x, const Tensors& dys, bool create_graph) {
  Tensors ys = call(f, x), outputs, seeds, wanted, gradients(x.size());
  for (size_t i = 0; i < ys.size(); ++i)
    if (ys[i].requires_grad()) outputs.push_back(ys[i]), seeds.push_back(dys[i]);
  for (const Tensor& input : x)
    if (input.requires_grad()) wanted.push_back(input);
  if (outputs.empty() || wanted.empty()) return gradients;
  Tensors found = grad(outputs, wanted,
                       {.grad_outputs = seeds, .create_graph = create_graph, .allow_unused = true});
  for (size_t i = 0, next = 0; i < x.size(); ++i)
    if (x[i].requires_grad()) gradients[i] = found[next++];
  return gradients;
}

// The index of element k, such as (1, 2).
std::string place(const Tensor& x, int64_t k) {
  Shape index = x.shape();
  for (int axis = x.rank(); axis-- > 0; k /= x.shape()[axis]) index[axis] = k % x.shape()[axis];
  std::ostringstream text;
  text << index;
  return text.str();
}

// Compares elements one by one and remembers the one that disagrees most.
struct Comparison {
  double atol, rtol;
  double worst = 0;
  int64_t wrong = 0, all = 0;
  std::string where = {};

  void add(const std::string& input, const Tensor& x, int64_t k, bool create_graph,
           double by_backward, double numeric) {
    ++all;
    double excess = std::abs(by_backward - numeric) / (atol + rtol * std::abs(numeric));
    if (excess <= 1) return;
    ++wrong;
    if (!where.empty() && !(excess > worst)) return;
    worst = excess;
    std::ostringstream text;
    text << input << " " << place(x, k) << ": backward"
         << (create_graph ? " with create_graph" : "") << " gives " << by_backward
         << ", differences give " << numeric;
    where = text.str();
  }
};

// Compares backward with differences for every element of every floating input.  `what` begins the
// message; `last`, if not empty, is the name of the last input in it.
GradCheck compare(const std::string& what, const Function& f, const Tensors& inputs,
                  const std::string& last, double eps, double atol, double rtol) {
  AutoGradMode on(true);
  Tensors x = leaves_like(inputs), dys;
  Generator generator(1);
  for (const Tensor& y : call(f, x)) dys.push_back(y.defined() ? random_like(y, generator) : y);
  Tensors plain = analytic(f, x, dys, /*create_graph=*/false),
          recorded = analytic(f, x, dys, /*create_graph=*/true);
  Comparison comparison{atol, rtol};
  for (size_t i = 0; i < x.size(); ++i) {
    if (!x[i].requires_grad()) continue;
    std::string name = i + 1 == x.size() && !last.empty() ? last : "input " + std::to_string(i);
    Tensor gradients[2];
    for (int j : {0, 1}) {
      const Tensor& found = j ? recorded[i] : plain[i];
      gradients[j] = zeros(x[i].shape(), kFloat64);
      if (found.defined()) copy_into(gradients[j], found);
    }
    for (int64_t k = 0; k < x[i].numel(); ++k) {
      double* element = x[i].mutable_data<double>() + k;
      const double at = *element;
      *element = at + eps;
      double above = dot(dys, call(f, x));
      *element = at - eps;
      double below = dot(dys, call(f, x));
      *element = at;
      double numeric = (above - below) / (2 * eps);
      for (int j : {0, 1})
        comparison.add(name, x[i], k, j == 1, raw<double>(gradients[j])[k], numeric);
    }
  }
  if (comparison.wrong == 0) return {};
  return {false, what + ": " + comparison.where + " (" + std::to_string(comparison.wrong) + " of " +
                     std::to_string(comparison.all) + " comparisons disagree)"};
}

// Names the op that made y, for the message.
std::string name_of(const Tensor& y) {
  return !y.requires_grad() ? "a result without a graph"
         : y.is_leaf()      ? "a leaf"
                            : std::string(y.grad_fn()->name());
}
Tensor output(const Definition& f, const Tensors& inputs) {
  AutoGradMode on(true);
  KeepGenerator keep;
  Tensor y = f(leaves_like(inputs));
  check_defined("gradcheck", y, "the function's result");
  return y;
}

}  // namespace

GradCheck gradcheck(const Definition& f, const Tensors& inputs, double eps, double atol,
                    double rtol) {
  Tensor y = output(f, inputs);
  return compare(
      "gradcheck: " + name_of(y), [&](const Tensors& x) { return Tensors{f(x)}; }, inputs, "", eps,
      atol, rtol);
}

GradCheck gradgradcheck(const Definition& f, const Tensors& inputs, double eps, double atol,
                        double rtol) {
  Tensor y = output(f, inputs);
  Generator generator(2);
  Tensors with_dy = inputs;
  with_dy.push_back(random_like(y, generator));
  auto gradient = [&](const Tensors& in) {
    Function function = [&](const Tensors& x) { return Tensors{f(x)}; };
    Tensors x(in.begin(), in.end() - 1);
    return analytic(function, x, {in.back()}, /*create_graph=*/true);
  };
  return compare("gradgradcheck: " + name_of(y), gradient, with_dy, "dy", eps, atol, rtol);
}

}  // namespace vitro
