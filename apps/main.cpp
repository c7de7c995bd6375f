// The `vitro` program: calls the subcommand that the command line names, and reports errors.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <new>
#include <span>

#include "apps/cli/arguments.h"
#include "apps/cli/internals.h"
#include "apps/cli/output.h"

namespace vitro::cli {

namespace {

// A subcommand of CLI11, and a function that runs it with the options that CLI11 filled in.
struct Subcommand {
  CLI::App* app;
  std::function<int()> run;
};
template <class Options, class Run>
Subcommand subcommand(CLI::App& app, CLI::App* (*add)(CLI::App&, Options&), Run run) {
  auto options = std::make_shared<Options>();
  return {add(app, *options), [options, run] { return run(*options); }};
}
std::vector<Subcommand> add_subcommands(CLI::App& app) {
  return {subcommand(app, add_train, train),
          subcommand(app, add_generate, generate),
          subcommand(app, add_eval, eval),
          subcommand(app, add_verify, verify),
          subcommand(app, add_activations, show_activations),
          subcommand(app, add_gradients, show_gradients),
          subcommand(app, add_step, step),
          subcommand(app, add_tokenize, tokenize),
          subcommand(app, add_tokenizer, train_tokenizer),
          subcommand(app, add_graph, graph),
          subcommand(app, add_summary, summary),
          subcommand(app, add_export, export_model),
          {app.add_subcommand("version", "Show versions, instruction set and threads"), version}};
}

void add_threads(CLI::App& app, int64_t& threads) {
  app.add_option("--threads", threads, "Number of threads that compute (default: one per core)")
      ->type_name("N")
      ->transform(whole(1, 256));
}

// The innermost subcommand that the command line named, and the words that call it.
CLI::App& chosen(CLI::App& app) {
  CLI::App* sub = &app;
  while (!sub->get_subcommands().empty()) sub = sub->get_subcommands()[0];
  return *sub;
}
std::string called(const CLI::App& app) {
  return app.get_parent() ? called(*app.get_parent()) + ' ' + app.get_name() : app.get_name();
}
std::vector<std::string> subcommands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

int print_help(const CLI::App& app) {
  write_out(app.help(app.get_parent() ? called(*app.get_parent()) : ""));
  return 0;
}
// `vitro help tokenizer train`
int help(CLI::App& app, const std::vector<std::string>& topic) {
  app.clear();  // CLI11 shows the help of the subcommand that was called
  const CLI::App* about = &app;
  for (const std::string& name : topic) {
    const std::vector<std::string> names = subcommands_of(*about);
    const std::string near = nearest(name, names);
    check<UsageError>(std::ranges::count(names, name) > 0, "help: expected a subcommand of ",
                      called(*about), ", got ", in_quotes(name),
                      near.empty() ? "" : "; did you mean " + near + "?");
    about = about->get_subcommand(name);
  }
  return print_help(*about);
}

// Suggests the nearest known word for each unknown one: "; did you mean --prompt?".  If there are
// several suggestions, each also names its unknown word.
std::string meant(const std::vector<std::string>& unknown, const CLI::App& sub) {
  std::vector<std::string> known = subcommands_of(sub);
  for (const CLI::Option* option : sub.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  std::vector<std::pair<std::string, std::string>> found;
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (i > 0 && !unknown[i].starts_with("--")) continue;  // a value of the unknown option before
    const std::string word = unknown[i].substr(0, unknown[i].find('='));
    if (const std::string near = nearest(word, known); !near.empty())
      found.emplace_back(word, near);
  }
  std::string text;
  for (const auto& [word, near] : found)
    text +=
        (text.empty() ? "; did you mean " : ", ") + near + (found.size() > 1 ? " for " + word : "");
  return text + (text.empty() ? "" : "?");
}

[[noreturn]] void refuse_unknown(const CLI::App& app, const CLI::App& sub) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  fail<UsageError>(unknown.size() > 1 ? "unknown arguments " : "unknown argument ",
                   CLI::detail::join(unknown, " "), meant(unknown, sub), "; see ", called(sub),
                   " --help");
}

// Replaces underscores by dashes in the names of known options, because nanoGPT writes --max_iters.
// CLI11's ignore_underscore would turn it into --maxiters.  Returns the arguments in reverse order.
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
  std::ranges::reverse(all);  // App::parse takes the last argument first
  return all;
}

// Refuses `--prompt=`: CLI11 would take the next argument as its value.
void check_values(std::span<char*> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--") return;
    check<UsageError>(!argument.starts_with("--") || argument.find('=') != argument.size() - 1,
                      argument, ": expected a value after the =, got none");
  }
}

