// `vitro verify`: proves a model by hand.
#include <charconv>

#include "apps/cli/arguments.h"
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/cli/progress.h"
#include "apps/verify/report.h"

namespace vitro::cli {

namespace {

// A fault in float32, and one that bfloat16's rounding cannot hide.
constexpr double kFault = 1.001, kFaultBFloat16 = 1.03;

// Parses PATH[i, j, k] into the path and the indices.  UsageError for another form.
std::pair<std::string, std::vector<int64_t>> parsed_cell(const std::string& text) {
  const auto refuse = [&] {
    fail<UsageError>("--cell: expected PATH[i, j, k], such as hidden[0, 3, 5], got ",
                     in_quotes(text));
  };
  std::vector<int64_t> index;
  const size_t open = text.find('[');
  if (open == text.npos || !text.ends_with(']')) refuse();
  const char *at = text.data() + open + 1, *const end = text.data() + text.size() - 1;
  for (;;) {
    while (at < end && *at == ' ') ++at;
    int64_t n = 0;
    const auto [stop, error] = std::from_chars(at, end, n);
    if (error != std::errc() || n < 0) refuse();
    index.push_back(n);
    for (at = stop; at < end && *at == ' ';) ++at;
    if (at == end) return {text.substr(0, open), index};
    if (*at++ != ',') refuse();
  }
}

// UsageError, with the nearest paths, if the model has no module at `path`.
void check_path(const char* option, const std::string& path, nn::Module& model) {
  std::vector<std::string> paths;
  for (const auto& [known, module] : model.named_modules()) {
    if (known == path) return;
    if (!known.empty()) paths.push_back(known);
  }
  constexpr size_t kMost = 12;
  const std::string near = nearest(path, paths);
  std::string all;
  for (size_t i = 0; i < std::min(paths.size(), kMost); ++i) all += (i ? ", " : "") + paths[i];
  if (paths.size() > kMost) all += " ...";
  fail<UsageError>(option, ": expected the path of a module (", all, "), got ", in_quotes(path),
                   near.empty() ? "" : "; did you mean " + near + "?");
}

// The fault that --perturb describes: PATH, PATH:forward or PATH:backward.
std::optional<proof::Planted> planted(const std::optional<std::string>& text, nn::Module& model) {
  if (!text) return {};
  proof::Planted fault{.path = *text};
  for (const char* direction : {":forward", ":backward"})
    if (text->ends_with(direction)) {
      fault.path.resize(text->size() - std::string_view(direction).size());
      fault.backward = direction == std::string_view(":backward");
    }
  if (fault.path == "head" && dynamic_cast<models::GPT*>(&model)) fault.path = "lm_head";
  if (fault.path == "model") fault.path.clear();
  check_path("--perturb", fault.path, model);
  fault.factor = model.parameters().at(0).dtype() == kBFloat16 ? kFaultBFloat16 : kFault;
  return fault;
}

using Asked = std::pair<std::string, std::vector<int64_t>>;  // a path and an index

// The number that --cell asks for.  UsageError for a path or index that the model does not have.
proof::Cell asked_cell(const proof::Trace& trace, const Asked& asked) {
  try {
    return proof::worked_cell(trace, asked.first, asked.second);
  } catch (const ValueError& error) { fail<UsageError>("--", error.what()); }
}

int proved(const VerifyOptions& options, ProgressLine& progress) {
  const Subject subject = subject_of(options);
  models::LanguageModel& model = *subject.model;
  proof::VerifyOptions how{.targets = subject.targets,
                           .seed = static_cast<uint64_t>(options.model.seed),
                           .planted = planted(options.perturb, model)};
  std::optional<Asked> asked;
  if (options.cell) {
    asked = parsed_cell(*options.cell);
    if (asked->first == "model") asked->first.clear();
    if (asked->first != "probability" && asked->first != "loss")
      check_path("--cell", asked->first, model);
    // A wrong index is refused before the long work.
    NoGradGuard unrecorded;
    asked_cell(proof::run_traced(model, subject.ids, {.targets = subject.targets}), *asked);
  }
  how.progress = [&](const std::string& stage, int64_t done, int64_t total) {
    progress.at(stage, done, total);
  };
  const proof::Report report = proof::verify(model, subject.ids, how);
  progress.end();
  Verification result{options, subject, how.planted, report, {}};
  if (!asked && !how.planted && report.agrees()) asked = proof::telling_cell(report.trace);
  if (asked) result.cell = asked_cell(report.trace, *asked);
  print(result);
  if (const auto& fault = report.first)
    fail<ValueError>("verify: ", path_text(fault->path), ": ", fault->what,
                     index_text(fault->index), ": ", fault->reason);
  check<ValueError>(!how.planted, "verify: no fault was found in ",
                    how.planted ? path_text(how.planted->path) : "",
                    ": its output or its gradients are 0, and 0 times a factor is 0");
  return 0;
}

}  // namespace

int verify(const VerifyOptions& options) {
  ProgressLine progress;
  try {
    return proved(options, progress);
  } catch (const Stopped& stopped) { return 128 + stopped.signal; }
}

}  // namespace vitro::cli
