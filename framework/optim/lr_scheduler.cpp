// Learning-rate schedules: their formulas, and the Scheduler that applies one.
#include "framework/optim/lr_scheduler.h"

#include <cmath>
#include <map>
#include <numbers>

#include "framework/tensor/loops.h"

namespace vitro::optim {

namespace {

// Half a cosine: 1 at progress 0, 0 at progress 1.
double cosine(double progress) { return 0.5 * (1 + std::cos(std::numbers::pi * progress)); }

double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

}  // namespace

double StepLR::operator()(int64_t step, double base_lr) const {
  check<ValueError>(step_size > 0, "StepLR: expected step_size > 0, got ", step_size);
  return base_lr * std::pow(gamma, static_cast<double>(step / step_size));
}

double ExponentialLR::operator()(int64_t step, double base_lr) const {
  return base_lr * std::pow(gamma, static_cast<double>(step));
}

double CosineAnnealingLR::operator()(int64_t step, double base_lr) const {
  check<ValueError>(T_max > 0, "CosineAnnealingLR: expected T_max > 0, got ", T_max);
  return eta_min + (base_lr - eta_min) * cosine(ratio(step, T_max));
}

double LinearLR::operator()(int64_t step, double base_lr) const {
  check<ValueError>(total_iters > 0, "LinearLR: expected total_iters > 0, got ", total_iters);
  const double progress = ratio(std::min(step, total_iters), total_iters);
  return base_lr * (start_factor + (end_factor - start_factor) * progress);
}

double LambdaLR::operator()(int64_t step, double base_lr) const {
  check<ValueError>(factor != nullptr, "LambdaLR: expected a function, got none");
  return base_lr * factor(step);
}

double LinearWarmupCosine::operator()(int64_t step, double base_lr) const {
  check<ValueError>(warmup_iters >= 0 && lr_decay_iters >= warmup_iters,
                    "LinearWarmupCosine: expected 0 <= warmup_iters <= lr_decay_iters, got ",
                    warmup_iters, " and ", lr_decay_iters);
  if (step < warmup_iters) return base_lr * ratio(step + 1, warmup_iters + 1);
  if (step >= lr_decay_iters) return min_lr;
  return min_lr +
         (base_lr - min_lr) * cosine(ratio(step - warmup_iters, lr_decay_iters - warmup_iters));
}

double SequentialLR::operator()(int64_t step, double base_lr) const {
  check<ValueError>(schedules.size() == milestones.size() + 1,
                    "SequentialLR: expected one milestone fewer than schedules, got ",
                    milestones.size(), " milestones and ", schedules.size(), " schedules");
  size_t i = 0;
  for (; i < milestones.size() && step >= milestones[i]; ++i)
    check<ValueError>(i == 0 || milestones[i] > milestones[i - 1],
                      "SequentialLR: expected milestones that rise, got ", milestones[i],
                      " as number ", i);
  return schedules[i](i == 0 ? step : step - milestones[i - 1], base_lr);
}

Scheduler::Scheduler(Optimizer& optimizer, LRFormula formula)
    : optimizer_(&optimizer), formula_(std::move(formula)) {
  for (size_t g = 0; g < optimizer.group_count(); ++g) base_.push_back(optimizer.lr(g));
  apply();
}

void Scheduler::apply() {
  for (size_t g = 0; g < base_.size(); ++g) optimizer_->set_lr(g, formula_(step_, base_[g]));
}

void Scheduler::step() {
  ++step_;
  apply();
}

NamedTensors Scheduler::state_dict() const {
  Tensor base = empty({static_cast<int64_t>(base_.size())}, kFloat64);
  std::copy(base_.begin(), base_.end(), base.mutable_data<double>());
  return {{"step", full({}, static_cast<double>(step_), kInt64)}, {"base_lrs", base}};
}

void Scheduler::load_state_dict(const NamedTensors& dict) {
  const std::map<std::string, Tensor> given(dict.begin(), dict.end());
  const Shape groups{static_cast<int64_t>(base_.size())};
  const bool fits = given.size() == 2 && given.contains("step") && given.contains("base_lrs") &&
                    given.at("step").numel() == 1 && given.at("step").dtype() == kInt64 &&
                    given.at("base_lrs").shape() == groups &&
                    given.at("base_lrs").dtype() == kFloat64;
  check<ValueError>(fits, "load_state_dict: expected only step, one int64 number, and base_lrs, ",
                    "float64 ", groups, ", got another dictionary");
  const auto step = given.at("step").item<int64_t>();
  check<ValueError>(step >= 0, "load_state_dict: expected step >= 0, got ", step);
  Tensor base = empty(groups, kFloat64);
  copy_into(base, given.at("base_lrs"));
  base_.assign(base.data<double>(), base.data<double>() + base.numel());
  step_ = step;
  apply();
}

}  // namespace vitro::optim
