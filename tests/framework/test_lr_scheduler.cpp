// Compares the learning-rate schedules with PyTorch's and nanoGPT's, and tests their state.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "vitro.h"

using namespace vitro;
using nlohmann::json;

TEST_CASE("schedules: PyTorch's learning rates") {
  using namespace optim;
  const std::map<std::string, LRFormula> formulas = {
      {"StepLR", StepLR{.step_size = 7, .gamma = 0.5}},
      {"ExponentialLR", ExponentialLR{.gamma = 0.95}},
      {"CosineAnnealingLR", CosineAnnealingLR{.T_max = 20, .eta_min = 0.01}},
      {"LinearLR", LinearLR{.start_factor = 0.25, .end_factor = 0.75, .total_iters = 10}},
      {"LambdaLR", LambdaLR{[](int64_t step) { return 1 / (1 + static_cast<double>(step)); }}},
      {"SequentialLR",
       SequentialLR{.schedules = {LinearLR{.total_iters = 5}, ExponentialLR{.gamma = 0.9}},
                    .milestones = {5}}}};
  for (const json& one :
       json::parse(std::ifstream(testing::source_path("tests/golden/schedules.json")))) {
    INFO(one["name"]);
    Tensor w = ones({1}).requires_grad_();
    SGD opt(std::vector{w}, {.lr = 0.2});
    Scheduler schedule(opt, formulas.at(one["name"]));
    for (const json& lr : one["lrs"]) {
      CHECK(opt.lr() == Approx(lr.get<double>()).epsilon(1e-10));
      schedule.step();
    }
  }
}

TEST_CASE("schedules: nanoGPT's warm-up and cosine") {
  const optim::LinearWarmupCosine f{.warmup_iters = 4, .lr_decay_iters = 14, .min_lr = 0.1};
  CHECK(f(0, 1) == Approx(0.2));
  CHECK(f(3, 1) == Approx(0.8));
  CHECK(f(4, 1) == Approx(1));
  CHECK(f(9, 1) == Approx(0.55));
  CHECK(f(14, 1) == Approx(0.1));
  CHECK(f(1000, 1) == Approx(0.1));
}

TEST_CASE("schedules: groups keep their ratio, the state is restored, wrong options are refused") {
  using namespace optim;
  Tensor a = ones({1}).requires_grad_(), b = ones({1}).requires_grad_();
  SGD opt(std::vector{a}, {.lr = 1});
  opt.add_param_group({{"b", b}}, {.lr = 0.1});
  Scheduler schedule(opt, ExponentialLR{.gamma = 0.5});
  schedule.step();
  schedule.step();
  CHECK(opt.lr(0) == 0.25);
  CHECK(opt.lr(1) == Approx(0.025));
  SGD again(std::vector{a}, {.lr = 7});
  again.add_param_group({{"b", b}}, {.lr = 7});
  Scheduler restored(again, ExponentialLR{.gamma = 0.5});
  restored.load_state_dict(schedule.state_dict());
  restored.step();
  schedule.step();
  CHECK(restored.last_step() == 3);
  for (size_t g : {0, 1}) CHECK(opt.lr(g) == again.lr(g));
  CHECK_THROWS_AS(restored.load_state_dict({}), ValueError);
  CHECK_THROWS_AS(Scheduler(opt, StepLR{.step_size = 0}), ValueError);
  CHECK_THROWS_AS(Scheduler(opt, CosineAnnealingLR{.T_max = 0}), ValueError);
  CHECK_THROWS_AS(Scheduler(opt, LinearWarmupCosine{.warmup_iters = 5}), ValueError);
  CHECK_THROWS_AS(Scheduler(opt, SequentialLR{.schedules = {}, .milestones = {}}), ValueError);
}
