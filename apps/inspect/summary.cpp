// `vitro summary`: lists the modules of a model with their parameters and MACs.
#include <nlohmann/json.hpp>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "framework/nn/summary.h"

namespace vitro::cli {

namespace {

// The number of multiplications in one module for a text of `tokens` tokens.  It follows from the
// shapes of the weights, so no forward is run.
int64_t macs_of(const nn::Module& module, int64_t tokens) {
  if (const auto* linear = dynamic_cast<const nn::Linear*>(&module))
    return linear->macs({1, tokens, linear->weight.size(1)}, {1, tokens, linear->weight.size(0)});
  if (const auto* attention = dynamic_cast<const nn::CausalSelfAttention*>(&module))
    return attention->macs({1, tokens, attention->c_proj.weight.size(1)}, {});
  return 0;
}

// The model, and the length of the text that MACs are counted for.
struct Summarised {
  std::unique_ptr<models::LanguageModel> model;
  std::string name;
  int64_t tokens;
};

Summarised subject(const SummaryOptions& options) {
  if (!options.saved.empty()) {
    models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
    const int64_t tokens = options.tokens.value_or(saved.model->context());
    return {std::move(saved.model), options.saved, tokens};
  }
  models::GPTConfig config = models::GPTConfig::preset(options.preset);
  if (options.vocab_size) config.vocab_size = *options.vocab_size;
  const int64_t tokens = options.tokens.value_or(config.block_size);
  return {std::make_unique<models::GPT>(config, models::InitialValues::kNone), options.preset,
          tokens};
}

}  // namespace

int summary(const SummaryOptions& options) {
  check<UsageError>(options.saved.empty() != options.preset.empty(),
                    "expected --model or --preset, got none");
  check<UsageError>(
      !options.vocab_size || !options.preset.empty(),
      "--vocab-size: expected --preset too, got none; the vocabulary of a saved model "
      "is fixed");
  const Summarised subject = cli::subject(options);
  const std::vector<nn::SummaryRow> rows = nn::summary_rows(
      *subject.model, [&](const nn::Module& module) { return macs_of(module, subject.tokens); });
  const DType dtype = subject.model->parameters().at(0).dtype();
  const int64_t parameters = rows[0].parameters,
                bytes = parameters * static_cast<int64_t>(item_size(dtype)),
                cache = subject.model->cache_bytes();
  std::ostringstream dtype_name;
  dtype_name << dtype;

  if (options.json) {
    nlohmann::ordered_json modules = nlohmann::ordered_json::array();
    for (const nn::SummaryRow& row : rows) {
      nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
      for (const auto& [name, shape] : row.tensors)
        tensors[name] = std::vector(shape.begin(), shape.end());
      modules.push_back({{"name", row.path},
                         {"module", row.what},
                         {"tensors", tensors},
                         {"parameters", row.parameters},
                         {"macs", row.macs}});
      if (!row.tie.empty()) modules.back()["tied_to"] = row.tie;
    }
    write_json({{"model", subject.name},
                {"parameters", parameters},
                {"dtype", dtype_name.str()},
                {"bytes", bytes},
                {"tokens", subject.tokens},
                {"macs", rows[0].macs},
                {"cache_bytes", cache},
                {"modules", modules}});
    return 0;
  }
  const double mib = 1 << 20;
  std::vector<std::vector<std::string>> totals = {
      {"parameters", count_text(parameters) + ", " + dtype_name.str() +
                         format(": %.1f MiB", static_cast<double>(bytes) / mib)},
      {"MACs",
       count_text(rows[0].macs) + " for a text of " + count_text(subject.tokens) + " tokens"}};
  if (cache)
    totals.push_back({"cache", format("%.1f MiB", static_cast<double>(cache) / mib) +
                                   " for the keys and values of a whole context"});
  write_out(rows[0].what + "\n\n" + nn::summary_table(rows) + '\n' + table(totals, 0));
  return 0;
}

}  // namespace vitro::cli
