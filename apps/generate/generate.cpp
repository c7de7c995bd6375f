// `vitro generate`: text -> ids -> model -> next token -> text.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/cli/input.h"
#include "apps/cli/output.h"
#include "apps/cli/signals.h"
#include "apps/generate/explain.h"
#include "models/text/unicode/utf8.h"

namespace vitro::cli {

namespace {

using std::chrono::steady_clock;

// The model that --model names, or one with random weights.
struct Generating {
  std::unique_ptr<models::LanguageModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::string introduction;
};

std::string unit(const text::Tokenizer& tokenizer) {
  return tokenizer.kind() == "word"   ? "words"
         : tokenizer.kind() == "char" ? "characters"
                                      : "tokens";
}

Generating trained(const GenerateArguments& options) {
  models::SavedModel saved = load_saved(options.saved);
  manual_seed(static_cast<uint64_t>(options.model.seed));
  const std::string steps = saved.step ? "was trained for " + count_text(saved.step) + " steps"
                                       : "is " + saved.model->describe();
  const std::string introduction =
      "This model " + steps + ": " + printable(options.saved) +
      ".\nIts vocabulary: " + count_text(saved.tokenizer->vocab_size()) + ' ' +
      unit(*saved.tokenizer) + ".\n";
  return {std::move(saved.model), std::move(saved.tokenizer), introduction};
}

Generating untrained(const GenerateArguments& options) {
  Source source = read_source(options.model.text);
  const std::string introduction = introduce(options.model, source);
  auto model = std::make_unique<models::MiniLM>(make_model(
      options.model, *source.tokenizer, std::max(options.model.context, Explanation::kMostTokens)));
  return {std::move(model), std::move(source.tokenizer), introduction};
}

// The end tokens that the model's files name, if its vocabulary has them, else <|endoftext|>.
models::EndTokens ends_of_text(const Generating& subject, const models::EndTokens& named) {
  std::vector<int64_t> known;
  for (const int64_t id : named.ids())
    if (0 <= id && id < subject.tokenizer->vocab_size()) known.push_back(id);
  if (!known.empty()) return known;
  const auto* const bpe = dynamic_cast<const text::BpeTokenizer*>(subject.tokenizer.get());
  return bpe ? bpe->end_of_text() : std::nullopt;
}

std::vector<int64_t> checked_prompt(const Generating& subject, const GenerateArguments& options,
                                    const std::string& prompt) {
  std::vector<int64_t> ids = encode_prompt(*subject.tokenizer, prompt, options.allow_special);
  if (!options.allow_sliding)
    check_length(*subject.model, ids.size(), "; --allow-sliding uses only its end");
  return ids;
}

// The prompt as text.  If it ends in the middle of a character, that part is left out, because the
// continuation begins with the whole character.
std::string shown(const text::Tokenizer& tokenizer, const std::vector<int64_t>& prompt,
                  const GenerateArguments& options) {
  std::string text = tokenizer.decode(prompt);
  if (options.decided.max_new_tokens > 0) text.resize(text::without_cut_end(text).size());
  return text;
}

// The options of the command line; generation_config.json decides the others.
models::GenerateOptions decide(const GenerateArguments& options, const Generating& subject) {
  const models::LanguageModel& model = *subject.model;
  models::GenerateOptions all = model.generate_options();
  // `all` has no seed of its own: tokens are drawn from the default generator, after the weights.
  if (options.temperature || options.top_k || options.top_p) {
    all.do_sample = true;
    if (all.temperature == 0) all.temperature = 1;  // the option wins over a greedy configuration
  }
  all.temperature = options.temperature.value_or(all.temperature);
  if (options.top_k) all.top_k = options.top_k;
  if (options.top_p) all.top_p = options.top_p;
  if (all.temperature == 0) all.do_sample = false;
  if (!all.do_sample) all.temperature = 1, all.top_k = {}, all.top_p = {};
  all.repetition_penalty = options.repetition_penalty.value_or(all.repetition_penalty);
  all.max_new_tokens = options.max_new_tokens.value_or(all.max_new_tokens);
  all.eos_token_id = ends_of_text(subject, all.eos_token_id);
  if (!options.stop.empty()) all.stop_strings = options.stop;
  all.allowed_special = allowed_special(options.allow_special, *subject.tokenizer);
  all.allow_sliding = options.allow_sliding;
  // A MiniLM ignores tokens before its context, but an explanation shows some of them.
  all.block_size = options.explain && !model.max_length()
                       ? std::max(model.context(), Explanation::kMostTokens)
                       : model.context();
  return all;
}

nlohmann::ordered_json to_json(const GenerateArguments& options) {
  const models::GenerateOptions& decided = options.decided;
  nlohmann::ordered_json json;
  if (options.saved.empty()) json = to_json(options.model);
  else json["model"] = options.saved;
  const auto add = [&](const char* name, const auto& value) {
    json[name] = nullptr;
    if (value) json[name] = *value;
  };
  add("temperature", decided.do_sample ? std::optional(decided.temperature) : std::nullopt);
  add("top_k", decided.top_k);
  add("top_p", decided.top_p);
  json["repetition_penalty"] = decided.repetition_penalty;
  json["stop"] = decided.stop_strings;
  json["allow_special"] = options.allow_special;
  json["max_new_tokens"] = decided.max_new_tokens;
  return json;
}

// A prompt and its continuation.
struct Continuation {
  std::vector<int64_t> ids;
  std::string text;
  nlohmann::ordered_json explained = nullptr;
};

// Counts the tokens that were made, and the time.
struct Work {
  int64_t tokens = 0, first = 0;  // first: tokens that come directly after reading a prompt
  steady_clock::duration time = {}, until_first = {};

