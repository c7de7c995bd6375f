// The data that `vitro verify` reads from a running model, and the checks of outputs and gradients.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace vitro::cli {

// One Linear of a running model, and the tensors that hooks recorded for it.
struct LinearRun {
  std::string name;
  nn::Linear* layer = nullptr;
  Tensor x = {}, y = {};    // (..., in), (..., out), float32
  Tensor grad_x = {};       // dL/dx, after backward
  std::string kernel = {};  // the kernel that computed y
};

// One cell y_rj = sum_k x_rk W_jk + b_j of a flattened y (rows, out), computed by hand.
struct Cell {
  int64_t row = 0, column = 0;
  double sum = 0, bias = 0, module_value = 0;  // sum: the products without the bias
  double by_hand() const { return sum + bias; }
};

struct ForwardCheck {
  double absolute = 0;  // largest |y - by hand|
  double relative = 0;  // largest |y - by hand| / (|x| |W|^T + |b|)
  double allowed = 0;   // the bound of `relative`
  double whole = 0;     // ||y - by hand|| / ||by hand||
  bool agrees = true;
  Cell worst;  // the cell with the largest relative error
};

// The cell at this row and column of the flattened y.
Cell cell_at(const LinearRun& run, int64_t row, int64_t column);

// Compares y with x W^T + b, computed in float64 by loops that call no op.
ForwardCheck check_forward(const LinearRun& run);

struct GradientCheck {
  std::string tensor;
  Shape shape;
  int64_t elements = 0;   // how many elements were compared
  double difference = 0;  // largest |backward - finite difference|
  double largest = 0;     // largest |g| of the gradient
  double excess = 0;      // largest quotient of a difference and its bound
  bool agrees = true;
};

// Compares the gradients of every run's weight, bias and input with central differences of a
// float64 copy.  The gradients are float32, from backward of the summed cross entropy.  A few
// elements of each tensor, drawn with `seed`, are compared.  If `most` is smaller than the number
// of tensors, only about `most` of the tensors are compared, each in one element.
std::vector<GradientCheck> check_gradients(models::LanguageModel& model,
                                           const std::vector<LinearRun>& runs, const Tensor& ids,
                                           const Tensor& targets, uint64_t seed, int64_t most);

}  // namespace vitro::cli
