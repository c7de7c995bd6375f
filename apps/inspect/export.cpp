// `vitro export`: a trained GPT in the layout of Hugging Face.
#include <filesystem>

#include "apps/cli/model_options.h"
#include "apps/cli/output.h"
#include "models/language/gpt.h"
#include "models/saved/saved_model.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::cli {

int export_model(const ExportOptions& options) {
  std::error_code ignored;
  check<ValueError>(!std::filesystem::is_directory(options.out, ignored) ||
                        CheckpointDirectory(options.out).steps().empty(),
                    "export: --out without a run expected, which would be another model there: ",
                    options.out, " has step-*.safetensors");
  const models::SavedModel saved = load_saved(options.saved, models::TokenizerIs::kOptional);
  // That layout holds this kind of model only.
  auto* gpt = dynamic_cast<models::GPT*>(saved.model.get());
  check<ValueError>(gpt != nullptr, "export: a GPT expected: ", options.saved,
                    " holds another model");
  const auto* pairs = dynamic_cast<const text::BpeTokenizer*>(saved.tokenizer.get());
  gpt->save_pretrained(options.out, pairs);
  std::string said = "config.json and model.safetensors" +
                     std::string(pairs ? ", and the tokenizer's files, are in " : " are in ") +
                     printable(options.out) + '\n';
  if (!saved.tokenizer)
    said += "There is no tokenizer, as " + printable(options.saved) + " has none.\n";
  else if (!pairs)
    said += "The tokenizer is not: its tokens are " + std::string(saved.tokenizer->kind()) +
            "s, and that layout holds byte pairs only.\n";
  write_out(said);
  return 0;
}

}  // namespace vitro::cli
