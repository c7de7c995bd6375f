// What a training run tells: lines for people, rows for programs, a picture.
#pragma once
#include <chrono>
#include <cstdio>
#include <memory>

#include "apps/train/loss_curve.h"
#include "apps/train/run.h"

namespace vitro::cli {

// A file that rows are appended to.
class RowFile {
 public:
  RowFile(const std::string& path, const std::string& first_rows);  // replaces the file
  void add(const std::string& row);  // at once; IoError if it cannot be written
  void sync();                       // as durable as a checkpoint is

 private:
  void check_written(bool is_written) const;
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// What is known after a step.
struct TrainRow {
  int64_t step = 0;
  std::optional<double> loss = {}, smoothed_loss = {}, validation_loss = {}, learning_rate = {},
                        grad_norm = {};
};

// metrics.csv has what a run decides, so equal runs have equal files; metrics.jsonl has its times
// as well.  Rows that are already there stay if their step is not beyond the run's.
class TrainLog {
 public:
  TrainLog(const TrainOptions& options, int64_t step, int64_t tokens_per_step);
  void count_work(std::chrono::duration<double> time) { worked_ += time.count(); }  // of steps
  void add(const TrainRow& row);         // a row and a line
  void sync();                           // before the checkpoint that the rows belong to
  void show(int64_t step, double loss);  // on a terminal, ten times a second, the line that moves
  void say(const std::string& text);     // below the moving line
  void draw_curve() const;

 private:
  std::string speed_and_rest(int64_t step) const;

  const TrainOptions& options_;
  int64_t first_step_, tokens_per_step_;
  double worked_ = 0, worked_before_ = 0;  // seconds of this process and of those before it
  std::chrono::steady_clock::time_point shown_;
  bool is_terminal_, is_line_open_ = false;
  std::vector<LossPoint> points_;
  std::optional<RowFile> csv_, jsonl_;
};

}  // namespace vitro::cli
