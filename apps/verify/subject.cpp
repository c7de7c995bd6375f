// Loads or makes the model, and chooses its tokens.
#include "apps/verify/subject.h"

#include <algorithm>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "apps/cli/saved_text.h"

namespace vitro::cli {

namespace {

constexpr int64_t kWindow = 64, kBatch = 6;  // large enough that vitro uses oneDNN
// The most products of one forward, for a text that the user did not choose.
constexpr double kMostProducts = 2.5e7;
constexpr int64_t kFewest = 16;  // tokens
constexpr size_t kMostIds = kWindow * kBatch + 1;

// The tokens that a model can read, before they are cut into windows.
struct TextIds {
  std::string name;  // of their text
  std::vector<int64_t> ids;
  bool is_prompt = false;
};

std::vector<int64_t> first_ids(const Text& source, const text::Tokenizer& tokenizer) {
  std::vector<int64_t> ids;
  text::TextPieces pieces(source.text, /*piece_bytes=*/4096);
  for (std::string_view piece; ids.size() < kMostIds && pieces.next(piece);)
    std::ranges::copy(ids.empty() ? tokenizer.encode(piece) : tokenizer.encode_piece(piece),
                      std::back_inserter(ids));
  ids.resize(std::min(ids.size(), kMostIds));
  return ids;
}

TextIds prompt_of(const VerifyOptions& options, const text::Tokenizer& tokenizer) {
  std::vector<int64_t> ids = encode_prompt(tokenizer, options.prompt);
  check<ValueError>(ids.size() > 1,
                    "--prompt: expected at least 2 tokens, got 1: ", in_quotes(options.prompt, 60));
  return {in_quotes(options.prompt, 60), std::move(ids), /*is_prompt=*/true};
}

// The text that is given, else the text that the run learnt, else the bundled stories.  A model
// without a tokenizer reads random ids.
TextIds tokens_for(const models::SavedModel& saved, const VerifyOptions& options) {
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
  if (!options.prompt.empty()) return prompt_of(options, *saved.tokenizer);
  if (!file.empty() || !saved.metadata.contains("options")) {
    const Text source = open_text(file);
    return {source.name, first_ids(source, *saved.tokenizer)};
  }
  const Tokens tokens = trained_text(options.saved, saved);
  std::vector<int64_t> ids(std::min(static_cast<size_t>(tokens.ids.size()), kMostIds));
  tokens.ids.copy(0, ids);
  return {tokens.name, std::move(ids)};
}

double products_per_token(nn::Module& model) {
  double products = 0;
  for (nn::Module* module : model.modules())
    if (const auto* layer = dynamic_cast<nn::Linear*>(module))
      products += static_cast<double>(layer->weight.numel());
  return products;
}

// Cuts the tokens into windows (B, T).  A prompt is one window.
void set_windows(Subject& subject, const TextIds& tokens) {
  const int64_t count = std::ssize(tokens.ids) - 1;
  check<ValueError>(count >= 1, "text: expected at least 2 tokens, got ", tokens.ids.size());
  int64_t length = count, batch = 1;
  if (tokens.is_prompt) {
    check_length(*subject.model, static_cast<size_t>(count), " before the last");
  } else {
    const auto most =
        std::max(kFewest, static_cast<int64_t>(kMostProducts / products_per_token(*subject.model)));
    length = std::min({kWindow, subject.model->max_length().value_or(kWindow), count, most});
    batch = std::max<int64_t>(1, std::min({kBatch, count / length, most / length}));
  }
  const auto part = [&](size_t from) {
    return from_span(std::span(tokens.ids).subspan(from, static_cast<size_t>(batch * length)))
        .reshape({batch, length});
  };
  subject.ids = part(0), subject.targets = part(1);
}

Subject untrained(const VerifyOptions& options) {
  const Source source = read_source(options.model.text);
  Subject subject;
  subject.model = std::make_unique<models::MiniLM>(
      make_model(options.model, *source.tokenizer, kWindow * kBatch, /*share=*/1.5));
  subject.introduction = introduce(options.model, source);
  set_windows(subject, options.prompt.empty()
                           ? TextIds{source.name, first_ids(source, *source.tokenizer)}
                           : prompt_of(options, *source.tokenizer));
  return subject;
}

Subject trained(const VerifyOptions& options) {
  models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
  // The gradients of the model, and float64 gradients of the whole model by hand.
  check_bytes(32 * static_cast<double>(saved.model->parameter_count()), "verify a smaller model");
  const TextIds tokens = tokens_for(saved, options);
  Subject subject;
  subject.introduction = "This is a trained model, " + saved.model->describe() + ": " +
                         printable(options.saved) + ".\nThe text: " + printable(tokens.name) +
                         ".\n";
  subject.model = std::move(saved.model);
  set_windows(subject, tokens);
  return subject;
}

}  // namespace

Subject subject_of(const VerifyOptions& options) {
  return options.saved.empty() ? untrained(options) : trained(options);
}

}  // namespace vitro::cli
