// `vitro eval`: how well a trained model predicts a text.
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/output.h"
#include "apps/train_run.h"

namespace vitro::cli {

namespace {

// A directory under the system's temporary one, for as long as it lives.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_((std::filesystem::temp_directory_path() / "vitro-XXXXXX").string()) {
    check<IoError>(::mkdtemp(path_.data()) != nullptr, path_, ": ",
                   std::generic_category().message(errno));
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

int64_t count_characters(const text::Tokenizer& tokenizer, const text::TokenFile& tokens) {
  constexpr int64_t kPiece = 1 << 16;
  if (tokenizer.kind() == "char") return tokens.size() - 1;
  int64_t count = 0;
  for (int64_t begin = 1; begin < tokens.size(); begin += kPiece) {
    std::vector<int64_t> ids(static_cast<size_t>(std::min(kPiece, tokens.size() - begin)));
    tokens.copy(begin, ids);
    for (char c : tokenizer.decode(ids)) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  return count;
}

// The ids of a text, and what it is called.
struct Tokens {
  std::string name;
  text::TokenFile ids;
};

Tokens given_text(const EvalOptions& options, const text::Tokenizer& tokenizer) {
  const Text source = open_text(options.text);
  const ScratchDirectory scratch;
  const std::string file = scratch.file("tokens.bin");
  write_token_file(file, tokenizer, text::TextPieces(source.text));
  return {source.name, text::TokenFile(file)};  // mapped: it stays when the file goes
}

// The ids that the model was trained on, as its run has them.
Tokens trained_text(const EvalOptions& options, const models::SavedModel& saved) {
  const auto metadata = [&](const std::string& name) {
    const auto found = saved.metadata.find(name);
    check<UsageError>(found != saved.metadata.end(),
                      "eval: a TEXT expected: the model does not say what it was trained on");
    return nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  };
  const nlohmann::json run = metadata("options"), state = metadata("state");
  const std::filesystem::path path = options.saved;
  const std::string file = (is_directory(path) ? path : path.parent_path()) / "tokens.bin";
  try {
    Tokens tokens{run.at("text").get<std::string>(), text::TokenFile(file)};
    if (tokens.name.empty()) tokens.name = open_text("").name;
    tokens.ids.verify();
    check<IoError>(state.at("tokens_checksum").get<uint64_t>() == tokens.ids.checksum(), file,
                   ": the tokens that the model was trained on expected");
    return tokens;
  } catch (const nlohmann::json::exception&) {
    fail<IoError>("eval: the checkpoint of a run of vitro train expected: ", options.saved);
  }
}

}  // namespace

int eval(const EvalOptions& options) {
  const models::SavedModel saved = models::load_model(options.saved);
  for (const std::string& reason : saved.damaged) warn(reason);
  const auto [name, all] =
      options.text.empty() ? trained_text(options, saved) : given_text(options, *saved.tokenizer);
  const int64_t training = options.whole ? 0 : training_part(all.size());
  const text::TokenFile part = all.slice(training, all.size());
  check<ValueError>(part.size() >= 2, "eval: at least two tokens expected: ",
                    options.whole ? "" : "the last 10 % of ", name, " has ", part.size());
  // Long windows, so that few tokens are predicted from less than the model can look at.  A GPT
  // takes none that is longer.
  const bool is_gpt = dynamic_cast<const models::GPT*>(saved.model.get());
  const models::Evaluation result = models::evaluate(
      *saved.model, part, is_gpt ? saved.window : std::max<int64_t>(256, saved.window));
  const int64_t characters = count_characters(*saved.tokenizer, part);
  const double bits = result.bits_per_character(characters);

  if (options.json) {
    write_json({{"model", options.saved},
                {"step", saved.step},
                {"text", name},
                {"part", options.whole ? "whole" : "validation"},
                {"tokens", result.tokens},
                {"characters", characters},
                {"loss", result.loss()},
                {"perplexity", result.perplexity()},
                {"bits_per_character", bits}});
    return 0;
  }
  write_out(
      table({{"model", printable(options.saved) + ", step " + count_text(saved.step)},
             {"text", std::string(options.whole ? "all" : "the last 10 %") + " of " +
                          printable(name) + ": " + count_text(result.tokens) + " predictions"},
             {"loss", format("%.4f nats per token", result.loss())},
             {"perplexity", format("%.3f", result.perplexity())},
             {"bits per character", format("%.4f", bits)}},
            0));
  return 0;
}

}  // namespace vitro::cli
