// Bad input to the vitro program: one line on stderr, nothing on stdout, exit code 2 for what the
// arguments alone decide, else 1.
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
  const char* says;  // what the message must hold
};

Words generate_the(Words more) {
  more.insert(more.begin(), {"generate", "--prompt", "The"});
  return more;
}

}  // namespace

TEST_CASE("cli errors: what the arguments alone decide ends with 2") {
  const BadInput table[] = {
      {2,
       {},
       "a subcommand expected: train, generate, eval, verify, tokenize, tokenizer, graph, "
       "summary, export, version, help; see vitro --help"},
      {2, {"trian"}, "unknown argument trian; did you mean train?; see vitro --help"},
      {2,
       {"help", "tokenise"},
       "a subcommand of vitro expected: \"tokenise\"; did you mean tokenize?"},
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
      {2, {"generate"}, "one of --prompt, --prompt-file and --interactive expected"},
      {2, {"generate", "--prompt"}, "--prompt"},
      {2, {"generate", "--prompt", ""}, "--prompt: a text expected: it is empty"},
      {2, {"generate", "--prompt=", "--explain"}, "--prompt="},
      {2, {"generate", "--prompt", "a\xff"}, "byte 0xFF at offset 1"},
      {2, {"generate", "--prompt", "\xed\xa0\x80"}, "surrogate"},
      {2, {"generate", "--prompt", " ", "--tokenizer", "word"}, "has no word"},
      {2, generate_the({"extra"}), "extra"},
      {2, generate_the({"--polish"}), "--polish; see vitro generate --help"},
      {2, generate_the({"--poli\nsh\x1b"}), "--poli\\nsh\\x1B"},
      {2, generate_the({"--seed", "1", "--seed", "2"}), "--seed"},
      {2, generate_the({"--text", ""}), "--text: a file name expected"},
      {2, generate_the({"--tokenizer", "bpe"}), "--tokenizer: one of char|word expected: \"bpe\""},
      {2, generate_the({"--activation", "swish"}),
       "--activation: one of none|relu|tanh|sigmoid|gelu"},
      {2, generate_the({"--n-embd", "0"}),
       "--n-embd: a whole number from 1 to 65,536 expected: \"0\""},
      {2, generate_the({"--n-embd", "65537"}), "--n-embd"},
      {2, generate_the({"--n-embd", "-1"}), "--n-embd"},
      {2, generate_the({"--n-embd", "0x10"}), "--n-embd"},
      {2, generate_the({"--n-embd", "1.5"}), "--n-embd"},
      {2, generate_the({"--n-embd", ""}), "--n-embd"},
      {2, generate_the({"--n-hidden", "99999999999999999999"}), "--n-hidden"},
      {2, generate_the({"--context", "1025"}),
       "--context: a whole number from 1 to 1,024 expected"},
      {2, generate_the({"--seed", "-1"}), "--seed: a whole number from 0"},
      {2, generate_the({"--seed", "9223372036854775808"}), "--seed"},

      {2, generate_the({"--temperature", "-0.5"}),
       "--temperature: a number of at least 0 expected: \"-0.5\""},
      {2, generate_the({"--temperature", "nan"}), "--temperature"},
      {2, generate_the({"--temperature", "inf"}), "--temperature"},
      {2, generate_the({"--temperature", "1e999"}), "--temperature"},
      {2, generate_the({"--temperature", "1.0x"}), "--temperature"},
      {2, generate_the({"--top-k", "0"}), "--top-k: a whole number from 1"},
      {2, generate_the({"--max-new-tokens", "-1"}), "--max-new-tokens: a whole number from 0"},
      {2, generate_the({"--max-new-tokens", "1000001"}), "--max-new-tokens"},
      {2, generate_the({"--explain", "--max-new-tokens", "0"}), "--explain"},
      {2, generate_the({"--threads", "0"}),
       "--threads: a whole number from 1 to 256 expected: \"0\""},
      {2, {"verify", "--perturb", "embed"}, "(hidden, head): \"embed\""},
      {2, {"verify", "--prompt", ""}, "--prompt: a text expected: it is empty"},
      {2, {"verify", "--cell", "hidden"}, "--cell: PATH[i, j, k] expected"},
      {2, {"verify", "--cell", "hidden[0,x]"}, "--cell: PATH[i, j, k] expected"},
      {2, {"verify", "--cell", "hiden[0,0,0]"}, "\"hiden\"; did you mean hidden?"},
      {2, {"verify", "--cell", "hidden[0,3]"}, "within the output (6, 64, 256) of hidden"},
      {2, {"verify", "--cell", "hidden[0,3,256]"}, "within the output (6, 64, 256) of hidden"},
      {2, {"verify", "--n-hidden", "x"}, "--n-hidden"},
      {2, {"tokenize"}, "or --out FILE for the tokens of --text, got neither"},
      {2, {"tokenize", ""}, "a text expected: it is empty"},
      {2, {"tokenize", "\xc0\xaf"}, "byte 0xC0"},
      {2, {"graph"}, "--prompt is required"},
      {2, {"graph", "--prompt", "a", "--out", ""}, "--out"},
  };
  for (const auto& [code, arguments, says] : table) check_refused(arguments, code, says);
}

TEST_CASE("cli errors: what the world decides ends with 1") {
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
      {1, generate_the({"--text", "/dev/null"}),
       "/dev/null: expected a text, got none: it is empty"},
      {1, generate_the({"--text", empty}), "empty.txt: expected a text, got none"},
      {1, generate_the({"--text", bad}), "byte 0xFF at offset 2, which never occurs in UTF-8 in "},
      {1, generate_the({"--text", spaces, "--tokenizer", "word"}), "spaces.txt"},
      {1, {"verify", "--text", one}, "at least two tokens expected"},
      {1, {"verify", "--text", missing}, "missing"},
      {1, generate_the({"--n-embd", "65536", "--n-hidden", "65536", "--context", "1024"}), "GiB"},
      {1, {"verify", "--n-embd", "65536", "--n-hidden", "65536"}, "choose smaller --n-embd"},
      {1, {"graph", "--prompt", "a", "--out", directory / "no/graph.dot"}, "No such file"},
      {1, {"graph", "--prompt", "a", "--out", directory / ""}, "it is a directory"},
  };
  for (const auto& [code, arguments, says] : table) check_refused(arguments, code, says);
  CHECK(!std::filesystem::exists(directory / "no"));
  if (::geteuid() != 0) {  // whom nothing is unreadable
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    check_refused(generate_the({"--text", secret}), 1, "Permission denied");
  }
}

TEST_CASE("cli errors: an output that cannot be written ends with 1") {
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
