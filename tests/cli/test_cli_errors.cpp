// Tests that bad input to the vitro program gives one line on standard error and no other output.
// The exit code is 2 for a mistake in the arguments, else 1.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/refusal.h"

using namespace vitro::testing;
using Catch::Matchers::StartsWith;

namespace {

struct BadInput {
  int code;
  Words arguments;
  const char* says;  // a part of the message
};

Words generate_the(Words more) {
  more.insert(more.begin(), {"generate", "--prompt", "The"});
  return more;
}

}  // namespace

TEST_CASE("cli errors: a mistake in the arguments exits with 2") {
  const BadInput table[] = {
      {2,
       {},
       "expected a subcommand (train, generate, eval, verify, activations, gradients, step, "
       "tokenize, tokenizer, graph, summary, export, version, help), got none; see vitro --help"},
      {2, {"trian"}, "unknown argument trian; did you mean train?; see vitro --help"},
      {2,
       {"help", "tokenise"},
       "expected a subcommand of vitro, got \"tokenise\"; did you mean tokenize?"},
      {2,
       {"graph", "--promt", "a"},
       "unknown arguments --promt a; did you mean --prompt?; see vitro graph --help"},
      {2,
       {"train", "--max-iter", "5", "--lerning-rate", "3", "--polish"},
       "unknown arguments --max-iter --lerning-rate 3 --polish; did you mean --max-iters for "
       "--max-iter, --learning-rate for --lerning-rate?; see vitro train --help"},
      {2,
       {"train", "--polish", "1", "--lerning-rate=3"},
       "unknown arguments --polish --lerning-rate=3; did you mean --learning-rate?"},
      {2, {"generate", "--max-tokens=3", "--prompt", "a", "b", "c"}, "unknown arguments"},
      {2, {"polish"}, "polish; see vitro --help"},
      {2, {"generate"}, "expected one of --prompt, --prompt-file and --interactive, got none"},
      {2, {"generate", "--prompt"}, "--prompt"},
      {2, {"generate", "--prompt", ""}, "--prompt: expected a text, got an empty one"},
      {2, {"generate", "--prompt=", "--explain"}, "--prompt="},
      {2, {"generate", "--prompt", "a\xff"}, "byte 0xFF at offset 1"},
      {2, {"generate", "--prompt", "\xed\xa0\x80"}, "surrogate"},
      {2, {"generate", "--prompt", " ", "--tokenizer", "word"}, "has no word"},
      {2, generate_the({"extra"}), "extra"},
      {2, generate_the({"--polish"}), "--polish; see vitro generate --help"},
      {2, generate_the({"--poli\nsh\x1b"}), "--poli\\nsh\\x1B"},
      {2, generate_the({"--seed", "1", "--seed", "2"}), "--seed"},
      {2, generate_the({"--text", ""}), "--text: expected a file name, got an empty one"},
      {2, generate_the({"--tokenizer", "bpe"}),
       "--tokenizer: expected one of char|word, got \"bpe\""},
      {2, generate_the({"--activation", "swish"}),
       "--activation: expected one of none|relu|tanh|sigmoid|gelu"},
      {2, generate_the({"--n-embd", "0"}),
       "--n-embd: expected a whole number from 1 to 65,536, got \"0\""},
      {2, generate_the({"--n-embd", "65537"}), "--n-embd"},
      {2, generate_the({"--n-embd", "-1"}), "--n-embd"},
      {2, generate_the({"--n-embd", "0x10"}), "--n-embd"},
      {2, generate_the({"--n-embd", "1.5"}), "--n-embd"},
      {2, generate_the({"--n-embd", ""}), "--n-embd"},
      {2, generate_the({"--n-hidden", "99999999999999999999"}), "--n-hidden"},
      {2, generate_the({"--context", "1025"}),
       "--context: expected a whole number from 1 to 1,024, got"},
      {2, generate_the({"--seed", "-1"}), "--seed: expected a whole number from 0"},
      {2, generate_the({"--seed", "9223372036854775808"}), "--seed"},

      {2, generate_the({"--temperature", "-0.5"}),
       "--temperature: expected a number of at least 0, got \"-0.5\""},
      {2, generate_the({"--temperature", "nan"}), "--temperature"},
      {2, generate_the({"--temperature", "inf"}), "--temperature"},
      {2, generate_the({"--temperature", "1e999"}), "--temperature"},
      {2, generate_the({"--temperature", "1.0x"}), "--temperature"},
      {2, generate_the({"--top-k", "0"}), "--top-k: expected a whole number from 1"},
      {2, generate_the({"--max-new-tokens", "-1"}),
       "--max-new-tokens: expected a whole number from 0"},
      {2, generate_the({"--max-new-tokens", "1000001"}), "--max-new-tokens"},
      {2, generate_the({"--explain", "--max-new-tokens", "0"}), "--explain"},
      {2, generate_the({"--threads", "0"}),
       "--threads: expected a whole number from 1 to 256, got \"0\""},
      {2,
       {"verify", "--perturb", "embd"},
       "(embed, hidden, hook_post, drop, head), got \"embd\"; did you mean embed?"},
      {2, {"verify", "--prompt", ""}, "--prompt: expected a text, got an empty one"},
      {2, {"verify", "--cell", "hidden"}, "--cell: expected PATH[i, j, k], such as"},
      {2, {"verify", "--cell", "hidden[0,x]"}, "--cell: expected PATH[i, j, k], such as"},
      {2, {"verify", "--cell", "hiden[0,0,0]"}, "\"hiden\"; did you mean hidden?"},
      {2, {"verify", "--cell", "hidden[0,3]"}, "within the output (6, 64, 256) of hidden"},
      {2, {"verify", "--cell", "hidden[0,3,256]"}, "--cell: expected an index within the output"},
      {2, {"verify", "--cell", "loss[0]"}, "within the output (6, 64) of loss, got [0]"},
      {2, {"verify", "--n-hidden", "x"}, "--n-hidden"},
      {2, {"tokenize"}, "or --out FILE to write the tokens of --text, got neither"},
      {2, {"tokenize", ""}, "expected a text, got an empty one"},
      {2, {"tokenize", "\xc0\xaf"}, "byte 0xC0"},
      {2, {"graph"}, "--prompt is required"},
      {2, {"graph", "--prompt", "a", "--out", ""}, "--out"},
  };
  for (const auto& [code, arguments, says] : table) check_refused(arguments, code, says);
}

