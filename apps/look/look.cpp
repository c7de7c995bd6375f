// Opens the model and the prompt of `vitro activations` and `vitro gradients`.
#include "apps/look/look.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/arguments.h"
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

constexpr int64_t kRandomIds = 16;  // how many ids a model without a tokenizer reads

// Random ids for a model without a tokenizer.
std::vector<int64_t> random_ids(const models::LanguageModel& model, const LookOptions& options,
                                int64_t targets) {
  check<ValueError>(options.prompt.empty(), "--prompt: expected a model with a tokenizer, got ",
                    options.saved, ", which has none; without --prompt it reads random tokens");
  check<UsageError>(!options.allow_special,
                    "--allow-special: expected a model with a tokenizer, got ", options.saved,
                    ", which has none");
  manual_seed(static_cast<uint64_t>(options.model.seed));
  const int64_t count = std::min(kRandomIds, model.max_length().value_or(kRandomIds)) + targets;
  const Tensor ids = randint(0, model.vocab_size(), {count});
  return {ids.data<int64_t>(), ids.data<int64_t>() + ids.numel()};
}

std::string what_is_read(const LookOptions& options, size_t tokens, bool has_tokenizer) {
  return "It reads " + count_text(static_cast<int64_t>(tokens)) + " token" +
         (tokens == 1 ? "" : "s") + ": " +
         (has_tokenizer ? in_quotes(options.prompt, 60)
                        : "random ones, because there is no tokenizer") +
         ".\n";
}

}  // namespace

Look open_look(const LookOptions& options, int64_t targets) {
  Look look;
  std::unique_ptr<text::Tokenizer> tokenizer;
  if (options.saved.empty()) {
    Source source = read_source(options.model.text);
    look.introduction = introduce(options.model, source);
    tokenizer = std::move(source.tokenizer);
  } else {
    models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
    look.introduction = "This is a saved model, " + saved.model->describe() + ": " +
                        printable(options.saved) + ".\n";
    look.model = std::move(saved.model), tokenizer = std::move(saved.tokenizer);
  }
  if (tokenizer) {
    check<UsageError>(!options.prompt.empty(), "--prompt: expected a text, got none");
    look.ids = encode_prompt(*tokenizer, options.prompt, options.allow_special);
  } else {
    look.ids = random_ids(*look.model, options, targets);
  }
  if (!look.model)
    look.model = std::make_unique<models::MiniLM>(
        make_model(options.model, *tokenizer, std::ssize(look.ids)));
  check_length(*look.model, look.ids.size() - static_cast<size_t>(targets), "");
  look.introduction += what_is_read(options, look.ids.size(), tokenizer != nullptr);
  return look;
}

nn::NamedModules looked_at(nn::Module& model, const std::string& path) {
  nn::NamedModules all = model.named_modules();
  if (path.empty()) return all;
  nn::NamedModules inside;
  std::vector<std::string> names;
  for (const auto& [name, module] : all) {
    if (name == path || name.starts_with(path + ".")) inside.emplace_back(name, module);
    if (!name.empty()) names.push_back(name);
  }
  if (!inside.empty() && inside[0].first == path) return inside;
  constexpr size_t kMost = 8;
  const std::string near = nearest(path, names);
  std::string known;
  for (size_t i = 0; i < std::min(names.size(), kMost); ++i)
    known += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMost) known += " ...";
  fail<UsageError>("--module: expected the path of a module (", known, "), got ", in_quotes(path),
                   near.empty() ? "; see vitro summary" : "; did you mean " + near + "?");
}

nlohmann::ordered_json look_json(const LookOptions& options, const Look& look) {
  nlohmann::ordered_json json = {{"ids", look.ids}, {"seed", options.model.seed}};
  if (!options.prompt.empty()) json["prompt"] = options.prompt;
  json["options"] = options.saved.empty() ? to_json(options.model)
                                          : nlohmann::ordered_json{{"model", options.saved}};
  return json;
}

}  // namespace vitro::cli
