// The options of `vitro tokenize` and `vitro tokenizer train`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_tokenize(CLI::App& app, TokenizeOptions& to) {
  CLI::App* sub = app.add_subcommand("tokenize", "Show a text as tokens and ids, and back");
  sub->add_option("text", to.text, "Text to split")->type_name("")->check(some_text());
  add_text(*sub, to.source);
  CLI::Option* const tokenizer = sub->get_option("--tokenizer");
  tokenizer->get_validator(0)->active(false);  // a saved one's path is as good as a name
  tokenizer->type_name("char|word|bpe|PATH")->check(file_name());
  add_with_default(*sub, "--vocab-size", to.source.vocab_size, wholes(257, 1'000'000),
                   "Tokens of bpe, at most");
  sub->add_option("--out", to.out,
                  "Write the whole --text as a token file, and its vocabulary "
                  "as FILE.json")
      ->type_name("FILE")
      ->check(file_name());
  add_allow_special(*sub, to.allow_special);
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "PATH is a tokenizer that was saved: a file, or a directory with tokenizer.json, with\n"
      "vocab.json and merges.txt, or with encoder.json and vocab.bpe.\n\n"
      "Examples:\n"
      "  vitro tokenize \"The red kite\"\n"
      "  vitro tokenize --tokenizer word \"The red kite, and Max's dog.\"\n"
      "  vitro tokenize --tokenizer pairs \"The red kite\"   # after vitro tokenizer train\n"
      "  vitro tokenize --unk -- \"- a text that begins with a dash\"\n"
      "  vitro tokenize --text README.md --out readme.tokens");
  return sub;
}

CLI::App* add_tokenizer(CLI::App& app, TrainTokenizerOptions& to) {
  CLI::App* group = app.add_subcommand("tokenizer", "Make a tokenizer: vitro tokenizer train");
  CLI::App* sub = group->add_subcommand("train", "Learn byte pairs from a text, as GPT-2's");
  sub->add_option("text", to.text,
                  "Text file to learn from, - for standard input (default: bundled stories)")
      ->type_name("FILE")
      ->check(file_name());
  add_with_default(*sub, "--vocab-size", to.vocab_size, wholes(257, 1'000'000),
                   "Tokens: 256 bytes, merges, and <|endoftext|>");
  add_with_default(*sub, "--min-count", to.min_count, wholes(1, INT64_MAX),
                   "How often a pair must occur");
  sub->add_option("--out", to.out, "Directory to write to")
      ->type_name("DIR")
      ->required()
      ->check(file_name());
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "Writes tokenizer.json, vocab.json, merges.txt and tokenizer_config.json, which Hugging "
      "Face's\n"
      "tools read too. The text is split into words, numbers, punctuation and white space; within\n"
      "these the most frequent pair of neighbours becomes a token, again and again.\n\n"
      "Examples:\n"
      "  vitro tokenizer train --out pairs\n"
      "  vitro tokenizer train book.txt --vocab-size 5000 --out book_pairs\n"
      "  vitro tokenize --tokenizer pairs \"The red kite\"");
  return sub;
}

}  // namespace vitro::cli
