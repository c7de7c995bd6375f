// `vitro export`: a trained GPT in the layout of Hugging Face.
#include "apps/options.h"
#include "apps/output.h"
#include "models/gpt.h"
#include "models/saved_model.h"
#include "models/text/bpe_tokenizer.h"

namespace vitro::cli {

int export_model(const ExportOptions& options) {
  const models::SavedModel saved = models::load_model(options.saved);
  for (const std::string& reason : saved.damaged) warn(reason);
  auto* gpt = dynamic_cast<models::GPT*>(saved.model.get());
  check<ValueError>(gpt != nullptr, "export: a GPT expected: ", options.saved,
                    " holds another model");
  const auto* pairs = dynamic_cast<const text::BpeTokenizer*>(saved.tokenizer.get());
  gpt->save_pretrained(options.out, pairs);
  write_out("config.json and model.safetensors" +
            std::string(pairs ? ", and the tokenizer's files, are in " : " are in ") +
            printable(options.out) +
            (pairs ? "\n"
                   : "\nThe tokenizer is not: its tokens are " +
                         std::string(saved.tokenizer->kind()) +
                         "s, and that layout holds byte pairs only.\n"));
  return 0;
}

}  // namespace vitro::cli