// Adds the other names of an option to CLI11's message: "--learning-rate (--lr): ...".  CLI11 says
// only the first name, but the user may have written another one.
std::string with_all_names(const std::string& message, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->get_lnames().size() < 2 || !message.starts_with(name + ": ")) continue;
    std::string others;
    for (const std::string& other : std::span(option->get_lnames()).subspan(1))
      others += (others.empty() ? "--" : ", --") + other;
    return name + " (" + others + ")" + message.substr(name.size());
  }
  return message;
}

int run(int argc, char** argv) {
  CLI::App app("vitro: a small language model that hides nothing", "vitro");
  bool wants_version = false;
  app.add_flag("--version", wants_version, "Show versions, instruction sets and threads");
  app.require_subcommand(0, 1);
  app.footer(
      "Examples:\n"
      "  vitro train                                      # learn the bundled stories (a minute)\n"
      "  vitro generate --model out --prompt \"The little\" --temperature 0.8\n"
      "  vitro generate --prompt \"The little\" --explain   # show how the next token is computed\n"
      "  vitro verify                                     # compare each layer with its formula\n"
      "  vitro verify --perturb                           # change an output: verify finds it\n"
      "  vitro activations --prompt \"The little\"         # a table of what each module computes\n"
      "  vitro step                                       # one training step, digit by digit\n"
      "  vitro tokenize \"The red kite\"\n"
      "  vitro graph --prompt \"The\" --out graph.dot\n"
      "  vitro help generate                              # the help of a subcommand");
  int64_t threads = 0;  // 0: not given
  const std::vector<Subcommand> subcommands = add_subcommands(app);
  add_threads(app, threads);
  for (const Subcommand& sub : subcommands) add_threads(*sub.app, threads);
  std::vector<std::string> topic;
  CLI::App* const helps =
      app.add_subcommand("help", "Show the help of the program or of a subcommand");
  helps
      ->add_option("subcommand", topic,
                   "Name of the subcommand; without it, the help of the program")
      ->type_name("NAME");

  const auto words = std::span(argv, static_cast<size_t>(argc)).subspan(1);
  check_values(words);
  try {
    app.parse(with_dashes(app, words));
  } catch (const CLI::CallForHelp&) {
    return print_help(chosen(app));
  } catch (const CLI::ParseError& error) {
    const CLI::App& sub = chosen(app);
    if (app.remaining_size(/*recurse=*/true)) refuse_unknown(app, sub);
    fail<UsageError>(with_all_names(error.what(), sub), "; see ", called(sub), " --help");
  }
  if (threads) set_num_threads(static_cast<int>(threads));
  if (wants_version) return version();
  const CLI::App& sub = chosen(app);
  if (&sub == helps) return help(app, topic);
  for (const Subcommand& known : subcommands)
    if (known.app == &sub) return known.run();
  fail<UsageError>("expected a subcommand (", CLI::detail::join(subcommands_of(sub), ", "),
                   "), got none; see ", called(sub), " --help");
}

// Cuts the middle out of a long line.  The end stays, because it often contains the reason.
std::string shortened(const std::string& line) {
  constexpr size_t kStart = 3000, kEnd = 1000;
  if (line.size() <= kStart + kEnd) return line;
  const std::string_view start = text::without_cut_end(std::string_view(line).substr(0, kStart));
  const std::u32string end = text::decode_utf8(line.substr(start.size()));
  return std::string(start) + " ... " +
         text::encode_utf8(end.substr(end.size() - std::min(end.size(), kEnd)));
}

// Prints the error as one line on standard error and returns `code`.  A message may have more
// lines, which begin with two spaces.  Lines "in MODULE" go to the end.  The other lines are
// entries of a list: the first kMostEntries are joined by semicolons, the rest is counted.  The
// last entry may be a count itself: "and N more".
int report(const std::string& error, int code) {
  const std::string message = without_internals(error);
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
  std::fprintf(stderr, "vitro: %s\n", shortened(printable(line + passed)).c_str());
  return code;
}

}  // namespace

}  // namespace vitro::cli

int main(int argc, char** argv) {
  using namespace vitro;
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond `ulimit -f` is an error, as on a full disk
  try {
    return cli::run(argc, argv);
  } catch (const cli::ClosedPipe&) {
    return 128 + SIGPIPE;  // the exit code that a shell shows for a program that SIGPIPE ended
  } catch (const cli::UsageError& error) {
    return cli::report(error.what(), 2);
  } catch (const std::bad_alloc&) {
    return cli::report("out of memory", 1);
  } catch (const std::exception& error) { return cli::report(error.what(), 1); }
}
