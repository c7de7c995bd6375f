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
  nlohmann::ordered_json json = to_json(options.model);
  json["temperature"] = nullptr;
  if (options.temperature) json["temperature"] = *options.temperature;
  json["top_k"] = nullptr;
  if (options.top_k) json["top_k"] = *options.top_k;
  json["max_new_tokens"] = options.max_new_tokens;
  return json;
}

}  // namespace

int generate(const GenerateOptions& options) {
  check<UsageError>(!options.explain || options.max_new_tokens > 0,
                    "--explain: --max-new-tokens of at least 1 expected: 0");
  const Source source = read_source(options.model.text);
  const text::Tokenizer& tokenizer = *source.tokenizer;
  const std::vector<int64_t> prompt = encode_prompt(tokenizer, options.prompt);
  // The model looks `context` tokens back, so more would be computed in vain; an explanation shows
  // some of them.
  const int64_t window = options.explain ? std::max(options.model.context, Explanation::kMostTokens)
                                         : options.model.context;
  models::MiniLM model = make_model(options.model, tokenizer, window, /*bytes=*/8);

  std::optional<Explanation> explanation;
  if (options.explain) explanation.emplace(model, tokenizer, options);
  nlohmann::ordered_json explained;
  std::vector<int64_t> ids = prompt;
  std::string text = tokenizer.decode(prompt);
  if (!options.json) write_out(introduce(options.model, source) + '\n');
  if (!options.json && !options.explain) write_out(text);
  models::generate_text(model, tokenizer, options.prompt, decoding(options, window),
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
                                   {"trained", false},
                                   {"seed", options.model.seed},
                                   {"options", to_json(options)}};
  if (options.explain) result["explain"] = explained;
  write_json(result);
  return 0;
}

}  // namespace vitro::cli
