// The options of `vitro generate`.
#include "apps/cli/arguments.h"

namespace vitro::cli {

namespace {

void add_prompt(CLI::App& app, GenerateArguments& to) {
  CLI::Option* const prompt = app.add_option("--prompt", to.prompt, "Text to continue")
                                  ->type_name("TEXT")
                                  ->check(some_bytes());
  CLI::Option* const file =
      app.add_option("--prompt-file", to.prompt_file,
                     "File whose text is continued, without its last line end; -: standard input")
          ->type_name("FILE")
          ->check(file_name())
          ->excludes(prompt);
  app.add_flag("--interactive", to.interactive,
               "Continue each line of standard input, after those before it")
      ->excludes(prompt)
      ->excludes(file);
}

void add_choice(CLI::App& app, GenerateArguments& to) {
  app.add_option("--temperature", to.temperature,
                 "Draw by chance, from softmax(logits / T); 0: the likeliest token")
      ->type_name("T")
      ->check(number_from_zero());
  app.add_option("--top-k", to.top_k, "Draw by chance, from the K likeliest tokens")
      ->type_name("K")
      ->transform(whole(1, 1'000'000'000));
  app.add_option("--top-p", to.top_p, "Draw by chance, from the likeliest that make up P together")
      ->type_name("P")
      ->check(number_up_to_one());
  app.add_option("--repetition-penalty", to.repetition_penalty,
                 "Divide logits of what was said by X (multiply where negative; default: 1)")
      ->type_name("X")
      ->check(positive_number());
}

void add_length(CLI::App& app, GenerateArguments& to) {
  app.add_option("--max-new-tokens", to.max_new_tokens, "Tokens to add (default: 100)")
      ->type_name("N")
      ->transform(whole(0, 1'000'000));
  app.add_option("--stop", to.stop, "End where this text comes up, without it; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check(some_text());
  app.add_flag("--allow-sliding", to.allow_sliding,
               "Of a prompt longer than the context, its end; otherwise that is an error");
  add_allow_special(app, to.allow_special);
  app.add_option("--num-samples", to.num_samples, "Continuations, each drawn anew (default: 1)")
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
  CLI::Option* const explains =
      sub->add_flag("--explain", to.explain, "Show every stage on the way to the first new token");
  CLI::Option* const json = sub->add_flag("--json", to.json, "Print one JSON object");
  sub->add_flag("--quiet", to.quiet, "Print the text alone");
  for (CLI::Option* option : {explains, json, sub->get_option("--num-samples")})
    option->excludes("--interactive");
  sub->footer(
      "Without --model the weights are random, and the text is noise.\n"
      "Each new token is the likeliest one (greedy), unless --temperature above 0, --top-k or\n"
      "--top-p is given. What is not given is as the model's generation_config.json says, where\n"
      "it has one: a GPT-2 of Hugging Face may ask for sampling, and name tokens that end a text.\n"
      "A GPT whose context is full drops the older half of it and goes on. Text comes as it is\n"
      "made; how fast, standard error says at the end, unless --quiet or --json is given.\n"
      "--interactive continues each line after all that was said before, until the input ends; an\n"
      "empty line forgets that. Ctrl-C ends a text first, and between texts the program.\n\n"
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
