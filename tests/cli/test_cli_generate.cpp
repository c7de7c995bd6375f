// Tests vitro generate with trained models: prompts, the choice of tokens, interactive lines.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "models/text/unicode/utf8.h"
#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "vitro.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

// Runs of tiny models, which are trained once and only until some tokens are likelier than others.
struct Runs {
  TemporaryDirectory directory;
  const std::string text = directory.write(
                        "a.txt", std::string(40, ' ') +
                                     [] {
                                       std::string lines;
                                       for (int i = 0; i < 60; ++i)
                                         lines += "the cat n\u00ba " + std::to_string(i * 7 % 60) +
                                                  " sat on the mat; \u65e5\u672c.\n";
                                       return lines;
                                     }()),
                    chars = directory / "chars", pairs = directory / "pairs";
  Runs() {
    const Words tiny = {"--n-layer",    "1",   "--n-head",    "2",  "--n-embd",        "16",
                        "--block-size", "16",  "--max-iters", "60", "--sample-tokens", "0",
                        "--lr",         "0.01"};
    output_of(with({"train", text, "--out-dir", chars}, tiny));
    output_of(with({"train", text, "--out-dir", pairs, "--tokenizer", "bpe", "--vocab-size", "300"},
                   tiny));
  }
};
const Runs& runs() {
  static const Runs all;
  return all;
}

Words generate(const std::string& model, const Words& more) {
  Words all = with({"generate", "--model", model}, more);
  if (!std::ranges::count(all, "--max-new-tokens")) all = with(all, {"--max-new-tokens", "12"});
  return all;
}
json result_of(const Words& arguments) { return json_of(with(arguments, {"--json"})); }
std::string text_of(const Words& arguments) { return result_of(arguments)["text"]; }

}  // namespace

TEST_CASE("generate: a GPT's greedy text is the text of the library, streamed or not") {
  models::SavedModel saved = models::load_model(runs().chars);
  const std::string text = "the cat" + models::generate_text(*saved.model, *saved.tokenizer,
                                                             "the cat", {.max_new_tokens = 40});
  const Words arguments = {"generate", "--model",          runs().chars, "--prompt",
                           "the cat",  "--max-new-tokens", "40"};
  CHECK(text_of(arguments) == text);
  CHECK(output_of(with(arguments, {"--quiet"})) == text + '\n');
  const Finished loud = run_vitro(arguments);
  CHECK_THAT(loud.out,
             StartsWith("This model was trained for 60 steps: ") && Contains("\n" + text + "\n"));
  CHECK_THAT(loud.err, StartsWith("40 tokens in ") && Contains("s of it for the prompt: ") &&
                           Contains(" tokens/s\n"));
  CHECK(text_of(generate(runs().chars, {"--prompt", "the cat", "--max-new-tokens", "0"})) ==
        "the cat");
}

TEST_CASE("generate: every way to choose the next token") {
  const Words base = generate(runs().chars, {"--prompt", "the "});
  const std::string greedy = text_of(base);
  CHECK(text_of(with(base, {"--top-k", "1"})) == greedy);
  CHECK(text_of(with(base, {"--top-p", "1e-9"})) == greedy);
  CHECK(text_of(with(base, {"--temperature", "1e-6"})) == greedy);
  CHECK(text_of(with(base, {"--repetition-penalty", "50"})) != greedy);
  const std::string drawn = text_of(with(base, {"--temperature", "3"}));
  CHECK(drawn != greedy);
  CHECK(text_of(with(base, {"--temperature", "3"})) == drawn);
  for (const Words& fewer : {Words{"--top-p", "0.3"}, Words{"--top-k", "2"}})
    CHECK(text_of(with(base, with({"--temperature", "3"}, fewer))) != drawn);
  // Each of these options alone turns on random choice.
  for (const Words& wide : {Words{"--top-p", "1"}, Words{"--top-k", "100"}})
    CHECK(text_of(with(base, wide)) == text_of(with(base, {"--temperature", "1"})));
  CHECK(text_of(with(base, {"--temperature", "1"})) != greedy);
  CHECK(text_of(with(base, {"--temperature", "3", "--seed", "9"})) != drawn);
}

