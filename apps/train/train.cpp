// `vitro train`: steps until the last one or a signal, with what is shown and saved between.
#include <chrono>

#include "apps/cli/output.h"
#include "apps/cli/signals.h"
#include "apps/train/log.h"

namespace vitro::cli {

namespace {

std::string describe(const TrainRun& run) {
  const TrainOptions& o = run.options();
  const std::string size = count_text(run.model().parameter_count()) + " parameters; ";
  if (const auto* gpt = dynamic_cast<models::GPT*>(&run.model())) {
    const models::GPTConfig& c = gpt->config;
    return size + "a GPT of " + count_text(c.n_layer) + " layers, " + count_text(c.n_head) +
           " heads, n_embd " + count_text(c.n_embd) + ", block_size " + count_text(c.block_size);
  }
  return size + "context " + count_text(o.model.context) + ", n_embd " +
         count_text(o.model.n_embd) + ", n_hidden " + count_text(o.model.n_hidden) + ", " +
         o.model.activation;
}

std::string introduce(const TrainRun& run) {
  const TrainOptions& o = run.options();
  return table(
             {{"model", describe(run)},
              {"text", count_text(run.training_tokens()) + " tokens to learn, " +
                           count_text(run.validation_tokens()) + " to validate; vocabulary " +
                           count_text(run.tokenizer().vocab_size())},
              {"steps",
               count_text(o.max_iters) + " of " + count_text(run.tokens_per_step()) + " tokens"},
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
void save_with_evaluation(const TrainRun& run, TrainLog& log, TrainRow row) {
  row.validation_loss = run.validation_loss();
  log.add(row);
  log.sync();
  run.save();
  log.draw_curve();
  if (run.options().sample_tokens) log.say(quoted(run.sample()));
}

void go_on(TrainRun& run, TrainLog& log, const NotedSignals& signals) {
  const TrainOptions& o = run.options();
  if (run.steps() == 0) save_with_evaluation(run, log, {});
  while (run.steps() < o.max_iters && !signals.received()) {
    const auto start = std::chrono::steady_clock::now();
    const StepReport report = run.step();
    log.count_work(std::chrono::steady_clock::now() - start);
    const int64_t step = run.steps();
    const TrainRow row{step, report.loss,          run.smoothed_loss(),
                       {},   report.learning_rate, report.grad_norm};
    if (step % o.eval_interval == 0 || step == o.max_iters) save_with_evaluation(run, log, row);
    else if (step % o.log_interval == 0) log.add(row);
    else log.show(step, run.smoothed_loss());
  }
}

// A checkpoint first, whatever becomes of the output.
std::string stop(const TrainRun& run, TrainLog& log) {
  log.sync();
  const std::string file = run.save();
  log.draw_curve();
  return "stopped after step " + count_text(run.steps()) + ": " + printable(file) +
         "; go on with --resume\n";
}

}  // namespace

int train(TrainOptions options) {
  TrainRun run =
      options.resume ? TrainRun::resume(std::move(options)) : TrainRun::start(std::move(options));
  const TrainOptions& o = run.options();
  write_out(introduce(run));
  if (run.steps() >= o.max_iters && run.steps() > 0) {
    write_out("The run has done its steps; --max-iters N goes further.\n");
    return 0;
  }
  const NotedSignals signals;
  TrainLog log(o, run.steps(), run.tokens_per_step());
  try {
    go_on(run, log, signals);
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
