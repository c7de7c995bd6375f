// The experiment of `vitro verify`: what it reads from a running model, and the two checks of it.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace vitro::cli {

// One Linear of a running model, as hooks saw it.
struct LinearRun {
  std::string name;
  nn::Linear* layer = nullptr;
  Tensor x = {}, y = {};    // (..., in), (..., out), float32
  Tensor grad_x = {};       // dL/dx, after backward
  std::string kernel = {};  // what computed y
};

// One cell y_rj = sum_k x_rk W_jk + b_j of a flattened y (rows, out), computed by hand.
struct Cell {
  int64_t row = 0, column = 0;
  double sum = 0, bias = 0, module_value = 0;  // sum: of the products, without the bias
  double by_hand() const { return sum + bias; }
};

struct ForwardCheck {
  double absolute = 0;  // largest |y - by hand|
  double relative = 0;  // largest |y - by hand| / (|x| |W|^T + |b|)
  double allowed = 0;   // for `relative`
  double whole = 0;     // ||y - by hand|| / ||by hand||
  bool agrees = true;
  Cell worst;  // the cell of `relative`
};

// The cell at this row and column of the flattened y.
Cell cell_at(const LinearRun& run, int64_t row, int64_t column);

// y against x W^T + b in float64, by loops that call no op.
ForwardCheck check_forward(const LinearRun& run);

struct GradientCheck {
  std::string tensor;
  Shape shape;
  int64_t elements = 0;   // how many were compared
  double difference = 0;  // largest |backward - finite difference|
  double largest = 0;     // of the gradient, |g|
  double excess = 0;      // largest difference / what is allowed there
  bool agrees = true;
};

// The gradients of every run's weight, bias and input, which backward of the summed cross entropy
// left in float32, against central differences of a float64 copy, at elements drawn from `seed`: a
// few of each tensor, or, where `most` elements are fewer than that, one of some of them.
std::vector<GradientCheck> check_gradients(models::LanguageModel& model,
                                           const std::vector<LinearRun>& runs, const Tensor& ids,
                                           const Tensor& targets, uint64_t seed, int64_t most);

}  // namespace vitro::cli
