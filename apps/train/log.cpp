// Reports a training run.
#include "apps/train/log.h"

#include <unistd.h>

#include "apps/cli/output.h"
#include "apps/train/loss_curve.h"

namespace vitro::cli {

namespace {

std::string clock_text(double seconds) {
  const auto s = static_cast<long long>(seconds + 0.5);
  return s < 3600 ? format("%lld:%02lld", s / 60, s % 60)
                  : format("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

TrainLog::TrainLog(const TrainOptions& options, int64_t step)
    : options_(options),
      metrics_(options.out_dir, step),
      first_step_(step),
      is_terminal_(::isatty(STDOUT_FILENO)) {}

std::string TrainLog::speed_and_rest(int64_t step) const {
  if (step == first_step_) return "";
  const double per_step = worked_ / static_cast<double>(step - first_step_);
  return "  " +
         count_text(
             static_cast<int64_t>(static_cast<double>(options_.tokens_per_step()) / per_step)) +
         " tokens/s  " + clock_text(per_step * static_cast<double>(options_.max_iters - step)) +
         " left";
}

void TrainLog::add(const models::MetricsRow& row) {
  const double tokens = static_cast<double>((row.step - first_step_) * options_.tokens_per_step());
  metrics_.add(row, worked_, worked_ > 0 ? tokens / worked_ : 0);
  std::string line = format("step %*lld", static_cast<int>(count_text(options_.max_iters).size()),
                            static_cast<long long>(row.step));
  if (row.loss) line += format("  loss %.4f  smoothed %.4f", *row.loss, *row.smoothed_loss);
  if (row.validation_loss) line += format("  validation %.4f", *row.validation_loss);
  say(line + speed_and_rest(row.step) + '\n');
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

void TrainLog::say_if_overfits() {
  if (has_warned_ || !metrics_.overfits()) return;
  has_warned_ = true;
  const models::MetricsRow& best = *metrics_.best();
  say(format("The validation loss rises, from %.4f after step ", *best.validation_loss) +
      count_text(best.step) +
      ", while the training loss falls: the model learns its text\nby heart. More --dropout, more "
      "text, a smaller model or fewer --max-iters help.\n");
}

void TrainLog::draw_curve() const {
  write_file(options_.out_dir + "/loss.svg", loss_curve(metrics_.rows()));
}

}  // namespace vitro::cli
