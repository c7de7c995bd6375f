// Metrics: the numbers of a training run, one row per report, in files that programs can read.
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

// Writes metrics.csv and metrics.jsonl.  Only metrics.jsonl has times, so equal runs write equal
// metrics.csv files.
class Metrics {
 public:
  // Continues the files in the directory of a run that has done `step` steps.  Rows of later steps
  // are removed.  If `step` is 0, all rows are removed.
  Metrics(const std::string& directory, int64_t step);
  // Appends a row.  `seconds` is the working time since this object was made.  IoError if a file
  // cannot be written.
  void add(const MetricsRow& row, double seconds, double tokens_per_second);
  void sync();  // brings the rows to the disk; call it before the checkpoint of the same step

  const std::vector<MetricsRow>& rows() const { return rows_; }  // also earlier processes' rows
  const MetricsRow* best() const;  // the row with the lowest validation loss, or null
  // Whether the model overfits: since the best validation loss, the training loss has fallen, but
  // the last two validation losses are more than 5% above the best.
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
  double seconds_before_ = 0;  // working time of earlier processes
  std::optional<RowFile> csv_, jsonl_;
};

}  // namespace models
}  // namespace vitro
