// Metrics: a training run's rows of numbers, as files for programs.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/base/error.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// What is known after a step.
struct MetricsRow {
  int64_t step = 0;
  std::optional<double> loss = {}, smoothed_loss = {}, validation_loss = {}, learning_rate = {},
                        grad_norm = {};
};

// metrics.csv has what a run decides, so equal runs have equal files; metrics.jsonl has its times
// as well.
class Metrics {
 public:
  // Of the run in the directory, which has done so many steps: rows of later ones are removed, and
  // at step 0 all.
  Metrics(const std::string& directory, int64_t step);
  // `seconds`: of work since this object was made.  IoError if a file cannot be written.
  void add(const MetricsRow& row, double seconds, double tokens_per_second);
  void sync();  // as durable as a checkpoint is: before the one that the rows belong to

  const std::vector<MetricsRow>& rows() const { return rows_; }  // those of before included
  const MetricsRow* best() const;  // of the lowest validation loss; null without any
  // Whether the validation loss has risen twice, by more than a twentieth of its best, while the
  // training loss fell: the model learns its text by heart.
  bool overfits() const;

 private:
  // A file that rows are appended to.
  class RowFile {
   public:
    RowFile(const std::string& path, const std::string& first_rows);  // replaces the file
    void add(const std::string& row);                                 // at once
    void sync();

   private:
    void check_done(int error) const;
    std::string path_;
    std::shared_ptr<const int> file_;  // closed with it
  };

  std::vector<MetricsRow> rows_;
  double seconds_before_ = 0;  // of work, of the processes before this one
  std::optional<RowFile> csv_, jsonl_;
};

}  // namespace models
}  // namespace vitro
