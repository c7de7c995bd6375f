// Replay: runs a module's own forward again, for modules without a function by hand.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "framework/nn/module.h"
#include "models/proof/array.h"
#include "models/proof/members.h"

namespace vitro::proof {

struct Moved;

// The arithmetic of one module, without its children: each child's output is given.  Its ops are
// recorded, and the engine computes the gradients.  In float64 this needs memory for a copy of the
// module's parameters, children included.
class Replay {
 public:
  // With a dtype, everything floating is converted to it; else all keeps its own dtype.
  explicit Replay(nn::Module& module, std::optional<DType> dtype, const Moved* moved = nullptr)
      : module_(module), dtype_(dtype), moved_(moved) {}

  // A call of a child: the tensors have the dtype of the replay.
  struct Called {
    nn::Module* module;
    Tensor x, y;  // x has a graph; y is a leaf
  };
  // Gives the output of a child for an input.
  using Child = std::function<Array(nn::Module& child, const Tensor& x)>;
  Tensor forward(const Array& x, DType dtype, const Child& child);
  const std::vector<Called>& called() const { return called_; }  // in their order
  const Tensor& input() const { return x_; }
  const Tensor& output() const { return y_; }

  struct Results {
    Tensor dx;                                           // undefined if nothing depends on x
    std::vector<std::pair<Tensor*, Tensor>> parameters;  // by handle; unused ones are left out
  };
  // Returns dL/d(input) of a child for dL/d(output), which is undefined if nothing depends on it.
  using ChildGradient = std::function<Tensor(size_t number, const Tensor& dy)>;
  // Children go back in the reverse order of their calls.
  Results backward(const Array& dy, const ChildGradient& child);

 private:
  std::vector<Tensor> gradients(const std::vector<Tensor>& inputs, size_t child) const;

  nn::Module& module_;
  std::optional<DType> dtype_;
  const Moved* moved_;
  Tensor x_, y_, dy_;
  std::vector<Called> called_;
  std::vector<Tensor> given_;                           // dL/d(input) of each child, or undefined
  std::vector<std::pair<Tensor*, Tensor>> parameters_;  // handles, and the leaves in their place
};

}  // namespace vitro::proof
