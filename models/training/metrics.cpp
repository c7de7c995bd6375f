// Writes and reads the files of metrics.
#include "models/training/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>

#include "framework/io/file.h"
#include "framework/io/file_calls.h"

namespace vitro::models {

namespace {

constexpr char kHeader[] = "step,loss,smoothed_loss,val_loss,learning_rate,grad_norm\n";

std::optional<double> number(std::string_view text) {
  double x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return x;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (size_t comma; (comma = line.find(',')) != line.npos; line.remove_prefix(comma + 1))
    cells.push_back(line.substr(0, comma));
  cells.push_back(line);
  return cells;
}

// The complete lines of a file for which keep(line) is true; "" if there is no file.
template <class F>
std::string kept_lines(const std::string& path, F keep) {
  if (!file_exists(path)) return "";
  const std::string text = read_file(path);
  std::string kept;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    if (const std::string line = text.substr(begin, end - begin); keep(line)) kept += line + '\n';
  return kept;
}

std::string csv_row(const MetricsRow& row) {
  std::string text = std::to_string(row.step);
  for (const auto& x :
       {row.loss, row.smoothed_loss, row.validation_loss, row.learning_rate, row.grad_norm}) {
    char cell[32] = ",";
    if (x) std::snprintf(cell, sizeof cell, ",%.9g", *x);
    text += cell;
  }
  return text + '\n';
}

std::optional<MetricsRow> parsed(const std::string& csv_line) {
  const auto cells = split(csv_line);
  int64_t step = 0;
  const char* const end = cells[0].data() + cells[0].size();
  const auto [stopped, error] = std::from_chars(cells[0].data(), end, step);
  if (cells.size() != 6 || error != std::errc() || stopped != end) return {};
  return MetricsRow{step,
                    number(cells[1]),
                    number(cells[2]),
                    number(cells[3]),
                    number(cells[4]),
                    number(cells[5])};
}

std::string json_row(const MetricsRow& row, double seconds, double tokens_per_second) {
  const auto or_null = [](const std::optional<double>& x) {
    return x ? nlohmann::ordered_json(*x) : nlohmann::ordered_json(nullptr);
  };
  return nlohmann::ordered_json{{"step", row.step},
                                {"loss", or_null(row.loss)},
                                {"smoothed_loss", or_null(row.smoothed_loss)},
                                {"val_loss", or_null(row.validation_loss)},
                                {"learning_rate", or_null(row.learning_rate)},
                                {"grad_norm", or_null(row.grad_norm)},
                                {"seconds", seconds},
                                {"tokens_per_second", tokens_per_second}}
             .dump() +
         '\n';
}

}  // namespace

Metrics::RowFile::RowFile(const std::string& path, const std::string& first_rows) : path_(path) {
  write_file(path, first_rows);
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  check_done(file < 0 ? errno : 0);
  file_ = {new int(file), [](const int* open) {
             ::close(*open);
             delete open;
           }};
}

void Metrics::RowFile::add(const std::string& row) {
  check_done(write_all(*file_, row.data(), row.size()));
}
void Metrics::RowFile::sync() { check_done(::fsync(*file_) == 0 ? 0 : errno); }
void Metrics::RowFile::check_done(int error) const {
  check<IoError>(error == 0, path_,
                 ": cannot be written: ", std::generic_category().message(error));
}

Metrics::Metrics(const std::string& directory, int64_t step) {
  // A new run keeps no rows; a resumed run keeps the rows of the steps that it has done.
  const auto is_done = [&](double row_step) {
    return step > 0 && row_step <= static_cast<double>(step);
  };
  const std::string csv = directory + "/metrics.csv", jsonl = directory + "/metrics.jsonl";
  const std::string rows = kept_lines(csv, [&](const std::string& line) {
    const std::optional<MetricsRow> row = parsed(line);
    if (!row || !is_done(static_cast<double>(row->step))) return false;
    rows_.push_back(*row);
    return true;
  });
  csv_.emplace(csv, kHeader + rows);
  jsonl_.emplace(jsonl, kept_lines(jsonl, [&](const std::string& line) {
                   const auto row = nlohmann::json::parse(line, nullptr, false);
                   if (!row.is_object() || !row.contains("step") || !row["step"].is_number() ||
                       !is_done(row["step"].get<double>()))
                     return false;
                   if (row.contains("seconds") && row["seconds"].is_number())
                     seconds_before_ = row["seconds"].get<double>();
                   return true;
                 }));
}

void Metrics::add(const MetricsRow& row, double seconds, double tokens_per_second) {
  csv_->add(csv_row(row));
  jsonl_->add(json_row(row, seconds_before_ + seconds, tokens_per_second));
  rows_.push_back(row);
}

const MetricsRow* Metrics::best() const {
  const MetricsRow* best = nullptr;
  for (const MetricsRow& row : rows_)
    if (row.validation_loss && std::isfinite(*row.validation_loss) &&
        (!best || *row.validation_loss < *best->validation_loss))
      best = &row;
  return best;
}

bool Metrics::overfits() const {
  const MetricsRow* const best = this->best();
  if (!best) return false;
  std::optional<double> before, last;  // smoothed losses, from the best row on
  int risen = 0;
  for (const MetricsRow* row = best; row != rows_.data() + rows_.size(); ++row) {
    if (row->smoothed_loss && !before) before = row->smoothed_loss;
    if (row->smoothed_loss) last = row->smoothed_loss;
    if (!row->validation_loss || row == best) continue;
    risen = *row->validation_loss > 1.05 * *best->validation_loss ? risen + 1 : 0;
  }
  return risen >= 2 && before && *last < *before;
}

void Metrics::sync() {
  csv_->sync();
  jsonl_->sync();
}

}  // namespace vitro::models
