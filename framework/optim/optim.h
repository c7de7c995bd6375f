// Optimizers update parameters by their gradients, in one pass over parameter, gradient and state.
//
//   optim::AdamW opt(model.named_parameters(), {.lr = 3e-4});
//   loss.backward();  opt.step();  opt.zero_grad();
//
// Formulas, defaults and the names of the state are PyTorch's.  A parameter without a gradient does
// not change.  The state has the parameter's dtype, or float32 if that is bfloat16.
#pragma once
#include <array>
#include <set>

#include "../tensor/named_tensors.h"

namespace [[gnu::visibility("default")]] vitro {
namespace optim {

NamedTensors numbered(const std::vector<Tensor>& parameters);  // named "0", "1", ...

// SGD with momentum (Sutskever et al., 2013).
struct SGDOptions {
  double lr = 1e-3;         // learning rate
  double momentum = 0;      // how much of the last update is kept
  double dampening = 0;     // 1 - dampening is the factor of the gradient in the momentum
  double weight_decay = 0;  // adds weight_decay * p to the gradient
  bool nesterov = false;    // Nesterov's momentum; needs a momentum, and no dampening
};
// Adam (Kingma and Ba, 2015); amsgrad: Reddi et al., 2018.
struct AdamOptions {
  double lr = 1e-3;         // learning rate
  double beta1 = 0.9;       // decay of the mean gradient
  double beta2 = 0.999;     // decay of the mean squared gradient
  double eps = 1e-8;        // added to the denominator
  double weight_decay = 0;  // adds weight_decay * p to the gradient
  bool amsgrad = false;     // divide by the largest mean square so far
};
// AdamW (Loshchilov and Hutter, 2019).
struct AdamWOptions {
  double lr = 1e-3;            // learning rate
  double beta1 = 0.9;          // decay of the mean gradient
  double beta2 = 0.999;        // decay of the mean squared gradient
  double eps = 1e-8;           // added to the denominator
  double weight_decay = 1e-2;  // subtracts lr * weight_decay * p from the parameter p
  bool amsgrad = false;        // divide by the largest mean square so far
};
// RMSprop (Hinton, 2012); centered: Graves, 2013.
struct RMSpropOptions {
  double lr = 1e-2;         // learning rate
  double alpha = 0.99;      // decay of the mean squared gradient
  double eps = 1e-8;        // added to the denominator
  double weight_decay = 0;  // adds weight_decay * p to the gradient
  double momentum = 0;      // how much of the last update is kept
  bool centered = false;    // divide by the gradient's standard deviation
};
// Adagrad (Duchi et al., 2011).
struct AdagradOptions {
  double lr = 1e-2;                      // learning rate
  double lr_decay = 0;                   // each step uses lr / (1 + (step - 1) lr_decay)
  double weight_decay = 0;               // adds weight_decay * p to the gradient
  double initial_accumulator_value = 0;  // first value of the sum of squares
  double eps = 1e-10;                    // added to the denominator
};

struct StepRule;  // the formula of one step, with its numbers

// The base of all optimizers: parameters in groups, and a state for each parameter.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  void step();       // updates every parameter that has a gradient
  void zero_grad();  // drops the gradients of all parameters

  size_t group_count() const { return group_count_; }  // how many groups there are
  virtual double lr(size_t group = 0) const = 0;       // the learning rate of a group
  virtual void set_lr(size_t group, double lr) = 0;    // ValueError if negative or not finite

  NamedTensors named_parameters() const;  // the parameters of all groups
  // Whether the optimizer has this parameter.
  bool holds(const Tensor& parameter) const { return known_.contains(parameter.impl()); }
  // "<parameter>.step", "<parameter>.exp_avg" and so on, for each parameter with at least one step.
  NamedTensors state_dict() const;
  // Replaces the state of all parameters, or nothing if an error is thrown: ValueError for an
  // unknown or missing name, ShapeError and DTypeError for a tensor that does not fit.  A parameter
  // that the dictionary does not name begins again at step 0.
  void load_state_dict(const NamedTensors& dict);

 protected:
  static constexpr size_t kMostStates = 3;                  // tensors of state per parameter
  using StateNames = std::array<const char*, kMostStates>;  // null: there is no such tensor

  Optimizer();                                          // without parameters
  void add_parameters(const NamedTensors& parameters);  // adds a group, or nothing if it throws

 private:
  struct Slot {  // a parameter and its state
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
  int64_t prepare();  // fills work_; returns how many numbers the step changes
  Slot* find(const std::string& name);

  std::vector<Slot> slots_;
  std::set<const TensorImpl*> known_;
  std::vector<Work> work_;  // of one step; the memory is kept, so that steps need no allocation
  size_t group_count_ = 0;
};

// The optimizer with these Options; each group has its own.  Throws ValueError for impossible
// options, a group without parameters, or a parameter given twice.  For a parameter, throws
// GraphError if it is not a leaf, ShapeError if not contiguous, and DTypeError if not floating.
template <class Options>
class OptimizerOf final : public Optimizer {
 public:
  // Makes the first group.
  explicit OptimizerOf(const NamedTensors& parameters, const Options& options = {}) {
    add_param_group(parameters, options);
  }
  explicit OptimizerOf(const std::vector<Tensor>& parameters, const Options& options = {})
      : OptimizerOf(numbered(parameters), options) {}

  // Adds a group, or nothing if it throws.
  void add_param_group(const NamedTensors& parameters, const Options& options);
  const Options& options(size_t group = 0) const { return groups_.at(group); }  // of a group
  double lr(size_t group = 0) const override { return options(group).lr; }      // of a group
  void set_lr(size_t group, double lr) override;  // ValueError if negative or not finite

 private:
  StateNames state_names(size_t group) const override;
  double initial_state(size_t group) const override;
  StepRule rule(size_t group, int64_t step) const override;
  std::vector<Options> groups_;
};
// The optimizers; their options are described above.
using SGD = OptimizerOf<SGDOptions>;
using Adam = OptimizerOf<AdamOptions>;
using AdamW = OptimizerOf<AdamWOptions>;
using RMSprop = OptimizerOf<RMSpropOptions>;
using Adagrad = OptimizerOf<AdagradOptions>;

// Parameters that get weight decay, and parameters that do not.
struct DecayGroups {
  NamedTensors decayed, plain;  // rank >= 2: matrices; rank < 2: biases and the weights of norms
};
// Splits parameters by their rank.
DecayGroups decay_groups(const NamedTensors& parameters);

// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1, where norm is the Euclidean
// norm of all gradients as one vector (Pascanu et al., 2013).  Returns the norm before scaling.  An
// infinite norm makes finite gradients 0 and infinite ones NaN, as the formula says; a NaN norm
// changes no gradient.  ValueError if max_norm is negative or NaN.
double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm);
// Clips every number of every gradient to [-clip_value, clip_value].  ValueError if clip_value < 0.
void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value);

// Throws GraphError, which names the leaf, if loss.backward() would give a gradient to a leaf that
// is in no optimizer.  Throws GraphError too if no leaf would get a gradient.
void check_trained(const Tensor& loss, const std::vector<const Optimizer*>& optimizers);

}  // namespace optim
}  // namespace vitro
