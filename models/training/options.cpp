// Makes the schedule of the learning rate.
#include "models/training/options.h"

#include <algorithm>

#include "framework/base/error.h"

namespace vitro::models {

optim::LRFormula schedule_of(const TrainingOptions& o) {
  const int64_t warmup = o.warmup(), decay = std::max<int64_t>(1, o.decay_iters());
  if (o.lr_schedule == "cosine")
    return optim::LinearWarmupCosine{
        .warmup_iters = warmup, .lr_decay_iters = decay, .min_lr = o.last_lr()};
  const bool falls = o.lr_schedule == "linear";
  check<ValueError>(falls || o.lr_schedule == "constant",
                    "TrainingOptions: expected a schedule cosine, linear or constant, got ",
                    o.lr_schedule);
  const auto rising = [warmup](int64_t step) {
    return static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
  };
  const optim::LinearLR after{.start_factor = 1,
                              .end_factor = falls ? o.last_lr() / o.learning_rate : 1,
                              .total_iters = std::max<int64_t>(1, decay - warmup)};
  return optim::SequentialLR{.schedules = {optim::LambdaLR{rising}, after}, .milestones = {warmup}};
}

}  // namespace vitro::models
