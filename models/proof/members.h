// Substitutes and EvalMode: change a model for a scope.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "framework/nn/module.h"

namespace vitro::proof {

// A parameter or buffer of one module.
struct Member {
  std::string path;    // from the root
  nn::Module* module;  // the module that has it
  Tensor* place;       // the module's own handle
  Tensor original;     // what stands there otherwise
  bool is_buffer;
};

// The defined parameters and buffers of every module in the tree.  A tied tensor is listed once for
// each module that has it.
std::vector<Member> members_of(nn::Module& root);

// For a scope, every floating parameter x of the tree is replaced by replacement(x).  The
// destructor puts the originals back, so gradients, hooks, ties and optimizers are not touched.
class Substitutes {
 public:
  using Replacement = std::function<Tensor(const Tensor&)>;
  // Without `buffers`, buffers stay.
  Substitutes(nn::Module& root, const Replacement& parameters, const Replacement& buffers = {});
  ~Substitutes();
  Substitutes(const Substitutes&) = delete;
  Substitutes& operator=(const Substitutes&) = delete;

  const std::vector<Member>& parameters() const { return parameters_; }  // the replaced ones

 private:
  std::vector<Member> parameters_, buffers_;
};

// The destructor gives the buffers of a model the values that they had.
class KeptBuffers {
 public:
  explicit KeptBuffers(nn::Module& model);
  ~KeptBuffers();
  KeptBuffers(const KeptBuffers&) = delete;
  KeptBuffers& operator=(const KeptBuffers&) = delete;

 private:
  std::vector<std::pair<Member, Tensor>> before_;  // and a copy of its values
};

// Sets a model to eval mode; the destructor sets each module back.
class EvalMode {
 public:
  explicit EvalMode(nn::Module& model);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<std::pair<nn::Module*, bool>> before_;
};

}  // namespace vitro::proof
