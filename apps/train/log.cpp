// The log of a training run.
#include "apps/train/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/cli/output.h"
#include "framework/io/file.h"

namespace vitro::cli {

namespace {

constexpr char kHeader[] = "step,loss,smoothed_loss,val_loss,learning_rate,grad_norm\n";

std::string clock_text(double seconds) {
  const auto s = static_cast<long long>(seconds + 0.5);
  return s < 3600 ? format("%lld:%02lld", s / 60, s % 60)
                  : format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

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

// The whole lines of a file of which keep(line) says yes.
template <class F>
std::string kept_lines(const std::string& path, F keep) {
  struct ::stat status;
  if (::stat(path.c_str(), &status) != 0) return "";
  const std::string text = read_file(path);
  std::string kept;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    if (const std::string line = text.substr(begin, end - begin); keep(line)) kept += line + '\n';
  return kept;
}

std::string csv_row(const TrainRow& row) {
  std::string text = std::to_string(row.step);
  for (const auto& x :
       {row.loss, row.smoothed_loss, row.validation_loss, row.learning_rate, row.grad_norm})
    text += x ? format(",%.9g", *x) : ",";
  return text + '\n';
}

std::string json_row(const TrainRow& row, double seconds, double tokens_per_second) {
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

RowFile::RowFile(const std::string& path, const std::string& first_rows)
    : path_(path), file_(nullptr, &std::fclose) {
  write_file(path, first_rows);
  file_.reset(std::fopen(path.c_str(), "a"));
  check<IoError>(file_ != nullptr, path, ": ", std::generic_category().message(errno));
}

void RowFile::add(const std::string& row) {
  check_written(std::fwrite(row.data(), 1, row.size(), file_.get()) == row.size() &&
                std::fflush(file_.get()) == 0);
}
void RowFile::sync() { check_written(::fsync(::fileno(file_.get())) == 0); }
void RowFile::check_written(bool is_written) const {
  check<IoError>(is_written, path_, ": ", std::generic_category().message(errno));
}

TrainLog::TrainLog(const TrainOptions& options, int64_t step, int64_t tokens_per_step)
    : options_(options),
      first_step_(step),
      tokens_per_step_(tokens_per_step),
      is_terminal_(::isatty(STDOUT_FILENO)) {
  // A new run has no rows yet; a run that goes on has those of the steps that it has done.
  const auto is_done = [&](double row_step) {
    return step > 0 && row_step <= static_cast<double>(step);
  };
  const std::string csv = options.out_dir + "/metrics.csv",
                    jsonl = options.out_dir + "/metrics.jsonl";
  const std::string rows = kept_lines(csv, [&](const std::string& line) {
    const auto cells = split(line);
    const std::optional<double> row_step = number(cells[0]);
    if (cells.size() != 6 || !row_step || !is_done(*row_step)) return false;
    points_.push_back({static_cast<int64_t>(*row_step), number(cells[2]), number(cells[3])});
    return true;
  });
  csv_.emplace(csv, kHeader + rows);
  jsonl_.emplace(jsonl, kept_lines(jsonl, [&](const std::string& line) {
                   const auto row = nlohmann::json::parse(line, nullptr, false);
                   if (!row.is_object() || !row.contains("step") || !row["step"].is_number() ||
                       !is_done(row["step"].get<double>()))
                     return false;
                   if (row.contains("seconds") && row["seconds"].is_number())
                     worked_before_ = row["seconds"].get<double>();
                   return true;
                 }));
}

std::string TrainLog::speed_and_rest(int64_t step) const {
  if (step == first_step_) return "";
  const double per_step = worked_ / static_cast<double>(step - first_step_);
  return "  " + count_text(static_cast<int64_t>(static_cast<double>(tokens_per_step_) / per_step)) +
         " tokens/s  " + clock_text(per_step * static_cast<double>(options_.max_iters - step)) +
         " left";
}

void TrainLog::add(const TrainRow& row) {
  csv_->add(csv_row(row));
  const double tokens = static_cast<double>((row.step - first_step_) * tokens_per_step_);
  jsonl_->add(json_row(row, worked_before_ + worked_, worked_ > 0 ? tokens / worked_ : 0));
  points_.push_back({row.step, row.smoothed_loss, row.validation_loss});
  std::string line = format("step %*lld", static_cast<int>(count_text(options_.max_iters).size()),
                            static_cast<long long>(row.step));
  if (row.loss) line += format("  loss %.4f  smoothed %.4f", *row.loss, *row.smoothed_loss);
  if (row.validation_loss) line += format("  validation %.4f", *row.validation_loss);
  say(line + speed_and_rest(row.step) + '\n');
}

void TrainLog::sync() {
  csv_->sync();
  jsonl_->sync();
}

void TrainLog::show(int64_t step, double loss) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_terminal_ || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  write_out(format("\r\x1b[Kstep %lld/%lld  loss %.4f", static_cast<long long>(step),
                   static_cast<long long>(options_.max_iters), loss) +
            speed_and_rest(step));
  is_line_open_ = true;
}

void TrainLog::say(const std::string& text) {
  write_out((is_line_open_ ? "\r\x1b[K" : "") + text);
  is_line_open_ = false;
}

void TrainLog::draw_curve() const {
  write_file(options_.out_dir + "/loss.svg", loss_curve(points_));
}

}  // namespace vitro::cli
