// `vitro train`: steps until the last one or a signal, with what is shown and saved between.
#include <csignal>

#include "apps/output.h"
#include "apps/train_log.h"

namespace vitro::cli {

namespace {

volatile std::sig_atomic_t received_signal = 0;

// SIGINT and SIGTERM only leave a note, once; the second one ends the program as ever.
class NotedSignals {
 public:
  NotedSignals() {
    struct sigaction note = {};
    note.sa_handler = [](int signal) { received_signal = signal; };
    note.sa_flags = SA_RESETHAND | SA_RESTART;
    for (size_t i = 0; i < 2; ++i) sigaction(kSignals[i], &note, &before_[i]);
  }
  ~NotedSignals() {
    for (size_t i = 0; i < 2; ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  NotedSignals(const NotedSignals&) = delete;
  NotedSignals& operator=(const NotedSignals&) = delete;
  int received() const { return received_signal; }

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM};
  struct sigaction before_[2];
};

std::string introduce(const TrainRun& run) {
  const TrainOptions& o = run.options();
  int64_t parameters = 0;
  for (const Tensor& p : run.model().parameters()) parameters += p.numel();
  return table(
             {{"model", count_text(parameters) + " parameters; context " +
                            count_text(o.model.context) + ", n_embd " + count_text(o.model.n_embd) +
                            ", n_hidden " + count_text(o.model.n_hidden) + ", " +
                            o.model.activation},
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
  run.save();
  log.draw_curve();
  if (run.options().sample_tokens) log.say(quoted(run.sample()));
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
  if (run.steps() == 0) save_with_evaluation(run, log, {});
  while (run.steps() < o.max_iters && !signals.received()) {
    const StepReport report = run.step();
    const int64_t step = run.steps();
    const TrainRow row{step, report.loss,          run.smoothed_loss(),
                       {},   report.learning_rate, report.grad_norm};
    if (step % o.eval_interval == 0 || step == o.max_iters) save_with_evaluation(run, log, row);
    else if (step % o.log_interval == 0) log.add(row);
    else log.show(step, run.smoothed_loss());
  }
  if (const int signal = signals.received()) {
    log.say("stopped after step " + count_text(run.steps()) + ": " + printable(run.save()) +
            "; go on with --resume\n");
    log.draw_curve();
    return 128 + signal;
  }
  log.say("\nTo use it:\n  vitro generate --model " + printable(o.out_dir) +
          " --temperature 0.8 --prompt TEXT\n  vitro eval --model " + printable(o.out_dir) + '\n');
  return 0;
}

}  // namespace vitro::cli
