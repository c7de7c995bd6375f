// The functions that work one number of each kind of module.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/base/activation.h"
#include "models/proof/cell.h"
#include "models/proof/cells/steps.h"

namespace vitro::proof::cells {

using Index = std::vector<int64_t>;

// The number of a recorded call that is worked.
struct Place {
  const Trace& trace;
  const Call& call;
  std::string path;  // of the call's module, or of a hook point inside it
  Index index;       // within the output
};

// --- what all kinds share ---

std::string name_of(const std::string& path);                          // "the model" for ""
std::string at(const std::string& path, const Index& index);           // "h.0.ln_1[0,3,5]"
std::string listed(std::span<const int64_t> index);                    // "0,3,5"
std::string joined(const std::string& path, const std::string& name);  // "h.0.ln_1"
Index with_last(const Index& index, int64_t last);  // the index with another last number
// x[leading..., :] and x[index...] in float64.
std::vector<double> row_of(const Tensor& x, std::span<const int64_t> leading);
double number_at(const Tensor& x, std::span<const int64_t> index);
// ValueError unless the index lies within the shape.
void check_index(const std::string& path, const Shape& shape, const Index& index);
// The call of a child inside this call; null if it was not recorded.
const Call* child_of(const Call& call, const std::string& name);
const Call& needed_child(const Call& call, const std::string& name);  // ValueError without it

// The number that the last lines of a cell compare with.
struct Model {
  std::optional<double> value = {};  // without a value, the model does not keep this number
  DType dtype = kFloat32;
  const char* why_not = "the model keeps no value of it: one kernel does all steps";
};
// The cell of a calculation, with as few decimals as give about five right digits.
Cell worked(const std::string& path, const Index& index, const Model& model,
            const std::string& title, const std::function<Number(Steps&)>& calculation);
Cell renamed(Cell cell, const std::string& path, const Index& index);  // says another place
// Two cells, of which the second is the result.
Cell followed(const std::string& introduction, const Cell& first, const std::string& between,
              const Cell& second);

// --- kinds of modules ---

Cell cell_of_call(const Place& place);  // any kind
Cell linear_cell(const Place& place);
// The k with the largest |x_k W_jk| of a Linear's number y[index].
int64_t largest_term(const Call& linear, const Index& index);
Cell embedding_cell(const Place& place);
Cell layer_norm_cell(const Place& place);
Cell rms_norm_cell(const Place& place);
Cell softmax_cell(const Place& place);
Cell multihead_cell(const Place& place);
Cell attention_cell(const Place& place);
Cell mlp_cell(const Place& place);
Cell block_cell(const Place& place);
Cell gpt_cell(const Place& place);
Cell mini_lm_cell(const Place& place);
Cell sequential_cell(const Place& place);
Cell same_cell(const Place& place);  // y = x
Cell unknown_cell(const Place& place);

// f(x) for one number.
Cell activation_cell(const std::string& path, const Index& index, Activation f,
                     const std::string& input, double x, const Model& model);
Number activation_steps(Steps& s, Activation f, const Number& x);
// a + b + ... with the names of these numbers.
struct Addend {
  std::string name;
  double value;
};
Cell sum_cell(const std::string& path, const Index& index, const std::vector<Addend>& addends,
              const Model& model);

// --- numbers inside modules: `name` is a hook point or another identity of the call's module ---

std::optional<Cell> inside_attention(const Place& place, const std::string& name);
std::optional<Cell> inside_mlp(const Place& place, const std::string& name);
std::optional<Cell> inside_block(const Place& place, const std::string& name);
std::optional<Cell> inside_sequential(const Place& place, const std::string& name);
std::optional<Cell> inside_gpt(const Place& place, const std::string& name);
std::optional<Cell> inside_mini_lm(const Place& place, const std::string& name);

Cell probability_cell(const Trace& trace, const Index& index);
Cell loss_cell(const Trace& trace, const Index& index);

}  // namespace vitro::proof::cells
