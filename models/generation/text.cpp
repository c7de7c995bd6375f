// Generates the text that follows a prompt, or the next turn of a conversation.
#include <algorithm>

#include "models/generation/generate.h"
#include "models/generation/rows.h"
#include "models/text/stop_strings.h"
#include "models/text/stream_decoder.h"

namespace vitro::models {

namespace {

using TextListener = std::function<bool(int64_t id, const std::string& text)>;

// Runs `add`, which generates ids after the ids `before`, and returns the new ids as text.  `add`
// calls its argument with each new id, and stops when this call returns false.
std::string as_text(const text::Tokenizer& tokenizer, std::span<const int64_t> before,
                    const GenerateOptions& options, const TextListener& on_token,
                    const std::function<void(const std::function<bool(int64_t)>&)>& add) {
  text::StreamDecoder decoder(tokenizer, before);
  text::StopStrings stops(options.stop_strings);
  std::string text;
  int64_t count = 0;
  const auto last_words = [&] {
    const std::string decided = stops.pass(decoder.flush());
    return decided + stops.rest();
  };
  add([&](int64_t id) {
    const bool ends = options.eos_token_id.has(id);
    std::string piece = ends ? "" : stops.pass(decoder.next(id));
    if (++count == options.max_new_tokens || ends) piece += last_words();
    text += piece;
    return (!on_token || on_token(id, piece)) && !stops.found();
  });
  return count ? text + last_words() : "";
}

}  // namespace

std::string generate_text(LanguageModel& model, const text::Tokenizer& tokenizer,
                          const std::string& prompt, const GenerateOptions& options,
                          const TextListener& on_token) {
  check_options(options);
  std::vector<int64_t> ids = text::encode(tokenizer, prompt, options.allowed_special);
  check<ValueError>(!ids.empty(), "generate: expected a prompt of at least one token, got none");
  GenerateOptions of_ids = options;
  of_ids.stop_strings.clear(), of_ids.allowed_special.clear();
  // The tokenizer cannot decode ids beyond its own vocabulary.
  if (of_ids.vocab_size == 0) of_ids.vocab_size = tokenizer.vocab_size();
  return as_text(tokenizer, ids, options, on_token,
                 [&](const auto& on_id) { generate(model, ids, of_ids, on_id); });
}

struct Conversation::State {
  LanguageModel& model;
  const text::Tokenizer& tokenizer;
  GenerateOptions options;
  Context context;
  Generator generator;
  std::unique_ptr<Reader> reader;
  Rows rows;  // exactly one
};

Conversation::Conversation(LanguageModel& model, const text::Tokenizer& tokenizer,
                           const GenerateOptions& options)
    : state_(new State{model, tokenizer, options, context_of(model, options),
                       Generator(options.seed.value_or(0)), nullptr, Rows(1)}) {
  check_options(options);
  state_->reader = make_reader(model, 1, state_->context.size, options);
  if (options.vocab_size == 0) state_->options.vocab_size = tokenizer.vocab_size();
}
Conversation::~Conversation() = default;

std::string Conversation::say(const std::string& text, const TextListener& on_token) {
  State& s = *state_;
  const std::vector<int64_t> said = text::encode(s.tokenizer, text, s.options.allowed_special,
                                                 /*begins=*/s.rows[0].ids.empty());
  check<ValueError>(!said.empty(), "generate: expected a text of at least one token, got none");
  check_prompt(s.model, said.size(), s.context.size, s.options);
  Row& row = s.rows[0];
  row.generator = s.options.seed ? &s.generator : &default_generator();
  Row row_before = row;
  const Generator generator_before = s.generator;
  try {
    row.ended = false;
    row.ids.insert(row.ids.end(), said.begin(), said.end());
    if (row.window_size() > s.context.size)  // keep the whole last turn, if it fits
      row.start = row.ids.size() - std::max(s.context.kept, std::min(said.size(), s.context.size));
    return as_text(s.tokenizer, row.ids, s.options, on_token, [&](const auto& on_id) {
      grow(s.rows, s.options, s.context, *s.reader, [&](size_t, int64_t id) { return on_id(id); });
    });
  } catch (...) {
    row = std::move(row_before);
    s.generator = generator_before;
    s.reader->forget();
    throw;
  }
}

void Conversation::forget() {
  state_->rows = Rows(1);
  state_->reader->forget();
}

const std::vector<int64_t>& Conversation::ids() const { return state_->rows[0].ids; }

}  // namespace vitro::models
