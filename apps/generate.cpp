// `vitro generate`: text -> ids -> model -> next token -> text.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/explain.h"
#include "apps/output.h"

namespace vitro::cli {

namespace {

models::GenerateOptions decoding(const GenerateOptions& options, int64_t window) {
  // Without a seed of its own, sampling goes on where the weights ended in the default generator.
  return {.max_new_tokens = options.max_new_tokens,
          .do_sample = options.temperature || options.top_k,
          .temperature = options.temperature.value_or(1),
          .top_k = options.top_k,
          .block_size = window};
}

nlohmann::ordered_json to_json(const GenerateOptions& options) {
  nlohmann::ordered_json json;
  if (options.saved.empty()) json = to_json(options.model);
  else json["model"] = options.saved;
  json["temperature"] = nullptr;
  if (options.temperature) json["temperature"] = *options.temperature;
  json["top_k"] = nullptr;
  if (options.top_k) json["top_k"] = *options.top_k;
  json["max_new_tokens"] = options.max_new_tokens;
  return json;
}

// The model that --model names, or one with random weights.
struct Subject {
  std::unique_ptr<nn::Module> model;
  std::unique_ptr<text::Tokenizer> tokenizer;
  int64_t window;  // how many tokens back the model looks
  std::string introduction;
};

Subject trained(const GenerateOptions& options) {
  models::SavedModel saved = models::load_model(options.saved);
  for (const std::string& reason : saved.damaged) warn(reason);
  manual_seed(static_cast<uint64_t>(options.model.seed));
  const std::string introduction =
      "This model was trained for " + count_text(saved.step) +
      " steps: " + printable(options.saved) +
      ".\nIts vocabulary: " + count_text(saved.tokenizer->vocab_size()) + ' ' +
      (saved.tokenizer->kind() == "word" ? "words" : "characters") + ".\n";
  return {std::move(saved.model), std::move(saved.tokenizer), saved.window, introduction};
}

Subject untrained(const GenerateOptions& options) {
  Source source = read_source(options.model.text);
  const std::string introduction = introduce(options.model, source);
  auto model = std::make_unique<models::MiniLM>(
      make_model(options.model, *source.tokenizer,
                 std::max(options.model.context, Explanation::kMostTokens), /*bytes=*/8));
  return {std::move(model), std::move(source.tokenizer), options.model.context, introduction};
}

}  // namespace

int generate(const GenerateOptions& options) {
  check<UsageError>(!options.explain || options.max_new_tokens > 0,
                    "--explain: --max-new-tokens of at least 1 expected: 0");
  const Subject subject = options.saved.empty() ? untrained(options) : trained(options);
  const text::Tokenizer& tokenizer = *subject.tokenizer;
  const std::vector<int64_t> prompt = encode_prompt(tokenizer, options.prompt);
  // The model looks `window` tokens back, so more would be computed in vain; an explanation shows
  // some of them.
  const int64_t window =
      options.explain ? std::max(subject.window, Explanation::kMostTokens) : subject.window;

  std::optional<Explanation> explanation;
  if (options.explain)
    explanation.emplace(dynamic_cast<models::MiniLM&>(*subject.model), tokenizer, options);
  nlohmann::ordered_json explained;
  std::vector<int64_t> ids = prompt;
  std::string text = tokenizer.decode(prompt);
  if (!options.json) write_out(subject.introduction + '\n');
  if (!options.json && !options.explain) write_out(text);
  models::generate_text(*subject.model, tokenizer, options.prompt, decoding(options, window),
                        [&](int64_t id, const std::string& added) {
                          if (explanation && options.json) explained = explanation->json();
                          if (explanation && !options.json)
                            write_out(explanation->text(prompt, id) + '\n' + text);
                          explanation.reset();  // the first token is explained, the rest is alike
                          if (!options.json) write_out(added);
                          ids.push_back(id);
                          text += added;
                          return true;
                        });
  if (!options.json) {
    write_out("\n");
    return 0;
  }
  std::vector<std::string> tokens;
  for (int64_t id : ids) tokens.push_back(tokenizer.token(id));
  nlohmann::ordered_json result = {{"prompt", options.prompt},
                                   {"prompt_tokens", prompt.size()},
                                   {"ids", ids},
                                   {"tokens", tokens},
                                   {"text", text},
                                   {"trained", !options.saved.empty()},
                                   {"seed", options.model.seed},
                                   {"options", to_json(options)}};
  if (options.explain) result["explain"] = explained;
  write_json(result);
  return 0;
}

}  // namespace vitro::cli
