// `vitro train`: steps until the last one or a signal, with what is shown and saved between.
#include <chrono>

#include "apps/cli/output.h"
#include "apps/cli/signals.h"
#include "apps/train/log.h"
#include "apps/train/start.h"

namespace vitro::cli {

namespace {

std::string introduce(const models::TrainingRun& run, const TrainOptions& o) {
  models::LanguageModel& model = run.model();
  return table(
             {{"model",
               model.describe() + ", " + count_text(model.parameter_count()) + " parameters"},
              {"text", count_text(run.training_tokens()) + " tokens to learn, " +
                           count_text(run.validation_tokens()) + " to validate; vocabulary " +
                           count_text(run.tokenizer().vocab_size())},
              {"steps",
               count_text(o.max_iters) + " of " + count_text(o.tokens_per_step()) + " tokens"},
              {"run", printable(o.out_dir) +
                          (run.steps() ? ", going on after step " + count_text(run.steps()) : "")}},
             0) +
         '\n';
}

// The sample, each line behind a bar.
std::string quoted(const std::string& text) {
  std::string lines = "    | ";
  for (char c : text) lines += c == '\n' ? "\n    | " : std::string(1, c);
  return lines + '\n';
}

// Validation, checkpoint, curve and sample of the step that the run has reached.
void save_with_evaluation(const models::TrainingRun& run, const TrainOptions& options,
                          TrainLog& log, models::MetricsRow row) {
  row.validation_loss = run.validation_loss();
  log.add(row);
  log.sync();
  run.save();
  log.draw_curve();
  if (options.sample_tokens) log.say(quoted(run.sample(options.sample_tokens)));
}

void go_on(models::TrainingRun& run, const TrainOptions& o, TrainLog& log,
           const NotedSignals& signals) {
  if (run.steps() == 0) save_with_evaluation(run, o, log, {});
  while (run.steps() < o.max_iters && !signals.received()) {
    const auto start = std::chrono::steady_clock::now();
    const models::StepReport report = run.step();
    log.count_work(std::chrono::steady_clock::now() - start);
    const int64_t step = run.steps();
    const models::MetricsRow row{step, report.loss,          run.smoothed_loss(),
                                 {},   report.learning_rate, report.grad_norm};
    if (step % o.eval_interval == 0 || step == o.max_iters) save_with_evaluation(run, o, log, row);
    else if (step % o.log_interval == 0) log.add(row);
    else log.show(step, run.smoothed_loss());
  }
}

// A checkpoint first, whatever becomes of the output.
std::string stop(const models::TrainingRun& run, TrainLog& log) {
  log.sync();
  const std::string file = run.save();
  log.draw_curve();
  return "stopped after step " + count_text(run.steps()) + ": " + printable(file) +
         "; go on with --resume\n";
}

}  // namespace

int train(TrainOptions o) {
  models::TrainingRun run = o.resume ? resume(o) : start(o);
  write_out(introduce(run, o));
  if (run.steps() >= o.max_iters && run.steps() > 0) {
    write_out("The run has done its steps; --max-iters N goes further.\n");
    return 0;
  }
  const NotedSignals signals;
  TrainLog log(o, run.steps());
  try {
    go_on(run, o, log, signals);
  } catch (const IoError&) {  // such as an output that nobody reads any more
    stop(run, log);
    if (!signals.received()) throw;
  }
  if (const int signal = signals.received()) {
    const std::string stopped = stop(run, log);
    try {
      log.say(stopped);
    } catch (const IoError&) {}  // the same signal has ended what read it
    return 128 + signal;
  }
  log.say("\nTo use it:\n  vitro generate --model " + printable(o.out_dir) +
          " --temperature 0.8 --prompt TEXT\n  vitro eval --model " + printable(o.out_dir) + '\n');
  return 0;
}

}  // namespace vitro::cli
