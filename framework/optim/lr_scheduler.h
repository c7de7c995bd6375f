// Learning-rate schedules: formulas of the step, and Scheduler, which applies one to an optimizer.
//
//   optim::Scheduler schedule(opt, optim::LinearWarmupCosine{.warmup_iters = 100,
//                                                            .lr_decay_iters = 2000});
//   opt.step();  schedule.step();
//
// A formula is any function (step, base_lr) -> lr with step 0, 1, ....  A formula can contain other
// formulas, as SequentialLR does.  The names are from torch.optim.lr_scheduler.
#pragma once
#include "optim.h"

namespace [[gnu::visibility("default")]] vitro {
namespace optim {

using LRFormula = std::function<double(int64_t step, double base_lr)>;  // returns the lr

// lr = base_lr gamma^floor(step / step_size)
struct StepLR {
  int64_t step_size;                                      // steps between two changes; > 0
  double gamma = 0.1;                                     // the factor of each change
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// lr = base_lr gamma^step
struct ExponentialLR {
  double gamma;                                           // the factor of each step
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// lr = eta_min + (base_lr - eta_min) (1 + cos(pi step / T_max)) / 2
// (Loshchilov and Hutter, 2017, eq. 5)
struct CosineAnnealingLR {
  int64_t T_max;                                          // steps until eta_min; > 0
  double eta_min = 0;                                     // the lowest lr
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// lr = base_lr times a factor that goes linearly from start_factor to end_factor
struct LinearLR {
  double start_factor = 1.0 / 3;                          // the factor at step 0
  double end_factor = 1;                                  // the factor from total_iters on
  int64_t total_iters = 5;                                // steps of the change; > 0
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// lr = base_lr factor(step)
struct LambdaLR {
  std::function<double(int64_t step)> factor;             // any function of the step
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// nanoGPT's schedule: lr = base_lr (step + 1) / (warmup_iters + 1) in the warm-up, then half a
// cosine from base_lr down to min_lr, then min_lr.
struct LinearWarmupCosine {
  int64_t warmup_iters = 0;                               // steps of the warm-up
  int64_t lr_decay_iters = 0;                             // the step at which lr reaches min_lr
  double min_lr = 0;                                      // the lr at the end
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};
// Runs schedules[i] from step milestones[i - 1] on, and counts its steps from there.
struct SequentialLR {
  std::vector<LRFormula> schedules;                       // in their order
  std::vector<int64_t> milestones;                        // one fewer than schedules, rising
  double operator()(int64_t step, double base_lr) const;  // the lr at `step`
};

// Sets the learning rate of every group of an optimizer: lr = formula(step, the group's first lr).
class Scheduler {
 public:
  // Takes the present lr of each group as its base_lr, and sets the lr of step 0.  The optimizer
  // must exist as long as the scheduler.  ValueError if the lr is negative or not finite.
  Scheduler(Optimizer& optimizer, LRFormula formula);
  void step();                                     // sets the lr of the next step
  int64_t last_step() const { return step_; }      // the step that the lr was set for
  NamedTensors state_dict() const;                 // "step" () int64, "base_lrs" (groups) float64
  void load_state_dict(const NamedTensors& dict);  // ValueError if the dictionary does not fit

 private:
  void apply();
  Optimizer* optimizer_;
  LRFormula formula_;
  std::vector<double> base_;
  int64_t step_ = 0;
};

}  // namespace optim
}  // namespace vitro