TEST_CASE("cli errors: other errors exit with 1") {
  TemporaryDirectory directory;
  const std::string bad = directory.write("bad.txt", "ab\xff"), one = directory.write("one", "a"),
                    empty = directory.write("empty.txt", ""),
                    spaces = directory.write("spaces.txt", " \t "),
                    secret = directory.write("secret.txt", "The"), missing = directory / "missing";
  const BadInput table[] = {
      {1, {"generate", "--prompt", "Z\u00fcrich"}, "'\u00fc' (U+00FC) at position 1"},
      {1, {"tokenize", "a\u65e5"}, "(U+65E5) at position 1"},
      {1, {"tokenize", "a\nb\x01"}, "U+0001 at position 3"},
      {1, {"tokenize", "the xyzzy", "--tokenizer", "word"}, "'xyzzy' at position 4"},
      {1, {"graph", "--prompt", "Z\u00fcrich"}, "--unk"},
      {1, generate_the({"--text", missing}), "missing: cannot be read: No such file"},
      {1, generate_the({"--text", missing + "\n\xff"}),
       "missing\\n\\xFF: cannot be read: No such file"},
      {1, generate_the({"--text", directory / ""}), "it is a directory"},
      {1, generate_the({"--text", "/dev/null"}), "/dev/null: expected a text, got an empty one"},
      {1, generate_the({"--text", empty}), "empty.txt: expected a text, got an empty one"},
      {1, generate_the({"--text", bad}), "byte 0xFF at offset 2, which never occurs in UTF-8 in "},
      {1, generate_the({"--text", spaces, "--tokenizer", "word"}), "spaces.txt"},
      {1, {"verify", "--text", one}, "expected at least 2 tokens, got 1"},
      {1, {"verify", "--text", missing}, "missing"},
      {1, generate_the({"--n-embd", "65536", "--n-hidden", "65536", "--context", "1024"}), "GiB"},
      {1, {"verify", "--n-embd", "65536", "--n-hidden", "65536"}, "choose smaller --n-embd"},
      {1, {"graph", "--prompt", "a", "--out", directory / "no/graph.dot"}, "No such file"},
      {1, {"graph", "--prompt", "a", "--out", directory / ""}, "it is a directory"},
  };
  for (const auto& [code, arguments, says] : table) check_refused(arguments, code, says);
  CHECK(!std::filesystem::exists(directory / "no"));
  if (::geteuid() != 0) {  // root may read every file
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    check_refused(generate_the({"--text", secret}), 1, "Permission denied");
  }
}

TEST_CASE("cli errors: an output that cannot be written exits with 1") {
  if (!std::filesystem::exists("/dev/full")) return;
  const Words table[] = {
      {"--version"},
      {"--help"},
      {"verify", "--help"},
      generate_the({}),
      generate_the({"--json"}),
      generate_the({"--explain"}),
      {"tokenize", "a"},
      {"tokenize", "a", "--json"},
      {"graph", "--prompt", "a"},
      {"verify", "--n-embd", "4", "--n-hidden", "4"},
      {"verify", "--n-embd", "4", "--n-hidden", "4", "--json"},
  };
  for (const Words& arguments : table) {
    INFO(arguments[0] << ' ' << arguments.back());
    const Finished run = run_vitro(arguments, "/dev/full");
    CHECK(run.code == 1);
    CHECK_THAT(run.err, StartsWith("vitro: standard output cannot be written: No space left"));
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  }
}
