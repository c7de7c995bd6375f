// Turns the options of each optimizer into the rule of a step and the names of its state.
#include "framework/optim/rules.h"

#include <cmath>

namespace vitro::optim {

namespace {

void check_range(const char* name, double x, double low, double high) {
  check<ValueError>(x >= low && x < high, "optimizer: expected ", name, " in [", low, ", ", high,
                    "), got ", x);
}
void check_not_negative(const char* name, double x) {
  check<ValueError>(x >= 0 && std::isfinite(x), "optimizer: expected a finite ", name,
                    " of at least 0, got ", x);
}

void check_options(const SGDOptions& o) {
  check_not_negative("momentum", o.momentum);
  check<ValueError>(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
                    "optimizer: expected a momentum > 0 and no dampening with nesterov, got ",
                    o.momentum, " and ", o.dampening);
}
template <class O>
void check_adam(const O& o) {
  check_range("beta1", o.beta1, 0, 1);
  check_range("beta2", o.beta2, 0, 1);
  check_not_negative("eps", o.eps);
}
void check_options(const AdamOptions& o) { check_adam(o); }
void check_options(const AdamWOptions& o) { check_adam(o); }
void check_options(const RMSpropOptions& o) {
  check<ValueError>(o.alpha >= 0 && o.alpha <= 1, "optimizer: expected alpha in [0, 1], got ",
                    o.alpha);
  check_not_negative("momentum", o.momentum);
  check_not_negative("eps", o.eps);
}
void check_options(const AdagradOptions& o) {
  check_not_negative("lr_decay", o.lr_decay);
  check_not_negative("initial_accumulator_value", o.initial_accumulator_value);
  check_not_negative("eps", o.eps);
}

// In the first step the momentum buffer becomes the gradient itself, without dampening.
StepRule rule_of(const SGDOptions& o, int64_t step) {
  return simd::Sgd{.lr = o.lr,
                   .momentum = o.momentum,
                   .keep = step == 1 ? 1 : 1 - o.dampening,
                   .weight_decay = o.weight_decay,
                   .nesterov = o.nesterov};
}
template <class O>
StepRule adam(const O& o, int64_t step, bool decoupled) {
  const auto t = static_cast<double>(step);
  return simd::Adam{.lr = o.lr,
                    .beta1 = o.beta1,
                    .beta2 = o.beta2,
                    .eps = o.eps,
                    .weight_decay = o.weight_decay,
                    .correction1 = 1 - std::pow(o.beta1, t),
                    .correction2 = 1 - std::pow(o.beta2, t),
                    .decoupled = decoupled,
                    .amsgrad = o.amsgrad};
}
StepRule rule_of(const AdamOptions& o, int64_t step) { return adam(o, step, /*decoupled=*/false); }
StepRule rule_of(const AdamWOptions& o, int64_t step) { return adam(o, step, /*decoupled=*/true); }
StepRule rule_of(const RMSpropOptions& o, int64_t) {
  return simd::RmsProp{.lr = o.lr,
                       .alpha = o.alpha,
                       .eps = o.eps,
                       .weight_decay = o.weight_decay,
                       .momentum = o.momentum,
                       .centered = o.centered};
}
StepRule rule_of(const AdagradOptions& o, int64_t step) {
  return simd::Adagrad{.lr = o.lr / (1 + static_cast<double>(step - 1) * o.lr_decay),
                       .eps = o.eps,
                       .weight_decay = o.weight_decay};
}

using Names = std::array<const char*, 3>;
Names names_of(const SGDOptions& o) { return {o.momentum != 0 ? "momentum_buffer" : nullptr}; }
template <class O>
Names adam_names(const O& o) {
  return {"exp_avg", "exp_avg_sq", o.amsgrad ? "max_exp_avg_sq" : nullptr};
}
Names names_of(const AdamOptions& o) { return adam_names(o); }
Names names_of(const AdamWOptions& o) { return adam_names(o); }
// The centered kernel always needs a momentum buffer, even if momentum is 0.
Names names_of(const RMSpropOptions& o) {
  return {"square_avg", o.momentum != 0 || o.centered ? "momentum_buffer" : nullptr,
          o.centered ? "grad_avg" : nullptr};
}
Names names_of(const AdagradOptions&) { return {"sum"}; }

double initial_of(const AdagradOptions& o) { return o.initial_accumulator_value; }
template <class O>
double initial_of(const O&) {
  return 0;
}

}  // namespace

template <class Options>
void OptimizerOf<Options>::add_param_group(const NamedTensors& parameters, const Options& options) {
  check_not_negative("lr", options.lr);
  check_not_negative("weight_decay", options.weight_decay);
  check_options(options);
  groups_.reserve(groups_.size() + 1);
  add_parameters(parameters);
  groups_.push_back(options);
}
template <class Options>
void OptimizerOf<Options>::set_lr(size_t group, double lr) {
  check_not_negative("lr", lr);
  groups_.at(group).lr = lr;
}
template <class Options>
typename Optimizer::StateNames OptimizerOf<Options>::state_names(size_t group) const {
  return names_of(options(group));
}
template <class Options>
double OptimizerOf<Options>::initial_state(size_t group) const {
  return initial_of(options(group));
}
template <class Options>
StepRule OptimizerOf<Options>::rule(size_t group, int64_t step) const {
  return rule_of(options(group), step);
}

template class OptimizerOf<SGDOptions>;
template class OptimizerOf<AdamOptions>;
template class OptimizerOf<AdamWOptions>;
template class OptimizerOf<RMSpropOptions>;
template class OptimizerOf<AdagradOptions>;

}  // namespace vitro::optim
