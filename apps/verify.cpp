// `vitro verify`: is what the model computes what the formulas say?
#include "apps/verify.h"

#include <algorithm>
#include <deque>

#include "apps/model_options.h"
#include "apps/output.h"
#include "apps/verify_report.h"

namespace vitro::cli {

namespace {

constexpr int64_t kWindow = 64, kBatch = 6;  // enough for oneDNN to be the faster one

std::vector<LinearRun> linears_of(models::MiniLM& model) {
  std::vector<LinearRun> runs;
  for (auto& [name, module] : model.named_modules())
    if (auto* layer = dynamic_cast<nn::Linear*>(module)) runs.push_back({name, layer});
  return runs;
}

// ids (B, T) and the tokens that follow each, from the start of the text.
std::pair<Tensor, Tensor> windows(const Source& source) {
  const std::vector<int64_t> ids = source.tokenizer->encode(source.text);
  const auto count = static_cast<int64_t>(ids.size()) - 1;
  check<ValueError>(count >= 1, "verify: a text of at least two tokens expected: ", source.name,
                    " has ", ids.size());
  const int64_t length = std::min(kWindow, count), batch = std::min(kBatch, count / length);
  auto part = [&](size_t from) {
    return from_span(std::span(ids).subspan(from, static_cast<size_t>(batch * length)))
        .reshape({batch, length});
  };
  return {part(0), part(1)};
}

// Hooks that spoil one module's output, and that fill `runs` with what passes through the rest.
class Probe {
 public:
  Probe(std::vector<LinearRun>& runs, const std::optional<std::string>& perturb) {
    for (LinearRun& run : runs) {
      // The first hook, so that the second one sees what it returns.
      if (run.name == perturb)
        hooks_.emplace_back(run.layer->register_forward_hook(
            [](nn::Module&, const Tensor&, const Tensor& y) { return y * 1.001; }));
      hooks_.emplace_back(run.layer->register_forward_pre_hook([this](nn::Module&, const Tensor&) {
        before_ = onednn_stats().primitives;
        return Tensor();
      }));
      hooks_.emplace_back(run.layer->register_forward_hook(
          [this, &run](nn::Module&, const Tensor& x, const Tensor& y) {
            run.x = x, run.y = y, run.kernel = kernel_since_before();
            return Tensor();
          }));
      hooks_.emplace_back(run.layer->register_full_backward_hook(
          [&run](nn::Module&, const Tensor& grad_x, const Tensor&) {
            run.grad_x = grad_x;
            return Tensor();
          }));
    }
  }

 private:
  // The oneDNN primitive that has run once more than before the module began, if any did.
  std::string kernel_since_before() const {
    for (const OnednnPrimitive& now : onednn_stats().primitives) {
      auto is_same = [&](const OnednnPrimitive& p) {
        return p.name == now.name && p.runs == now.runs;
      };
      if (std::none_of(before_.begin(), before_.end(), is_same))
        return "oneDNN " + now.implementation;
    }
    return "vitro " + version_info().simd;
  }

  std::vector<OnednnPrimitive> before_;
  std::deque<nn::ScopedHook> hooks_;
};

}  // namespace

int verify(const VerifyOptions& options) {
  const Source source = read_source(options.model.text);
  auto [ids, targets] = windows(source);
  // Weights, gradients and a float64 copy, whose activations are the largest of all.
  models::MiniLM model = make_model(options.model, *source.tokenizer, ids.numel(), /*bytes=*/24);
  Verification result{options, source, ids.shape(), linears_of(model), {}, {}, {}};

  if (options.perturb) {
    std::string names;
    for (const LinearRun& run : result.runs) names += (names.empty() ? "" : ", ") + run.name;
    check<UsageError>(
        std::any_of(result.runs.begin(), result.runs.end(),
                    [&](const LinearRun& run) { return run.name == options.perturb; }),
        "--perturb: the name of a Linear expected (", names, "): ", in_quotes(*options.perturb));
  }
  {
    Probe probe(result.runs, options.perturb);
    cross_entropy(model(ids), targets, {.reduction = Reduction::kSum}).backward();
  }
  result.onednn = onednn_stats();
  for (const LinearRun& run : result.runs) result.forward.push_back(check_forward(run));
  // Behind a wrong output every gradient is another one: comparing them would accuse the innocent.
  if (result.forward_agrees())
    result.gradients = check_gradients(model, result.runs, ids, targets,
                                       static_cast<uint64_t>(options.model.seed));
  print(result);
  if (const std::string blame = result.disagreements(); !blame.empty())
    fail<ValueError>("verify: ", blame);
  return 0;
}

}  // namespace vitro::cli
