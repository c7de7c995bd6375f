// `vitro export`: saves a trained GPT in Hugging Face's format.
#include <filesystem>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "models/language/gpt.h"
#include "models/saved/saved_model.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::cli {

int export_model(const ExportOptions& options) {
  std::error_code ignored;
  check<ValueError>(!std::filesystem::is_directory(options.out, ignored) ||
                        CheckpointDirectory(options.out).steps().empty(),
                    "--out: expected a directory without a run, got ", options.out,
                    ", which has step-*.safetensors; choose another one");
  const models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
  // The format is for GPTs only.
  auto* gpt = dynamic_cast<models::GPT*>(saved.model.get());
  check<ValueError>(gpt != nullptr, "--model: expected a GPT, got ", saved.model->describe(),
                    " in ", options.saved);
  const auto* pairs = dynamic_cast<const text::BpeTokenizer*>(saved.tokenizer.get());
  check<ValueError>(pairs || !text::has_bpe(options.out),
                    "--out: expected a directory without a tokenizer, got ", options.out,
                    ", which has the files of another model's tokenizer; choose another one");
  gpt->save_pretrained(options.out, pairs);
  std::string said = "config.json and model.safetensors" +
                     std::string(pairs ? ", and the tokenizer's files, are in " : " are in ") +
                     printable(options.out) + '\n';
  if (!saved.tokenizer)
    said += "No tokenizer was saved, because " + printable(options.saved) + " has none.\n";
  else if (!pairs)
    said += "The tokenizer was not saved: its tokens are " + std::string(saved.tokenizer->kind()) +
            "s, and the format has only tokenizers of byte pairs.\n";
  write_out(said);
  return 0;
}

}  // namespace vitro::cli
