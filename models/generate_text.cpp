// Generation from text to text.
#include "models/generate.h"
#include "models/text/stop_strings.h"
#include "models/text/stream_decoder.h"

namespace vitro::models {

std::string generate_text(nn::Module& model, const text::Tokenizer& tokenizer,
                          const std::string& prompt, const GenerateOptions& options,
                          const std::function<bool(int64_t, const std::string&)>& on_token) {
  check_options(options);
  std::vector<int64_t> ids = tokenizer.encode(prompt);
  check<ValueError>(!ids.empty(), "generate: the prompt must not be empty");
  text::StreamDecoder decoder(tokenizer, ids);
  text::StopStrings stops(options.stop_strings);
  std::string text;
  int64_t count = 0;
  GenerateOptions of_ids = options;
  of_ids.stop_strings.clear();
  if (of_ids.vocab_size == 0) of_ids.vocab_size = tokenizer.vocab_size();  // it decodes no others
  const auto last_words = [&] {
    const std::string decided = stops.pass(decoder.flush());
    return decided + stops.rest();
  };
  generate(model, std::move(ids), of_ids, [&](int64_t id) {
    const bool ends = id == options.eos_token_id;
    std::string piece = ends ? "" : stops.pass(decoder.next(id));
    if (ends || ++count == options.max_new_tokens) piece += last_words();
    text += piece;
    return (!on_token || on_token(id, piece)) && !stops.found();
  });
  return text + last_words();
}

}  // namespace vitro::models
