// The options of `vitro tokenize` and `vitro tokenizer train`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

CLI::App* add_tokenize(CLI::App& app, TokenizeOptions& to) {
  CLI::App* sub = app.add_subcommand("tokenize", "Split a text into tokens, and show their ids");
  sub->add_option("text", to.text, "Text to split into tokens")->type_name("")->check(some_text());
  add_text(*sub, to.source);
  CLI::Option* const tokenizer = sub->get_option("--tokenizer");
  tokenizer->get_validator(0)->active(false);  // a path is accepted too
  tokenizer->type_name("char|word|bpe|PATH")->check(file_name());
  tokenizer->description(with_default(
      "Kind of tokens: char, word, bpe (byte pairs), or the path of a saved tokenizer", "char"));
  add_with_default(*sub, "--vocab-size", to.source.vocab_size, wholes(257, 1'000'000),
                   "Number of tokens that bpe learns, at most");
  sub->add_option("--out", to.out,
                  "Encode the whole --text: write its tokens to FILE and the "
                  "vocabulary to FILE.json")
      ->type_name("FILE")
      ->check(file_name());
  add_allow_special(*sub, to.allow_special);
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "PATH is a saved tokenizer: a file, or a directory with tokenizer.json, with vocab.json and\n"
      "merges.txt, or with encoder.json and vocab.bpe.\n\n"
      "Examples:\n"
      "  vitro tokenize \"The red kite\"\n"
      "  vitro tokenize --tokenizer word \"The red kite, and Max's dog.\"\n"
      "  vitro tokenize --tokenizer pairs \"The red kite\"   # after vitro tokenizer train\n"
      "  vitro tokenize --unk -- \"- a text that begins with a dash\"\n"
      "  vitro tokenize --text README.md --out readme.tokens");
  return sub;
}

CLI::App* add_tokenizer(CLI::App& app, TrainTokenizerOptions& to) {
  CLI::App* group = app.add_subcommand("tokenizer", "Learn a tokenizer (vitro tokenizer train)");
  CLI::App* sub =
      group->add_subcommand("train", "Learn a tokenizer of byte pairs, like the one of GPT-2");
  sub->add_option("text", to.text,
                  "Text file to learn from; - reads standard input (default: the bundled stories)")
      ->type_name("FILE")
      ->check(file_name());
  add_with_default(*sub, "--vocab-size", to.vocab_size, wholes(257, 1'000'000),
                   "Number of tokens, at most: 256 bytes, merges, and <|endoftext|>");
  add_with_default(*sub, "--min-count", to.min_count, wholes(1, INT64_MAX),
                   "Number of times that a pair must occur to become a token, at least");
  sub->add_option("--out", to.out, "Directory to write to")
      ->type_name("DIR")
      ->required()
      ->check(file_name());
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "Writes tokenizer.json, vocab.json, merges.txt and tokenizer_config.json, which Hugging "
      "Face's\n"
      "tools read too. The text is split into words, numbers, punctuation and white space. Inside\n"
      "these parts, the most frequent pair of neighbours becomes a new token; this is repeated\n"
      "until there are enough tokens.\n\n"
      "Examples:\n"
      "  vitro tokenizer train --out pairs\n"
      "  vitro tokenizer train book.txt --vocab-size 5000 --out book_pairs\n"
      "  vitro tokenize --tokenizer pairs \"The red kite\"");
  return sub;
}

}  // namespace vitro::cli
