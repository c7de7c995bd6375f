// The `vitro` program: what its command line may say, and what becomes of an error.
#include <algorithm>
#include <cstdio>
#include <new>
#include <span>

#include "apps/cli/arguments.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

struct Arguments {
  TrainOptions train;
  EvalOptions eval;
  GenerateOptions generate;
  VerifyOptions verify;
  TokenizeOptions tokenize;
  TrainTokenizerOptions train_tokenizer;
  GraphOptions graph;
  SummaryOptions summary;
  ExportOptions exported;
  int64_t threads = 0;  // 0: not given
};

void add_threads(CLI::App& app, Arguments& to) {
  app.add_option("--threads", to.threads, "Threads to compute with (default: one per core)")
      ->type_name("N")
      ->transform(whole(1, 256));
}

CLI::App* add_verify(CLI::App& app, VerifyOptions& to) {
  CLI::App* sub =
      app.add_subcommand("verify", "Hold a running model against the calculation by hand");
  add_model(*sub, to.model);
  add_saved_instead(*sub, to.saved);
  sub->add_option("--perturb", to.perturb,
                  "Spoil the output of MODULE by a thousandth, to see it found")
      ->type_name("[MODULE]")
      ->expected(0, 1)
      ->default_str("head");
  sub->add_flag("--json", to.json, "Print one JSON object");
  sub->footer(
      "Forward: of every Linear, x W^T + b is computed in float64 by plain loops and compared "
      "with\n"
      "what the running model computed in float32. Gradients: backward against finite differences\n"
      "of a float64 copy. Ends with 0 if all agree, else with 1 and the names of what does not. Of "
      "a\n"
      "large model fewer tokens pass through, and gradients are compared at fewer places.\n\n"
      "Examples:\n"
      "  vitro verify\n"
      "  vitro verify --n-hidden 1024 --context 4 --activation silu\n"
      "  vitro verify --model out\n"
      "  vitro verify --perturb hidden       # must fail, and name hidden\n"
      "  vitro verify --json | python3 -c 'import json, sys; "
      "print(json.load(sys.stdin)[\"agrees\"])'");
  return sub;
}

CLI::App* add_graph(CLI::App& app, GraphOptions& to) {
  CLI::App* sub = app.add_subcommand("graph", "Draw the graph that a forward pass records");
  sub->add_option("--prompt", to.prompt, "Text that goes through the model")
      ->type_name("TEXT")
      ->required()
      ->check(some_text());
  add_model(*sub, to.model);
  sub->add_option("--out", to.out, "File to write (default: standard output)")
      ->type_name("FILE")
      ->check(file_name());
  sub->footer(
      "Writes the DOT language of Graphviz: ops with their shapes, parameters, module names.\n\n"
      "Examples:\n"
      "  vitro graph --prompt \"The\" | dot -Tsvg > graph.svg\n"
      "  vitro graph --prompt \"The\" --context 3 --out graph.dot");
  return sub;
}

// nanoGPT writes --max_iters: in what is an option of some subcommand but for its underscores, they
// become dashes.  CLI11's ignore_underscore leaves dashes out of the comparison.
std::vector<std::string> with_dashes(const CLI::App& app, std::span<char*> arguments) {
  std::vector<std::string> all(arguments.begin(), arguments.end());
  for (std::string& argument : all) {
    if (argument == "--") break;
    std::string name = argument.substr(0, argument.find('='));
    const std::string rest = argument.substr(name.size());
    std::ranges::replace(name, '_', '-');
    const bool is_option =
        name.starts_with("--") && std::ranges::any_of(app.get_subcommands({}), [&](auto* sub) {
          return sub->get_option_no_throw(name) != nullptr;
        });
    if (is_option) argument = name + rest;
  }
  std::ranges::reverse(all);  // as App::parse wants them
  return all;
}