TEST_CASE("generate: a text ends where a stop string begins") {
  const Words base = generate(runs().chars, {"--prompt", "the "});
  const std::string added = text_of(base).substr(4),
                    stop = text::encode_utf8(text::decode_utf8(added).substr(5, 2));
  CHECK(text_of(with(base, {"--stop", "\u65e5\u672c\u65e5", "--stop", stop})) ==
        "the " + added.substr(0, added.find(stop)));
}

TEST_CASE("generate: several samples differ, and a second run gives the same ones") {
  const Words base = generate(runs().chars, {"--prompt", "the ", "--temperature", "2"});
  const json three = result_of(with(base, {"--num-samples", "3"}));
  CHECK(!three.contains("text"));
  REQUIRE(three["samples"].size() == 3);
  CHECK(three["samples"][0]["text"] == text_of(base));
  CHECK(three["samples"][1]["text"] != three["samples"][0]["text"]);
  CHECK(three["samples"][2]["ids"].size() == 16);
  CHECK(result_of(with(base, {"--num-samples", "3"})) == three);
  CHECK_THAT(output_of(with(base, {"--num-samples", "2", "--quiet"})), Contains("\n---\nthe "));
}

TEST_CASE("generate: byte pairs continue any bytes, and print whole characters") {
  const std::string bytes = "the \u65e5\xe6\x9c cat";
  const json made = result_of(generate(runs().pairs, {"--prompt", bytes, "--allow-sliding"}));
  CHECK(made["ids"].size() == made["prompt_tokens"].get<size_t>() + 12);
  const std::string quiet =
      output_of(generate(runs().pairs, {"--prompt", "the", "--temperature", "3", "--max-new-tokens",
                                        "200", "--quiet"}));
  CHECK_NOTHROW(text::check_utf8(quiet, "the output"));
  CHECK_THAT(quiet, Contains("\uFFFD"));  // random bytes are not UTF-8
}

TEST_CASE("generate: a prompt in a file or on standard input gives the same text") {
  const TemporaryDirectory& directory = runs().directory;
  const Words base = generate(runs().chars, {"--quiet"});
  const std::string text = output_of(with(base, {"--prompt", "cat\nsat"}));
  for (const char* bytes : {"cat\nsat", "cat\nsat\n"}) {
    CHECK(output_of(with(base, {"--prompt-file", directory.write("prompt", bytes)})) == text);
    CHECK(run_vitro(with(base, {"--prompt-file", "-"}), "", bytes).out == text);
  }
  CHECK(output_of(with(base, {"--prompt", "cat\n"})) ==
        output_of(with(base, {"--prompt-file", directory.write("two", "cat\n\n")})));
  const std::string nul("a\0b", 3);
  CHECK(run_vitro(generate(runs().pairs, {"--prompt-file", "-", "--quiet"}), "", nul).code == 0);
}

TEST_CASE("generate: --interactive continues the conversation and ends with the input") {
  const Words base = generate(runs().chars, {"--quiet"});
  const models::SavedModel saved = models::load_model(runs().chars);
  models::Conversation conversation(*saved.model, *saved.tokenizer, {.max_new_tokens = 12});
  const auto answer = [&](const std::string& line, const std::string& before = "\n") {
    return line + conversation.say(before + line) + '\n';
  };
  const std::string first = answer("the cat", ""), second = answer("on the"), third = answer("mat");
  const Finished run = run_vitro(with(base, {"--interactive"}), "",
                                 "the cat\n\u03b1\r\nthe cat sat on the mat\non the\nmat\n\n"
                                 "the cat\nmat");
  CHECK(run.code == 0);
  conversation.forget();
  CHECK(run.out == first + second + third + first + [&] {
    answer("the cat", "");
    return answer("mat");
  }());
  CHECK(first == output_of(with(base, {"--prompt", "the cat"})));
  CHECK_THAT(run.err, StartsWith("vitro: warning: ") && Contains("(U+03B1)") &&
                          Contains("expected at most 16 tokens"));
  CHECK(std::ranges::count(run.err, '\n') == 2);
  CHECK(run_vitro(with(base, {"--interactive"})).code == 0);
}

