// The options of `vitro generate`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

namespace {

void add_prompt(CLI::App& app, GenerateArguments& to) {
  CLI::Option* const prompt = app.add_option("--prompt", to.prompt, "Text that the model continues")
                                  ->type_name("TEXT")
                                  ->check(some_bytes());
  CLI::Option* const file =
      app.add_option("--prompt-file", to.prompt_file,
                     "File with the text to continue (its last line end is left out); - reads "
                     "standard input")
          ->type_name("FILE")
          ->check(file_name())
          ->excludes(prompt);
  app.add_flag("--interactive", to.interactive,
               "Read lines from standard input and continue the conversation after each")
      ->excludes(prompt)
      ->excludes(file);
}

void add_choice(CLI::App& app, GenerateArguments& to) {
  app.add_option("--temperature", to.temperature,
                 "Draw each token at random, with softmax(logits / T); 0 takes the likeliest "
                 "token")
      ->type_name("T")
      ->check(number_from_zero());
  app.add_option("--top-k", to.top_k, "Draw at random, from the K likeliest tokens only")
      ->type_name("K")
      ->transform(whole(1, 1'000'000'000));
  app.add_option(
         "--top-p", to.top_p,
         "Draw at random, from the smallest set of likeliest tokens with total probability P")
      ->type_name("P")
      ->check(number_up_to_one());
  app.add_option("--repetition-penalty", to.repetition_penalty,
                 "Make tokens that are already in the text less likely: divide their logit by X if "
                 "it is positive, else multiply it (default: 1)")
      ->type_name("X")
      ->check(positive_number());
}

void add_length(CLI::App& app, GenerateArguments& to) {
  app.add_option("--max-new-tokens", to.max_new_tokens,
                 "Number of tokens to add, at most (default: 100)")
      ->type_name("N")
      ->transform(whole(0, 1'000'000));
  app.add_option("--stop", to.stop,
                 "End the continuation before this text; may be given several times")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check(some_text());
  app.add_flag("--allow-sliding", to.allow_sliding,
               "Use only the end of a prompt that is longer than the context, instead of failing");
  add_allow_special(app, to.allow_special);
  app.add_option("--num-samples", to.num_samples,
                 "Number of continuations, which are drawn independently (default: 1)")
      ->type_name("N")
      ->transform(whole(1, 10'000));
}

}  // namespace

CLI::App* add_generate(CLI::App& app, GenerateArguments& to) {
  CLI::App* sub = app.add_subcommand("generate", "Continue a prompt, token by token");
  add_prompt(*sub, to);
  add_model(*sub, to.model);
  CLI::Option* const saved = add_saved_instead(*sub, to.saved);
  saved->excludes("--text");
  add_choice(*sub, to);
  add_length(*sub, to);
  CLI::Option* const explains = sub->add_flag(
      "--explain", to.explain, "Show every stage from the prompt to the first new token");
  CLI::Option* const json = sub->add_flag("--json", to.json, "Print one JSON object");
  sub->add_flag("--quiet", to.quiet, "Print only the text");
  for (CLI::Option* option : {explains, json, sub->get_option("--num-samples")})
    option->excludes("--interactive");
  sub->footer(
      fresh_model_note() +
      "A model with random weights writes noise.\n\n"
      "Each new token is the likeliest one (greedy), unless --temperature above 0, --top-k or\n"
      "--top-p is given. If the model has a generation_config.json, options that you do not give\n"
      "take their values from it: a GPT-2 from Hugging Face may draw tokens at random, and name\n"
      "tokens that end a text. When the context of a GPT is full, its older half is dropped.\n"
      "Text is printed while it is made. At the end, standard error gets the speed, unless "
      "--quiet\n"
      "or --json is given.\n\n"
      "With --interactive, the model remembers the conversation until the input ends; an empty\n"
      "line makes it forget. Ctrl-C stops a text; when no text is being made, it ends the "
      "program.\n\n"
      "Examples:\n"
      "  vitro generate --prompt \"The little\" --explain\n"
      "  vitro generate --model out --prompt \"The little\" --temperature 0.8\n"
      "  vitro generate --model out --interactive --top-p 0.9 --stop \".\"\n"
      "  vitro generate --model out --prompt-file letter.txt --num-samples 3 --top-k 20 --quiet\n"
      "  vitro generate --prompt \"The little\" --tokenizer word --temperature 0.8 --top-k 20\n"
      "  vitro generate --prompt \"The \" --text README.md --context 4 --activation relu\n"
      "  vitro generate --prompt \"The \" --json | python3 -m json.tool");
  return sub;
}

}  // namespace vitro::cli