  void add_token(steady_clock::time_point start, bool is_first) {
    ++tokens;
    if (!is_first) return;
    until_first += steady_clock::now() - start;
    ++first;
  }

  void tell() const {
    const auto seconds = [](steady_clock::duration t) {
      return std::chrono::duration<double>(t).count();
    };
    const bool has_more = tokens > first;
    const double rate = static_cast<double>(has_more ? tokens - first : tokens) /
                        std::max(seconds(has_more ? time - until_first : time), 1e-9);
    std::fprintf(
        stderr, "%s tokens in %s, %s of it for the prompt: %s tokens/s\n",
        count_text(tokens).c_str(), duration(seconds(time)).c_str(),
        duration(seconds(until_first)).c_str(),
        (rate < 100 ? format("%.1f", rate) : count_text(static_cast<int64_t>(rate))).c_str());
  }
};

// Makes one continuation, and prints it while it is made unless --json is given.
Continuation run(const Generating& subject, const GenerateArguments& options,
                 const std::vector<int64_t>& prompt, bool explains, Work& work) {
  const text::Tokenizer& tokenizer = *subject.tokenizer;
  Continuation all{prompt, shown(tokenizer, prompt, options)};
  std::unique_ptr<Explanation> explanation =
      explains ? explain(*subject.model, tokenizer, options) : nullptr;
  const auto show = [&](const std::string& text) {
    if (!options.json && !text.empty()) write_out(text);
  };
  if (!explains) show(all.text);
  const auto start = steady_clock::now();
  models::generate_text(*subject.model, tokenizer, options.prompt, options.decided,
                        [&](int64_t id, const std::string& added) {
                          work.add_token(start, all.ids.size() == prompt.size());
                          if (explanation && options.json)
                            all.explained = explanation->json(prompt, id);
                          if (explanation) show(explanation->text(prompt, id) + '\n' + all.text);
                          explanation.reset();  // only the first token is explained
                          show(added);
                          all.ids.push_back(id);
                          all.text += added;
                          return true;
                        });
  work.time += steady_clock::now() - start;
  show("\n");
  return all;
}

// A line end if the vocabulary has one, else an empty text.
std::string line_end(const text::Tokenizer& tokenizer) {
  try {
    return tokenizer.decode(tokenizer.encode("\n")) == "\n" ? "\n" : "";
  } catch (const ValueError&) { return ""; }
}

// Continues the conversation after each line of standard input, until the input ends.
int converse(const Generating& subject, const GenerateArguments& options) {
  const text::Tokenizer& tokenizer = *subject.tokenizer;
  const models::GenerateOptions& decided = options.decided;
  models::Conversation conversation(*subject.model, tokenizer, decided);
  NotedSignals signals(NotedSignals::Waits::kEnd);
  LineReader lines(/*sign=*/"> ");
  Work work;
  const auto answer = [&](const std::string& line) {
    const std::vector<int64_t>& before = conversation.ids();
    const bool is_open = !before.empty() && !decided.eos_token_id.has(before.back()) &&
                         !tokenizer.decode(std::span(before).last(1)).ends_with('\n');
    const std::string turn = is_open ? line_end(tokenizer) + line : line;
    checked_prompt(subject, options, turn);
    write_out(shown(tokenizer, encode_prompt(tokenizer, line, options.allow_special), options));
    const auto start = steady_clock::now();
    bool is_first = true;
    conversation.say(turn, [&](int64_t, const std::string& added) {
      work.add_token(start, std::exchange(is_first, false));
      write_out(added);
      return signals.received() == 0;
    });
    work.time += steady_clock::now() - start;
    write_out("\n");
  };
  std::string line;
  for (;;) {
    const LineReader::Result result = lines.next(line);
    if (const int signal = signals.received()) return 128 + signal;
    if (result == LineReader::Result::kEnd) break;
    if (result == LineReader::Result::kInterrupted) continue;
    try {
      if (line.empty()) conversation.forget();
      else answer(line);
    } catch (const IoError&) {
      throw;
    } catch (const Error& error) {  // for example a character that the model does not know
      warn(error.what());
    }
    if (signals.received() == SIGTERM) return 128 + SIGTERM;
    if (signals.received()) write_out("\n");
    signals.forget();
  }
  if (!options.quiet) work.tell();
  return 0;
}

void check_together(const GenerateArguments& o) {
  check<UsageError>(!o.prompt.empty() || !o.prompt_file.empty() || o.interactive,
                    "expected one of --prompt, --prompt-file and --interactive, got none");
  // The tokenizer of a saved model may accept bytes that are not UTF-8.
  if (o.saved.empty() && !o.prompt.empty()) {
    try {
      text::check_utf8(o.prompt, "--prompt");
    } catch (const ValueError& error) { fail<UsageError>(error.what()); }
  }
}

std::string introduction(const Generating& subject, const GenerateArguments& options) {
  const bool is_asked = options.temperature || options.top_k || options.top_p;
  return subject.introduction + (options.decided.do_sample && !is_asked
                                     ? "Its generation_config.json says that tokens are drawn at "
                                       "random; --temperature 0 takes the likeliest.\n"
                                     : "");
}

void check_decided(const GenerateArguments& o) {
  check<UsageError>(!o.explain || o.decided.max_new_tokens > 0,
                    "--explain: expected --max-new-tokens of at least 1, got 0");
  check<UsageError>(o.num_samples == 1 || o.decided.do_sample,
                    "--num-samples: expected --temperature, --top-k or --top-p too, got none; "
                    "without them all continuations are the same");
}

}  // namespace

int generate(GenerateArguments options) {
  check_together(options);
  const Generating subject = options.saved.empty() ? untrained(options) : trained(options);
  options.decided = decide(options, subject);
  check_decided(options);
  if (!options.prompt_file.empty()) options.prompt = read_prompt(options.prompt_file);
  const std::vector<int64_t> prompt = options.interactive
                                          ? std::vector<int64_t>()
                                          : checked_prompt(subject, options, options.prompt);
  if (!options.json && !options.quiet) write_out(introduction(subject, options) + '\n');
  if (options.interactive) return converse(subject, options);

  nlohmann::ordered_json result = {{"prompt", options.prompt}, {"prompt_tokens", prompt.size()}},
                         samples = nlohmann::ordered_json::array();
  Work work;
  for (int64_t i = 0; i < options.num_samples; ++i) {
    if (i > 0 && !options.json) write_out("---\n");
    const Continuation made = run(subject, options, prompt, options.explain && i == 0, work);
    std::vector<std::string> tokens;
    for (int64_t id : made.ids) tokens.push_back(subject.tokenizer->token(id));
    samples.push_back({{"ids", made.ids}, {"tokens", tokens}, {"text", made.text}});
    if (!made.explained.is_null()) result["explain"] = made.explained;
  }
  if (!options.json) {
    if (!options.quiet) work.tell();
    return 0;
  }
  if (options.num_samples == 1) result.update(samples[0]);
  else result["samples"] = samples;
  result["trained"] = !options.saved.empty();
  result["seed"] = options.model.seed;
  result["options"] = to_json(options);
  write_json(result);
  return 0;
}

}  // namespace vitro::cli
