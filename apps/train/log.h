// What a training run tells: lines for people, rows for programs, a picture.
#pragma once
#include <chrono>

#include "apps/cli/options.h"

namespace vitro::cli {

class TrainLog {
 public:
  TrainLog(const TrainOptions& options, int64_t step);
  void count_work(std::chrono::duration<double> time) { worked_ += time.count(); }  // of steps
  void add(const models::MetricsRow& row);  // a row and a line
  void sync() { metrics_.sync(); }          // before the checkpoint that the rows belong to
  void show(int64_t step, double loss);  // on a terminal, ten times a second, the line that moves
  void say(const std::string& text);     // below the moving line
  void draw_curve() const;
  const models::MetricsRow* best() const { return metrics_.best(); }
  // Says once that the model learns its text by heart, if it does.
  void say_if_overfits();

 private:
  std::string speed_and_rest(int64_t step) const;

  const TrainOptions& options_;
  models::Metrics metrics_;
  int64_t first_step_;
  double worked_ = 0;  // seconds of this process
  std::chrono::steady_clock::time_point shown_;
  bool is_terminal_, is_line_open_ = false, has_warned_ = false;
};

}  // namespace vitro::cli