namespace {

// A GPT whose next token depends on everything that it reads.
models::GPT restless(int64_t vocab_size) {
  manual_seed(71);
  models::GPT model(
      {.block_size = 64, .vocab_size = vocab_size, .n_layer = 1, .n_head = 2, .n_embd = 16});
  for (const Tensor& p : model.parameters()) p.detach().add_(randn(p.shape()) * 0.5);
  model.eval();
  return model;
}

}  // namespace

TEST_CASE("generate: --interactive remembers the conversation until an empty line") {
  TemporaryDirectory directory;
  const auto tokenizer = text::CharTokenizer::fit("abcdefgh \n");
  models::GPT model = restless(tokenizer.vocab_size());
  const std::string file = directory / "model.safetensors";
  save_checkpoint(file, models::to_checkpoint(model, tokenizer));
  const Words base = {"generate", "--model", file, "--quiet", "--max-new-tokens", "8"};
  const auto alone = [&](const std::string& prompt, const Words& more = {}) {
    return output_of(with(with(base, {"--prompt", prompt}), more));
  };
  // `said` ends with a line end, which the program adds.
  const auto after = [&](const std::string& said, const std::string& line) {
    return alone(said + line).substr(said.size());
  };
  const std::string first = alone("abc"), second = after(first, "de"), fresh = alone("de");
  CHECK(second != fresh);
  const Finished run = run_vitro(with(base, {"--interactive"}), "", "abc\nde\n\nde\nabc\n");
  CHECK(run.out == first + second + fresh + after(fresh, "abc"));

  // A line end that stopped an answer is not repeated before the next line.
  const Words stop = {"--stop", "\n"};
  const std::string stopped = alone("abc", stop);
  REQUIRE(stopped.size() < std::string("abc12345678\n").size());
  CHECK(run_vitro(with(with(base, {"--interactive"}), stop), "", "abc\nde\n").out ==
        stopped + alone(stopped + "de", stop).substr(stopped.size()));
}

TEST_CASE("generate: the model reads special tokens if they are allowed") {
  TemporaryDirectory directory;
  const auto tokenizer = text::BpeTokenizer::train("the cat sat on the mat", 262);
  models::GPT model = restless(tokenizer.vocab_size());
  model.save_pretrained(directory / "hf", &tokenizer);
  const std::string prompt = text::BpeTokenizer::kEndOfText + std::string("the");
  for (const bool is_allowed : {false, true}) {
    Words ask = {"--prompt", prompt};
    models::GenerateOptions options{.max_new_tokens = 12, .eos_token_id = tokenizer.end_of_text()};
    text::BpeEncodeOptions allowed;
    if (is_allowed) {
      ask.push_back("--allow-special");
      allowed.allowed_special = {text::BpeTokenizer::kEndOfText};
    }
    CHECK(result_of(generate(directory / "hf", ask))["ids"] ==
          models::generate(model, tokenizer.encode(prompt, allowed), options));
  }
}

