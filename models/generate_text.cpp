// Generation from text to text.
#include <utility>

#include "models/generate.h"
#include "models/text/stop_strings.h"

namespace vitro::models {

namespace {

// The text that each token adds.  It depends on the line so far: spaces between words, quotes in
// pairs.
class Line {
 public:
  Line(const text::Tokenizer& tokenizer, std::vector<int64_t> ids)
      : tokenizer_(tokenizer), ids_(std::move(ids)), text_(tokenizer.decode(ids_)) {}

  std::string append(int64_t id) {
    ids_.push_back(id);
    std::string whole = tokenizer_.decode(ids_);
    std::string added = whole.substr(std::min(text_.size(), whole.size()));
    if (added.ends_with('\n') || ids_.size() > kLongest) {
      ids_ = {id};
      whole = tokenizer_.decode(ids_);
    }
    text_ = std::move(whole);
    return added;
  }

 private:
  static constexpr size_t kLongest = 512;
  const text::Tokenizer& tokenizer_;
  std::vector<int64_t> ids_;
  std::string text_;
};

}  // namespace

std::string generate_text(nn::Module& model, const text::Tokenizer& tokenizer,
                          const std::string& prompt, const GenerateOptions& options,
                          const std::function<bool(int64_t, const std::string&)>& on_token) {
  check_options(options);
  std::vector<int64_t> ids = tokenizer.encode(prompt);
  check<ValueError>(!ids.empty(), "generate: the prompt must not be empty");
  Line line(tokenizer, ids);
  text::StopStrings stops(options.stop_strings);
  std::string text;
  int64_t count = 0;
  GenerateOptions of_ids = options;
  of_ids.stop_strings.clear();
  generate(model, std::move(ids), of_ids, [&](int64_t id) {
    const bool ends = id == options.eos_token_id;
    std::string piece = ends ? "" : stops.pass(line.append(id));
    if (ends || ++count == options.max_new_tokens) piece += stops.rest();
    text += piece;
    return (!on_token || on_token(id, piece)) && !stops.found();
  });
  return text + stops.rest();
}

}  // namespace vitro::models
