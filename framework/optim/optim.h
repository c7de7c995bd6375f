// Optimizers: from gradients to new parameters, one fused pass over parameter, gradient and state.
//
//   optim::AdamW opt(model.named_parameters(), {.lr = 3e-4});
//   loss.backward();  opt.step();  opt.zero_grad();
//
// Formulas, defaults and the names of the state are PyTorch's.  A parameter without a gradient is
// left alone.  State is kept in the parameter's dtype, for bfloat16 in float32.
#pragma once
#include <array>
#include <set>

#include "../tensor/named_tensors.h"

namespace [[gnu::visibility("default")]] vitro {
namespace optim {

NamedTensors numbered(const std::vector<Tensor>& parameters);  // named "0", "1", ...

// SGD with momentum (Sutskever et al., 2013).
struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
};
// Adam (Kingma and Ba, 2015); amsgrad: Reddi et al., 2018.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  // added to the gradient
  bool amsgrad = false;
};
// AdamW (Loshchilov and Hutter, 2019).
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  // shrinks the parameter by lr * weight_decay
  bool amsgrad = false;
};
// RMSprop (Hinton, 2012); centered: Graves, 2013.
struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
};
// Adagrad (Duchi et al., 2011).
struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
};

struct StepRule;

class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void step();
  void zero_grad();  // sets the gradients to none

  size_t group_count() const { return group_count_; }
  virtual double lr(size_t group = 0) const = 0;
  virtual void set_lr(size_t group, double lr) = 0;  // ValueError if negative or not finite

  NamedTensors named_parameters() const;
  bool holds(const Tensor& parameter) const { return known_.contains(parameter.impl()); }
  // "<parameter>.step", "<parameter>.exp_avg" and the like of every parameter that was stepped.
  NamedTensors state_dict() const;
  // All or nothing: ValueError names what is unknown or missing, ShapeError and DTypeError what
  // does not fit.  Parameters that the dictionary does not name start anew.
  void load_state_dict(const NamedTensors& dict);

 protected:
  static constexpr size_t kMostStates = 3;
  using StateNames = std::array<const char*, kMostStates>;  // null: not kept

  Optimizer();
  void add_parameters(const NamedTensors& parameters);  // the next group's; all or nothing

 private:
  struct Slot {  // a parameter and what is remembered of it
    std::string name;
    Tensor parameter;
    size_t group;
    int64_t step = 0;
    std::array<Tensor, kMostStates> state = {};
  };
  struct Work;
  virtual StateNames state_names(size_t group) const = 0;
  virtual double initial_state(size_t group) const = 0;
  virtual StepRule rule(size_t group, int64_t step) const = 0;
  void begin(Slot& slot, const Tensor& grad);
  int64_t prepare();  // work_, and how many numbers it changes
  Slot* find(const std::string& name);

  std::vector<Slot> slots_;
  std::set<const TensorImpl*> known_;
  std::vector<Work> work_;  // of one step; kept, so that a step allocates nothing
  size_t group_count_ = 0;
};

// The optimizer whose groups have Options each.  ValueError for options that make no sense, for a
// group without parameters and for a parameter given twice; GraphError for one that is no leaf.
template <class Options>
class OptimizerOf final : public Optimizer {
 public:
  explicit OptimizerOf(const NamedTensors& parameters, const Options& options = {}) {
    add_param_group(parameters, options);
  }
  explicit OptimizerOf(const std::vector<Tensor>& parameters, const Options& options = {})
      : OptimizerOf(numbered(parameters), options) {}

  void add_param_group(const NamedTensors& parameters, const Options& options);
  const Options& options(size_t group = 0) const { return groups_.at(group); }
  double lr(size_t group = 0) const override { return options(group).lr; }
  void set_lr(size_t group, double lr) override;

 private:
  StateNames state_names(size_t group) const override;
  double initial_state(size_t group) const override;
  StepRule rule(size_t group, int64_t step) const override;
  std::vector<Options> groups_;
};
using SGD = OptimizerOf<SGDOptions>;
using Adam = OptimizerOf<AdamOptions>;
using AdamW = OptimizerOf<AdamWOptions>;
using RMSprop = OptimizerOf<RMSpropOptions>;
using Adagrad = OptimizerOf<AdagradOptions>;

// Matrices, which weight decay is for, and the rest (biases, norms): tensors of rank < 2.
struct DecayGroups {
  NamedTensors decayed, plain;
};
DecayGroups decay_groups(const NamedTensors& parameters);

// The Euclidean norm of all gradients as one vector; they are scaled by max_norm / (norm + 1e-6) if
// that is below 1 (Pascanu et al., 2013).  Returns the norm before.  An infinite norm makes finite
// gradients 0 and infinite ones NaN, as the formula says; a NaN norm changes no gradient.
double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm);
void clip_grad_value_(const std::vector<Tensor>& parameters,
                      double clip_value);  // to +- clip_value

// GraphError, naming it, if a leaf that loss.backward() would give a gradient is in no optimizer,
// or if there is no such leaf.
void check_trained(const Tensor& loss, const std::vector<const Optimizer*>& optimizers);

}  // namespace optim
}  // namespace vitro
