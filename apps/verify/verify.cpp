// `vitro verify`: compares what a running model computes with the formulas.
#include "apps/verify/verify.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "apps/cli/arguments.h"
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/cli/saved_text.h"
#include "apps/verify/report.h"

namespace vitro::cli {

namespace {

constexpr int64_t kWindow = 64, kBatch = 6;  // large enough that vitro uses oneDNN
// The most products that are computed by hand, and in all float64 forwards together.  They limit
// how many tokens a large model reads, and how many of its gradients are compared.
constexpr double kForwardMacs = 2e9, kGradientMacs = 4e9;

struct Verified {
  std::unique_ptr<models::LanguageModel> model;
  std::vector<int64_t> ids;  // the first ids of a text, at most kMostIds
  int64_t window;            // the most tokens that the model takes at once
  std::string introduction;
};

constexpr size_t kMostIds = kWindow * kBatch + 1;

std::vector<int64_t> first_ids(const Text& source, const text::Tokenizer& tokenizer) {
  std::vector<int64_t> ids;
  text::TextPieces pieces(source.text, /*piece_bytes=*/4096);
  for (std::string_view piece; ids.size() < kMostIds && pieces.next(piece);)
    std::ranges::copy(ids.empty() ? tokenizer.encode(piece) : tokenizer.encode_piece(piece),
                      std::back_inserter(ids));
  ids.resize(std::min(ids.size(), kMostIds));
  return ids;
}

// The tokens that the model reads: the prompt, or else the first tokens of the text.
std::vector<int64_t> ids_of(const VerifyOptions& options, const Text& source,
                            const text::Tokenizer& tokenizer) {
  if (options.prompt.empty()) return first_ids(source, tokenizer);
  std::vector<int64_t> ids = encode_prompt(tokenizer, options.prompt);
  check<ValueError>(ids.size() > 1,
                    "--prompt: expected at least 2 tokens, got 1: ", in_quotes(options.prompt, 60));
  ids.resize(std::min(ids.size(), kMostIds));
  return ids;
}

Verified untrained(const VerifyOptions& options) {
  const Source source = read_source(options.model.text);
  // Memory for the model, its gradients and a float64 copy.  The copy's activations need most.
  auto model = std::make_unique<models::MiniLM>(
      make_model(options.model, *source.tokenizer, kWindow * kBatch, /*share=*/1.5));
  return {std::move(model), ids_of(options, source, *source.tokenizer), kWindow,
          introduce(options.model, source)};
}

// The name and the ids of the text that a trained model reads: the text that is given, else the
// text that its run learnt, else the bundled stories.  A model without a tokenizer reads random
// ids.
std::pair<std::string, std::vector<int64_t>> text_for(const models::SavedModel& saved,
                                                      const VerifyOptions& options) {
  const std::string& file = options.model.text.file;
  if (!saved.tokenizer) {
    check<ValueError>(file.empty() && options.prompt.empty(), file.empty() ? "--prompt" : "--text",
                      ": expected a model with a tokenizer, got ", options.saved,
                      ", which has none");
    manual_seed(static_cast<uint64_t>(options.model.seed));
    const Tensor ids = randint(0, saved.model->vocab_size(), {static_cast<int64_t>(kMostIds)});
    return {"random tokens, because there is no tokenizer",
            {ids.data<int64_t>(), ids.data<int64_t>() + ids.numel()}};
  }
  if (!options.prompt.empty())
    return {in_quotes(options.prompt, 60), ids_of(options, {}, *saved.tokenizer)};
  if (!file.empty() || !saved.metadata.contains("options")) {
    const Text source = open_text(file);
    return {source.name, first_ids(source, *saved.tokenizer)};
  }
  const Tokens tokens = trained_text(options.saved, saved);
  std::vector<int64_t> ids(std::min(static_cast<size_t>(tokens.ids.size()), kMostIds));
  tokens.ids.copy(0, ids);
  return {tokens.name, std::move(ids)};
}

Verified trained(const VerifyOptions& options) {
  models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
  check<ValueError>(saved.model->parameters().at(0).dtype() == kFloat32,
                    "--model: expected a model in float32, got ",
                    saved.model->parameters().at(0).dtype(), " in ", options.saved);
  check_bytes(24 * static_cast<double>(saved.model->parameter_count()), "verify a smaller model");
  auto [name, ids] = text_for(saved, options);
  const int64_t window = std::min(kWindow, saved.model->max_length().value_or(kWindow));
  const std::string introduction = "This is a trained model, " + saved.model->describe() + ": " +
                                   printable(options.saved) + ".\nThe text: " + printable(name) +
                                   ".\n";
  return {std::move(saved.model), std::move(ids), window, introduction};
}

std::vector<LinearRun> linears_of(nn::Module& model) {
  std::vector<LinearRun> runs;
  for (auto& [name, module] : model.named_modules())
    if (auto* layer = dynamic_cast<nn::Linear*>(module)) runs.push_back({name, layer});
  return runs;
}

double macs_per_token(const std::vector<LinearRun>& runs) {
  double macs = 0;
  for (const LinearRun& run : runs) macs += static_cast<double>(run.layer->weight.numel());
  return macs;
}

// Inputs and targets (B, T) from the start of the text; a target is the token after its input.
std::pair<Tensor, Tensor> windows(const Verified& subject, double macs) {
  const int64_t count = std::ssize(subject.ids) - 1,
                most = std::max<int64_t>(8, static_cast<int64_t>(kForwardMacs / macs));
  check<ValueError>(count >= 1, "text: expected at least 2 tokens, got ", subject.ids.size());
  const int64_t length = std::min({subject.window, count, most}),
                batch = std::max<int64_t>(1, std::min({kBatch, count / length, most / length}));
  auto part = [&](size_t from) {
    return from_span(std::span(subject.ids).subspan(from, static_cast<size_t>(batch * length)))
        .reshape({batch, length});
  };
  return {part(0), part(1)};
}

// Hooks that fill `runs` with the input and output of every Linear.  If `perturb` names a Linear,
// its output is changed.
class Probe {
 public:
  Probe(std::vector<LinearRun>& runs, const std::optional<std::string>& perturb) {
    for (LinearRun& run : runs) {
      // This is the first hook, so that the others see the changed output.
      if (run.name == perturb)
        hooks_.emplace_back(run.layer->register_forward_hook(
            [](nn::Module&, const Tensor&, const Tensor& y) { return y * 1.001; }));
      hooks_.emplace_back(run.layer->register_forward_pre_hook([this](nn::Module&, const Tensor&) {
        before_ = onednn_stats().primitives;
        return Tensor();
      }));
      hooks_.emplace_back(run.layer->register_forward_hook(
          [this, &run](nn::Module&, const Tensor& x, const Tensor& y) {
            run.x = x.contiguous(), run.y = y.contiguous(), run.kernel = kernel_since_before();
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
  // The oneDNN primitive that has run since the module began, or else vitro's own kernels.
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

// The Linear that an option names.  UsageError if there is none.
const LinearRun& run_named(const char* option, const std::string& name,
                           const std::vector<LinearRun>& runs) {
  std::vector<std::string> names;
  for (const LinearRun& run : runs) {
    if (run.name == name) return run;
    names.push_back(run.name);
  }
  constexpr size_t kMost = 12;
  const std::string near = nearest(name, names);
  std::string known = names[0];
  for (size_t i = 1; i < std::min(names.size(), kMost); ++i) known += ", " + names[i];
  if (names.size() > kMost) known += " ...";
  fail<UsageError>(option, ": expected the name of a Linear (", known, "), got ", in_quotes(name),
                   near.empty() ? "" : "; did you mean " + near + "?");
}

// Parses PATH[i, j, k] into the path and the indices.  If the text has another form, the path is
// empty.
std::pair<std::string, std::vector<int64_t>> parsed_cell(const std::string& text) {
  std::vector<int64_t> index;
  const size_t open = text.find('[');
  if (open == text.npos || !text.ends_with(']')) return {};
  const char *at = text.data() + open + 1, *const end = text.data() + text.size() - 1;
  for (;;) {
    while (at < end && *at == ' ') ++at;
    int64_t n = 0;
    const auto [stop, error] = std::from_chars(at, end, n);
    if (error != std::errc() || n < 0) return {};
    index.push_back(n);
    for (at = stop; at < end && *at == ' ';) ++at;
    if (at == end) return {text.substr(0, open), index};
    if (*at++ != ',') return {};
  }
}

// Chooses the cell to show: the one that --cell names.  Without --cell, a perturbed model shows no
// cell; another model shows the least exact cell of the first Linear that disagrees or, if all
// agree, of the first Linear.
void choose_cell(Verification& result) {
  const std::vector<LinearRun>& runs = result.runs;
  if (!result.options.cell) {
    if (result.perturbed) return;
    size_t i = 0;
    while (i < runs.size() && result.forward[i].agrees) ++i;
    if (i == runs.size()) i = 0;
    result.shown_run = &runs[i], result.shown = result.forward[i].worst;
    return;
  }
  const auto [path, index] = parsed_cell(*result.options.cell);
  const LinearRun& run = run_named("--cell", path, runs);
  const Shape& shape = run.y.shape();
  bool is_inside = std::ssize(index) == shape.rank();
  int64_t row = 0;
  for (size_t i = 0; is_inside && i < index.size(); ++i) {
    is_inside = index[i] < shape[static_cast<int>(i)];
    if (i + 1 < index.size()) row = row * shape[static_cast<int>(i)] + index[i];
  }
  check<UsageError>(is_inside, "--cell: expected an index within the output ", shape, " of ", path,
                    ", got ", in_quotes(*result.options.cell));
  result.shown_run = &run, result.shown = cell_at(run, row, index.back());
  result.is_asked = true;
}

int verify(const VerifyOptions& options) {
  Verified subject = options.saved.empty() ? untrained(options) : trained(options);
  models::LanguageModel& model = *subject.model;
  std::vector<LinearRun> runs = linears_of(model);
  const double macs = macs_per_token(runs);
  const auto [ids, targets] = windows(subject, macs);
  Verification result{.options = options,
                      .introduction = subject.introduction,
                      .perturbed = options.perturb,
                      .ids_shape = ids.shape(),
                      .runs = std::move(runs),
                      .forward = {},
                      .gradients = {},
                      .onednn = {}};
  if (result.perturbed) {
    const auto is_head = [](const LinearRun& run) { return run.name == "head"; };
    if (*result.perturbed == "head" && std::ranges::none_of(result.runs, is_head))
      result.perturbed = "lm_head";
    run_named("--perturb", *result.perturbed, result.runs);
  }
  check<UsageError>(!options.cell || !parsed_cell(*options.cell).first.empty(),
                    "--cell: expected PATH[i, j, k], such as hidden[0, 3, 5], got ",
                    in_quotes(options.cell.value_or("")));
  {
    Probe probe(result.runs, result.perturbed);
    cross_entropy(model(ids), targets, {.reduction = Reduction::kSum}).backward();
  }
  result.onednn = onednn_stats();
  for (const LinearRun& run : result.runs) result.forward.push_back(check_forward(run));
  choose_cell(result);
  // After a wrong output every gradient differs, so comparing them would blame correct modules.
  if (result.forward_agrees()) {
    const double forwards = kGradientMacs / (macs * static_cast<double>(ids.numel()));
    result.gradients =
        check_gradients(model, result.runs, ids, targets, static_cast<uint64_t>(options.model.seed),
                        /*most=*/static_cast<int64_t>(forwards / 2));
  }
  print(result);
  if (const std::string blame = result.disagreements(); !blame.empty())
    fail<ValueError>("verify: ", blame);
  return 0;
}

}  // namespace vitro::cli
