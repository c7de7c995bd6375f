// Reports a training run: lines for people, rows of metrics for programs, a picture of the losses.
#pragma once
#include <chrono>

#include "apps/cli/options.h"

namespace vitro::cli {

class TrainLog {
 public:
  TrainLog(const TrainOptions& options, int64_t step);
  void count_work(std::chrono::duration<double> time) { worked_ += time.count(); }  // time of steps
  void add(const models::MetricsRow& row);  // writes a row of metrics and prints a line
  // Waits until the rows are on the disk.  Call it before you save the checkpoint of their steps.
  void sync() { metrics_.sync(); }
  // On a terminal, redraws the progress line at most 10 times a second.
  void show(int64_t step, double loss);
  void say(const std::string& text);  // erases the progress line and prints the text
  void draw_curve() const;
  const models::MetricsRow* best() const { return metrics_.best(); }
  // Says once that the model learns its text by heart, if the metrics show it.
  void say_if_overfits();

 private:
  std::string speed_and_rest(int64_t step) const;

  const TrainOptions& options_;
  models::Metrics metrics_;
  int64_t first_step_;
  double worked_ = 0;  // seconds that this process spent in steps
  std::chrono::steady_clock::time_point shown_;
  bool is_terminal_, is_line_open_ = false, has_warned_ = false;
};

}  // namespace vitro::cli