TEST_CASE("generate: special tokens can be allowed, and config.json names the end token") {
  const std::string end = text::BpeTokenizer::kEndOfText;
  const Words base = generate(runs().pairs, {"--prompt", end + "the"});
  const json plain = result_of(base), special = result_of(with(base, {"--allow-special"}));
  CHECK(plain["prompt_tokens"].get<int64_t>() > special["prompt_tokens"].get<int64_t>());
  CHECK(special["tokens"][0] == end);
  CHECK_THAT(
      run_vitro(generate(runs().chars, {"--prompt", "the", "--allow-special"})).err,
      Contains(
          "--allow-special: expected a tokenizer with special tokens, got char, which has none"));

  models::SavedModel saved = models::load_model(runs().pairs);
  const auto& tokenizer = dynamic_cast<const text::BpeTokenizer&>(*saved.tokenizer);
  const std::string folder = runs().directory / "ends";
  dynamic_cast<models::GPT&>(*saved.model).save_pretrained(folder, &tokenizer);
  const Words hers = generate(folder, {"--prompt", "the"});
  const json whole = result_of(hers);
  json config = json::parse(read_file(folder + "/config.json"));
  CHECK(config["eos_token_id"] == *tokenizer.end_of_text());
  const auto first = whole["prompt_tokens"].get<size_t>();
  config["eos_token_id"] = whole["ids"][first];
  write_file(folder + "/config.json", config.dump());
  CHECK(result_of(hers)["ids"].size() == first + 1);
  CHECK(text_of(hers) == "the");
}

TEST_CASE("generate: a character that the prompt cuts is shown whole") {
  const std::string quiet = output_of(
      generate(runs().pairs, {"--prompt", "the\xe6\x97", "--quiet", "--max-new-tokens", "3"}));
  CHECK_NOTHROW(text::check_utf8(quiet, "the output"));
  CHECK_THAT(quiet, StartsWith("the"));
  const Words base = generate(runs().pairs, {"--prompt", "the\xe6\x97", "--max-new-tokens", "0"});
  CHECK(output_of(with(base, {"--quiet"})) == "the\xe6\x97\n");
  CHECK(text_of(base) == "the\uFFFD");
}

