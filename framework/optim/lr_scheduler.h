// Learning-rate schedules: formulas of the step, and the object that applies one to an optimizer.
//
//   optim::Scheduler schedule(opt, optim::LinearWarmupCosine{.warmup_iters = 100,
//                                                            .lr_decay_iters = 2000});
//   opt.step();  schedule.step();
//
// A formula is any function (step, base_lr) -> lr with step 0, 1, ...; they are values, so they
// compose: SequentialLR takes others.  Named as in torch.optim.lr_scheduler.
#pragma once
#include "optim.h"

namespace [[gnu::visibility("default")]] vitro {
namespace optim {

using LRFormula = std::function<double(int64_t step, double base_lr)>;

// base gamma^floor(step / step_size)
struct StepLR {
  int64_t step_size;
  double gamma = 0.1;
  double operator()(int64_t step, double base_lr) const;
};
// base gamma^step
struct ExponentialLR {
  double gamma;
  double operator()(int64_t step, double base_lr) const;
};
// eta_min + (base - eta_min) (1 + cos(pi step / T_max)) / 2  (Loshchilov and Hutter, 2017, eq. 5)
struct CosineAnnealingLR {
  int64_t T_max;
  double eta_min = 0;
  double operator()(int64_t step, double base_lr) const;
};
// base times a factor that goes linearly from start_factor to end_factor in total_iters steps
struct LinearLR {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  int64_t total_iters = 5;
  double operator()(int64_t step, double base_lr) const;
};
// base factor(step)
struct LambdaLR {
  std::function<double(int64_t step)> factor;
  double operator()(int64_t step, double base_lr) const;
};
// nanoGPT's: base (step + 1) / (warmup_iters + 1) during warm-up, then half a cosine down to min_lr
// at lr_decay_iters, then min_lr.
struct LinearWarmupCosine {
  int64_t warmup_iters = 0;
  int64_t lr_decay_iters = 0;
  double min_lr = 0;
  double operator()(int64_t step, double base_lr) const;
};
// schedules[i] from milestones[i - 1] on, with its steps counted from there.
struct SequentialLR {
  std::vector<LRFormula> schedules;
  std::vector<int64_t> milestones;  // one fewer, rising
  double operator()(int64_t step, double base_lr) const;
};

// Sets the learning rate of every group of an optimizer: lr = formula(step, the group's first lr).
class Scheduler {
 public:
  // The lr that the groups have now is their base.  ValueError for a formula that makes no sense.
  Scheduler(Optimizer& optimizer, LRFormula formula);
  void step();
  int64_t last_step() const { return step_; }
  NamedTensors state_dict() const;  // "step" () int64 and "base_lrs" (groups) float64
  void load_state_dict(const NamedTensors& dict);  // ValueError if it does not fit

 private:
  void apply();
  Optimizer* optimizer_;
  LRFormula formula_;
  std::vector<double> base_;
  int64_t step_ = 0;
};

}  // namespace optim
}  // namespace vitro
