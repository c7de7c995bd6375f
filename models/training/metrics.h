// Metrics: the numbers of a training run, row by row, in files that programs can read.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/base/error.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// The numbers after a step.  A field without a value was not computed.
struct MetricsRow {
  int64_t step = 0;  // how many steps are done
  std::optional<double> loss = {}, smoothed_loss = {}, validation_loss = {};  // nats per token
  std::optional<double> learning_rate = {}, grad_norm = {};                   // of the step
};

// Writes metrics.csv, which has no times, so that equal runs write equal files, and metrics.jsonl,
// which also has times.
class Metrics {
 public:
  // Continues the files of the run in the directory, which has done `step` steps.  Rows of later
  // steps are removed; with a `step` of 0, all rows.
  Metrics(const std::string& directory, int64_t step);
  // Appends a row.  `seconds` is the time of work since this object was made.  IoError if a file
  // cannot be written.
  void add(const MetricsRow& row, double seconds, double tokens_per_second);
  void sync();  // brings the rows to the disk; call it before the checkpoint of the same step

  const std::vector<MetricsRow>& rows() const { return rows_; }  // all, also from before
  const MetricsRow* best() const;  // has the lowest validation loss; null if no row has one
  // Whether the model learns its text by heart: the last two validation losses are more than 5%
  // above the best one, while the training loss fell.
  bool overfits() const;

 private:
  // A file that rows are appended to.
  class RowFile {
   public:
    RowFile(const std::string& path, const std::string& first_rows);  // replaces the file
    void add(const std::string& row);                                 // unbuffered
    void sync();

   private:
    void check_done(int error) const;
    std::string path_;
    std::shared_ptr<const int> file_;  // the descriptor; it is closed with this object
  };

  std::vector<MetricsRow> rows_;
  double seconds_before_ = 0;  // of work, in the processes before this one
  std::optional<RowFile> csv_, jsonl_;
};

}  // namespace models
}  // namespace vitro