TEST_CASE("generate: Ctrl-C stops a text, and ends the program between texts") {
  const std::string out = runs().directory / "heard";
  const auto wait_until = [&](auto is_reached) {
    for (int i = 0; i < 6000 && !is_reached(read_file(out)); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(is_reached(read_file(out)));
  };
  Running run({"generate", "--model", runs().chars, "--interactive", "--quiet", "--max-new-tokens",
               "1000000"},
              out);
  for (const std::string line : {"the cat", "on"}) {
    const size_t before = read_file(out).size();
    run.say(line + '\n');
    wait_until([&](const std::string& text) { return text.size() > before + 20; });
    CHECK(read_file(out).substr(before, line.size()) == line);
    run.send(SIGINT);
    wait_until([](const std::string& text) { return text.ends_with("\n\n"); });
  }
  run.send(SIGINT);
  CHECK(run.wait() == 128 + SIGINT);
}

TEST_CASE("generate: --explain shows what a GPT's blocks add") {
  const json made = result_of(generate(runs().chars, {"--prompt", "the cat", "--explain"}));
  const json stages = made["explain"]["stages"], likeliest = made["explain"]["likeliest"];
  std::vector<std::string> names;
  for (const json& stage : stages) names.push_back(stage["stage"]);
  CHECK(names == Words{"wte", "wpe", "h.0", "ln_f", "lm_head", "softmax"});
  CHECK(stages[2]["shape"] == json({7, 16}));
  CHECK(likeliest[0]["id"] == made["ids"][7]);

  models::SavedModel saved = models::load_model(runs().chars);
  const Tensor logits = (*saved.model)(from_span(saved.tokenizer->encode("the cat"))).select(0, -1);
  for (size_t i = 0; i < 6; ++i)
    CHECK(stages[4]["last_row"][i].get<double>() ==
          Approx(logits[static_cast<int64_t>(i)].item()).epsilon(1e-4).margin(1e-5));
  const std::string shown =
      output_of(generate(runs().chars, {"--prompt", "the cat", "--explain", "--quiet"}));
  CHECK_THAT(shown, Contains(" 4. wte ") && Contains("is added: the position") &&
                        Contains(", attention, mlp"));
}

TEST_CASE("generate: bad input is refused in one line") {
  const TemporaryDirectory& directory = runs().directory;
  const std::string& model = runs().chars;
  const std::string empty = directory.write("empty", "\n"), no_end((16 << 20) + 1, 'a');
  directory.write("long", no_end);
  for (const char* option : {"--prompt-file=-", "--interactive"}) {
    const Finished run = run_vitro(generate(model, {option, "--quiet"}), "", no_end);
    CHECK(run.code == 1);
    CHECK_THAT(run.err,
               Contains("expected a line or a prompt of at most 16777216 bytes, got more"));
  }
  const auto of = [&](const Words& more) { return generate(model, more); };
  const auto the = [&](const Words& more) {
    return generate(model, with({"--prompt", "the"}, more));
  };
  const struct {
    Words arguments;
    int code;
    const char* says;
  } table[] = {
      {of({}), 2, "expected one of --prompt, --prompt-file and --interactive, got none"},
      {the({"--prompt-file", "x"}), 2, "excludes"},
      {the({"--interactive"}), 2, "excludes"},
      {of({"--interactive", "--json"}), 2, "excludes"},
      {of({"--interactive", "--explain"}), 2, "excludes"},
      {the({"--top-p", "0"}), 2, "--top-p: expected a number from above 0 to 1, got \"0\""},
      {the({"--top-p", "1.5"}), 2, "--top-p"},
      {the({"--top-p", "nan"}), 2, "--top-p"},
      {the({"--repetition-penalty", "0"}), 2, "--repetition-penalty: expected a positive number"},
      {the({"--stop", ""}), 2, "--stop: expected a text, got an empty one"},
      {the({"--stop", "\xff"}), 2, "--stop: "},
      {of({"--interactive", "--num-samples", "2", "--top-k", "2"}), 2, "excludes"},
      {the({"--num-samples", "0"}), 2, "--num-samples: expected a whole number from 1"},
      {the({"--num-samples", "2"}), 2, "--num-samples: expected --temperature, --top-k or --top-p"},
      {of({"--prompt-file", empty}), 1, "--prompt-file: expected a text, got an empty one: "},
      {of({"--prompt-file", "-"}), 1, "got an empty one: standard input"},
      {of({"--prompt-file", directory / "none"}), 1, "none: cannot be read: No such file"},
      {of({"--prompt-file", directory / "long"}), 1,
       "long: cannot be read: it has more than 16777216 bytes"},
      {of({"--prompt", "a\xff"}), 1, "byte 0xFF at offset 1"},
      {of({"--prompt-file", directory.write("nul", std::string("a\0", 2))}), 1,
       "U+0000 at position 1"},
      {of({"--prompt", std::string(17, 't')}), 1,
       "--prompt: expected at most 16 tokens, the model's context, got 17; --allow-sliding"},
  };
  for (const auto& [arguments, code, says] : table)
    check_refused(with(arguments, {"--quiet"}), code, says);
  CHECK(run_vitro(of({"--prompt", std::string(17, 't'), "--allow-sliding"})).code == 0);
}

TEST_CASE("verify: a trained GPT's layers and gradients agree, and a changed layer is named") {
  const json said = json::parse(output_of({"verify", "--model", runs().chars, "--json"}));
  CHECK(said["agrees"] == true);
  CHECK(said["modules"].size() == 15);
  CHECK(said["gradients"].size() == 17);  // wte and lm_head are tied, and both are listed
  for (const std::string path : {"h.0.mlp.c_fc", "lm_head", "h.0.attn", "wpe"}) {
    const Finished spoiled = run_vitro({"verify", "--model", runs().chars, "--perturb", path});
    CHECK(spoiled.code == 1);
    CHECK_THAT(spoiled.err, StartsWith("vitro: verify: " + path + ": output["));
  }
  CHECK(run_vitro({"verify", "--model", runs().chars, "--n-embd", "4"}).code == 2);
}
