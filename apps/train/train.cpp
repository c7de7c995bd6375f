// `vitro train`: trains until the last step or a signal, and reports and saves on the way.
#include <chrono>

#include "apps/cli/output.h"
#include "apps/cli/signals.h"
#include "apps/train/log.h"
#include "apps/train/start.h"

namespace vitro::cli {

namespace {

std::string introduce(const StartedRun& started, const TrainOptions& o) {
  const models::TrainingRun& run = started.run;
  models::LanguageModel& model = run.model();
  const int64_t evaluated = run.evaluated_tokens() + 1;
  std::vector<std::vector<std::string>> rows = {
      {"model", model.describe() + ", " + count_text(model.parameter_count()) + " parameters"},
      {"text", count_text(run.training_tokens()) + " tokens to learn, " +
                   count_text(run.validation_tokens()) + " to validate" +
                   (evaluated < run.validation_tokens()
                        ? " (the first " + count_text(evaluated) + " by --eval-iters)"
                        : "") +
                   "; vocabulary " + count_text(run.tokenizer().vocab_size())},
      {"steps", count_text(o.max_iters) + " of " + count_text(o.tokens_per_step()) + " tokens"},
      {"run", printable(o.out_dir) +
                  (run.steps() ? ", continued after step " + count_text(run.steps()) : "")}};
  if (run.steps() > 0 && o.lr_schedule != "constant" && o.lr_decay_iters < o.max_iters)
    rows.push_back({"rate", format("%g", o.last_lr()) + " from step " +
                                count_text(o.lr_decay_iters) +
                                " on, the --lr-decay-iters with which the run was started"});
  if (!started.note.empty()) rows.push_back({"note", printable(started.note)});
  return table(rows, 0) + '\n';
}

// The sample, with a bar before each line.
std::string quoted(const std::string& text) {
  std::string lines = "    | ";
  for (char c : text) lines += c == '\n' ? "\n    | " : std::string(1, c);
  return lines + '\n';
}

// Measures the validation loss, saves a checkpoint, draws the curve and prints a sample.
void save_with_evaluation(const models::TrainingRun& run, const TrainOptions& options,
                          TrainLog& log, models::MetricsRow row) {
  row.validation_loss = run.validation_loss();
  log.add(row);
  log.sync();
  run.save(log.best()->step);
  log.draw_curve();
  log.say_if_overfits();
  if (options.sample_tokens) log.say(quoted(run.sample(options.sample_tokens)));
}

// Trains until the last step or a signal.
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
    else if (step == 1 || step % o.log_interval == 0) log.add(row);
    else log.show(step, run.smoothed_loss());
  }
}

// Saves a checkpoint and returns a line that says so.  Prints nothing: the output may be closed.
std::string stop(const models::TrainingRun& run, TrainLog& log) {
  log.sync();
  const std::string file = run.save(log.best() ? std::optional(log.best()->step) : std::nullopt);
  log.draw_curve();
  return "stopped after step " + count_text(run.steps()) + ": " + printable(file) +
         "; continue with --resume\n";
}

// Says how to use the checkpoint with the lowest validation loss; empty if that is the last one.
std::string best_before_the_last(const TrainLog& log, const TrainOptions& o) {
  const std::string file = CheckpointDirectory(o.out_dir).file(log.best()->step);
  if (log.best()->step == o.max_iters || !file_exists(file)) return "";
  return format("The lowest validation loss, %.4f, was at step ", *log.best()->validation_loss) +
         count_text(log.best()->step) + ":\n  vitro generate --model " + printable(file) +
         " --temperature 0.8 --prompt TEXT\n";
}

}  // namespace

int train(TrainOptions o) {
  StartedRun started = o.resume ? resume(o) : start(o);
  models::TrainingRun& run = started.run;
  check<UsageError>(!o.given.contains("max-iters") || o.max_iters >= run.steps(),
                    "--max-iters: expected at least the ", run.steps(), " steps that the run in ",
                    o.out_dir, " has done, got ", o.max_iters);
  write_out(introduce(started, o));
  if (run.steps() >= o.max_iters && run.steps() > 0) {
    write_out("The run has done all its steps; --max-iters N adds more.\n");
    return 0;
  }
  const NotedSignals signals;
  TrainLog log(o, run.steps());
  try {
    go_on(run, o, log, signals);
  } catch (const IoError&) {  // for example a closed pipe
    stop(run, log);
    if (!signals.received()) throw;
  }
  if (const int signal = signals.received()) {
    const std::string stopped = stop(run, log);
    try {
      log.say(stopped);
    } catch (const IoError&) {}  // the signal may also have ended the program that reads the output
    return 128 + signal;
  }
  log.say("\nTo use it:\n  vitro generate --model " + printable(o.out_dir) +
          " --temperature 0.8 --prompt TEXT\n  vitro eval --model " + printable(o.out_dir) + '\n' +
          best_before_the_last(log, o));
  return 0;
}

}  // namespace vitro::cli
