// Loads a GPT-2 from a directory in Hugging Face's layout, and generates text with it.
//
//   sample_gpt2 DIR     with config.json, model.safetensors, vocab.json and merges.txt
//
// Without an argument, it first saves a tiny GPT-2 with random weights in the same layout.
#include <vitro/vitro.h>

#include <cstdio>
#include <filesystem>

#include "examples/tiny_gpt2.h"

using namespace vitro;

int main(int argc, char** argv) {
  const std::string folder =
      argc > 1 ? argv[1] : tiny_gpt2(std::filesystem::temp_directory_path() / "vitro_sample_gpt2");
  models::GPT model = models::GPT::from_pretrained(folder);
  const auto tokenizer = text::BpeTokenizer::load(folder);
  std::printf("%s\n%lld parameters\n\n", model.describe().c_str(),
              static_cast<long long>(model.parameter_count()));

  const std::string prompt = "The little cat";
  for (int64_t id : tokenizer.encode(prompt)) std::printf("[%s]", tokenizer.token(id).c_str());
  std::printf("\n\n");

  // Two texts at once cost little more than one.  The seed gives each text its own random numbers.
  const std::vector<std::vector<int64_t>> prompts(2, tokenizer.encode(prompt));
  const auto texts = generate_batch(model, prompts,
                                    {.max_new_tokens = 40,
                                     .temperature = 0.8,
                                     .top_p = 0.95,
                                     .do_sample = true,
                                     .eos_token_id = tokenizer.end_of_text(),
                                     .seed = 7});
  for (const auto& ids : texts) std::printf("%s\n---\n", tokenizer.decode(ids).c_str());
  return texts.size() == 2 && texts[0] != texts[1] ? 0 : 1;
}