// CLI11 would take the next argument for the value that `--prompt=` leaves out.
void check_values(std::span<char*> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--") return;
    check<UsageError>(!argument.starts_with("--") || argument.find('=') != argument.size() - 1,
                      argument, ": a value expected after the =: none");
  }
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("vitro: a small language model that hides nothing", "vitro");
  bool wants_version = false;
  app.add_flag("--version", wants_version, "Show versions, instruction sets and threads");
  app.require_subcommand(0, 1);
  app.footer(
      "Examples:\n"
      "  vitro train                                      # the bundled stories, a minute or so\n"
      "  vitro generate --model out --prompt \"The little\" --temperature 0.8\n"
      "  vitro generate --prompt \"The little\" --explain   # text, ids, layers, text: each stage\n"
      "  vitro verify                                     # is every layer what its formula says?\n"
      "  vitro verify --perturb                           # no longer: see it found\n"
      "  vitro tokenize \"The red kite\"\n"
      "  vitro graph --prompt \"The\" --out graph.dot\n"
      "  vitro generate --help                            # every subcommand explains itself");
  const CLI::App* const trains = add_train(app, arguments.train);
  const CLI::App* const generates = add_generate(app, arguments.generate);
  const CLI::App* const evaluates = add_eval(app, arguments.eval);
  const CLI::App* const verifies = add_verify(app, arguments.verify);
  const CLI::App* const tokenizes = add_tokenize(app, arguments.tokenize);
  CLI::App* const trains_tokenizer = add_tokenizer(app, arguments.train_tokenizer);
  const CLI::App* const draws = add_graph(app, arguments.graph);
  const CLI::App* const sums_up = add_summary(app, arguments.summary);
  const CLI::App* const exports = add_export(app, arguments.exported);
  add_threads(app, arguments);
  for (CLI::App* sub : app.get_subcommands({})) add_threads(*sub, arguments);
  add_threads(*trains_tokenizer, arguments);

  const auto words = std::span(argv, static_cast<size_t>(argc)).subspan(1);
  check_values(words);
  // The innermost that was named, and how it is called.
  auto chosen = [&] {
    CLI::App* sub = &app;
    while (!sub->get_subcommands().empty()) sub = sub->get_subcommands()[0];
    return sub;
  };
  auto called = [&](const CLI::App* sub) {
    std::string name = sub->get_name();
    while ((sub = sub->get_parent())) name = sub->get_name() + ' ' + name;
    return name;
  };
  try {
    app.parse(with_dashes(app, words));
  } catch (const CLI::CallForHelp&) {
    write_out(chosen()->help(chosen() == &app ? "" : called(chosen()->get_parent())));
    return 0;
  } catch (const CLI::ParseError& error) {
    fail<UsageError>(error.what(), "; see ", called(chosen()), " --help");
  }
  if (arguments.threads) set_num_threads(static_cast<int>(arguments.threads));
  if (wants_version) return version();
  if (chosen() == trains) return train(arguments.train);
  if (chosen() == evaluates) return eval(arguments.eval);
  if (chosen() == generates) return generate(std::move(arguments.generate));
  if (chosen() == verifies) return verify(arguments.verify);
  if (chosen() == tokenizes) return tokenize(arguments.tokenize);
  if (chosen() == trains_tokenizer) return train_tokenizer(arguments.train_tokenizer);
  if (chosen() == trains_tokenizer->get_parent())
    fail<UsageError>("a subcommand expected: train; see vitro tokenizer --help");
  if (chosen() == draws) return graph(arguments.graph);
  if (chosen() == sums_up) return summary(arguments.summary);
  if (chosen() == exports) return export_model(arguments.exported);
  fail<UsageError>(
      "a subcommand expected: train, generate, eval, verify, tokenize, tokenizer, graph, "
      "summary or export; "
      "see vitro "
      "--help");
}

// One line, whatever the message holds: a list's entries after semicolons, the first of them, of
// which the last may count others; the modules that an error passed follow with "in".
int report(const std::string& message, int code) {
  constexpr size_t kMostEntries = 8;
  const std::string indent = "\n  ";
  std::string line, passed;
  size_t entries = 0;
  for (size_t begin = 0, end; begin < message.size(); begin = end) {
    end = std::min(message.find(indent, begin + 1), message.size());
    const std::string part = message.substr(begin, end - begin);
    size_t others = 0;
    if (!part.starts_with(indent)) line += part;
    else if (part.starts_with(indent + "in ")) passed += part.substr(2);
    else if (std::sscanf(part.c_str(), "\n  and %zu more", &others) == 1) entries += others;
    else if (++entries <= kMostEntries) line += "; " + part.substr(indent.size());
  }
  if (entries > kMostEntries) line += "; and " + std::to_string(entries - kMostEntries) + " more";
  std::fprintf(stderr, "vitro: %s\n", printable(line + passed).c_str());
  return code;
}

}  // namespace

}  // namespace vitro::cli

int main(int argc, char** argv) {
  using namespace vitro;
  try {
    return cli::run(argc, argv);
  } catch (const cli::UsageError& error) {
    return cli::report(error.what(), 2);
  } catch (const std::bad_alloc&) {
    return cli::report("out of memory", 1);
  } catch (const std::exception& error) { return cli::report(error.what(), 1); }
}
