// Tests generation: greedy is argmax, sampling follows the probabilities, text arrives in pieces.
#include <catch2/catch.hpp>

#include "models/text/unicode/utf8.h"
#include "tests/support/tensors.h"
#include "tests/support/unsaved_model.h"

using namespace vitro;
using namespace vitro::testing;
using namespace vitro::models;
using Catch::Contains;
using Ids = std::vector<int64_t>;

namespace {

MiniLM model(int64_t vocab_size = 12, int64_t context = 2) {
  manual_seed(8);
  return MiniLM({.vocab_size = vocab_size, .n_embd = 8, .n_hidden = 16, .context = context});
}

// A model with the same logits at every position.
struct Fixed : UnsavedModel {
  std::vector<float> logits;
  int64_t longest = 0;
  explicit Fixed(std::vector<float> each)
      : UnsavedModel(std::ssize(each)), logits(std::move(each)) {}
  Tensor forward(const Tensor& ids) override {
    longest = std::max(longest, ids.numel());
    return from_span(std::span<const float>(logits))
        .expand({ids.numel(), static_cast<int64_t>(logits.size())});
  }
};

// A model that repeats `ids`: after each id it predicts the next id, and after the last the first.
struct Cycle : UnsavedModel {
  Ids ids;
  Cycle(Ids in_order, int64_t size) : UnsavedModel(size), ids(std::move(in_order)) {}
  Tensor forward(const Tensor& x) override {
    Tensor next = x.clone();
    for (int64_t& id : std::span(next.mutable_data<int64_t>(), static_cast<size_t>(x.numel()))) {
      const auto at = std::find(ids.begin(), ids.end(), id) - ids.begin() + 1;
      id = ids[static_cast<size_t>(at) % ids.size()];
    }
    return one_hot(next, vocab_size()).to(kFloat32);
  }
};

std::vector<double> frequencies(Fixed& m, GenerateOptions options, int count = 20000) {
  options.do_sample = true;
  std::vector<double> found(m.logits.size(), 0.0);
  Generator generator(options.seed.value_or(1));
  Tensor logits = from_span(std::span<const float>(m.logits));
  for (int i = 0; i < count; ++i)
    found[static_cast<size_t>(next_token(logits, options, generator))] += 1.0 / count;
  return found;
}

}  // namespace

TEST_CASE("greedy generation is the loop of argmax") {
  MiniLM m = model();
  Ids ids = {3, 1}, expected = ids;
  for (int i = 0; i < 20; ++i) {
    NoGradGuard unrecorded;
    expected.push_back(
        argmax(m(from_span(std::span<const int64_t>(expected)))[-1]).item<int64_t>());
  }
  CHECK(generate(m, ids, {.max_new_tokens = 20}) == expected);
  CHECK(generate(m, ids, {.max_new_tokens = 0}) == ids);
  CHECK(grad_enabled());
}

TEST_CASE("a seed gives the same text again, and does not use the default generator") {
  MiniLM m = model();
  const uint64_t position = default_generator().position();
  const GenerateOptions options{.max_new_tokens = 50, .do_sample = true, .seed = 5};
  Ids once = generate(m, {0}, options);
  CHECK(once == generate(m, {0}, options));
  CHECK(once != generate(m, {0}, {.max_new_tokens = 50, .do_sample = true, .seed = 6}));
  CHECK(default_generator().position() == position);
  const GenerateOptions drawn{.max_new_tokens = 50, .do_sample = true};
  manual_seed(5);
  Ids first = generate(m, {0}, drawn), second = generate(m, {0}, drawn);
  CHECK(first != second);
  CHECK(first == once);
  manual_seed(5);
  CHECK(first == generate(m, {0}, drawn));
}

TEST_CASE("sampling with top_k = 1 is greedy, and so is sampling with the lowest temperatures") {
  MiniLM m = model();
  const Ids greedy = generate(m, {2}, {.max_new_tokens = 30});
  CHECK(greedy == generate(m, {2}, {.max_new_tokens = 30, .top_k = 1, .do_sample = true}));
  for (double temperature : {1e-6, 1e-300, 5e-324})
    CHECK(greedy ==
          generate(m, {2}, {.max_new_tokens = 30, .temperature = temperature, .do_sample = true}));
}

TEST_CASE("tokens are drawn by softmax(logits / temperature), among the top k") {
  Fixed m({1, 3, 2, -1});
  auto expect = [&](const GenerateOptions& options, double temperature, size_t k) {
    std::vector<double> p = {1, 3, 2, -1}, got = frequencies(m, options), sorted = p;
    std::sort(sorted.rbegin(), sorted.rend());
    double total = 0;
    for (double& v : p) total += v = v >= sorted[k - 1] ? std::exp(v / temperature) : 0;
    for (size_t i = 0; i < p.size(); ++i) CHECK(got[i] == Approx(p[i] / total).margin(0.012));
  };
  expect({}, 1, 4);
  expect({.temperature = 2}, 2, 4);
  expect({.top_k = 2}, 1, 2);
  expect({.top_k = 100}, 1, 4);
  expect({.temperature = 1e300}, 1e300, 4);
}

TEST_CASE("a token of probability zero is never drawn") {
  const float never = -std::numeric_limits<float>::infinity();
  Fixed m({never, 0, never, 0, never});
  std::vector<double> got = frequencies(m, {}, 2000);
  CHECK(got[0] + got[2] + got[4] == 0);
}

TEST_CASE("equal logits: greedy takes the first") {
  Fixed m({1, 7, 7, 7});
  CHECK(generate(m, {0}, {.max_new_tokens = 3}) == Ids{0, 1, 1, 1});
  CHECK(generate(m, {0}, {.max_new_tokens = 3, .top_k = 1, .do_sample = true, .seed = 3}) ==
        Ids{0, 1, 1, 1});
}

TEST_CASE("options that make no sense are refused by name") {
  Fixed m({1, 2});
  auto message = [&](const GenerateOptions& options) {
    return message_of<ValueError>([&] { generate(m, {0}, options); });
  };
  CHECK_THAT(message({.max_new_tokens = -1}), Contains("max_new_tokens") && Contains("-1"));
  CHECK_THAT(message({.temperature = -1}), Contains("temperature"));
  CHECK_THAT(message({.temperature = std::nan("")}), Contains("temperature"));
  CHECK_THAT(message({.temperature = HUGE_VAL}), Contains("temperature"));
  CHECK_THAT(message({.top_k = 0}), Contains("top_k"));
  CHECK_THAT(message({.block_size = -1}), Contains("block_size"));
  for (double p : {0.0, -0.1, 1.01, std::nan("")})
    CHECK_THAT(message({.top_p = p}), Contains("top_p"));
  for (double penalty : {0.0, -1.0, HUGE_VAL, std::nan("")})
    CHECK_THAT(message({.repetition_penalty = penalty}), Contains("repetition_penalty"));
  CHECK_THAT(message({.stop_strings = {""}}), Contains("stop_strings"));
  CHECK_THAT(message({.stop_strings = {"x", "\xA4"}}),
             Contains("stop_strings") && Contains("byte 0"));
  CHECK_THAT(message({.stop_strings = {"x"}}), Contains("generate_text"));
  CHECK_THAT(message_of<ValueError>([&] { generate(m, {}, {}); }), Contains("prompt"));
  Generator generator(0);
  Tensor logits = tensor({1.0, 2.0});
  CHECK_THAT(message_of<ValueError>(
                 [&] { next_token(logits, {.top_k = 0, .do_sample = true}, generator); }),
             Contains("top_k"));
  CHECK_THAT(message_of<ValueError>(
                 [&] { next_token(logits, {.temperature = -1, .do_sample = true}, generator); }),
             Contains("temperature"));
  CHECK_FALSE(message_of<ShapeError>([&] {
                next_token(tensor({{1.0, 2.0}}), {}, generator);
              }).empty());
}

TEST_CASE("generation ends at the end token, or when the listener returns false") {
  MiniLM m = model();
  const Ids all = generate(m, {4}, {.max_new_tokens = 10});
  Ids heard;
  auto three = [&](int64_t id) { return heard.push_back(id), heard.size() < 3; };
  CHECK(generate(m, {4}, {.max_new_tokens = 10}, three) == Ids(all.begin(), all.begin() + 4));
  CHECK(heard == Ids(all.begin() + 1, all.begin() + 4));
  const Ids ended = generate(m, {4}, {.max_new_tokens = 10, .eos_token_id = all[2]});
  CHECK(ended.back() == all[2]);
  CHECK(ended.size() <= 3);
  for (const models::EndTokens& ends : {models::EndTokens{all[2], 1000}, {1000, all[2]}})
    CHECK(generate(m, {4}, {.max_new_tokens = 10, .eos_token_id = ends}) == ended);
}

TEST_CASE("generation with a temperature of 0 is greedy") {
  MiniLM m = model();
  CHECK(generate(m, {2}, {.max_new_tokens = 30, .temperature = 0, .do_sample = true}) ==
        generate(m, {2}, {.max_new_tokens = 30}));
}

TEST_CASE("the model is given at most block_size ids") {
  Fixed m({0, 1});
  generate(m, {0, 1, 0, 1, 0, 1}, {.max_new_tokens = 5, .block_size = 4});
  CHECK(m.longest == 4);
  generate(m, {0, 1}, {.max_new_tokens = 5});
  CHECK(m.longest == 6);
  MiniLM two = model(12, 2);
  CHECK(generate(two, {1, 2, 3}, {.max_new_tokens = 9, .block_size = 2}) ==
        generate(two, {1, 2, 3}, {.max_new_tokens = 9}));
}

TEST_CASE("the pieces of a text, joined, are its decoded ids") {
  const std::string story =
      "\"Come in,\" said the fox. \"It's cold - very cold!\"\n\"No,\" (she) said; \"don't.\" 3 #1";
  auto check_pieces = [&](const text::Tokenizer& tokenizer) {
    MiniLM m = model(tokenizer.vocab_size());
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const GenerateOptions options{
          .max_new_tokens = 60, .temperature = 3, .do_sample = true, .seed = seed};
      Ids prompt = tokenizer.encode("said"), heard;
      std::string pieces;
      std::string text =
          generate_text(m, tokenizer, "said", options, [&](int64_t id, const std::string& piece) {
            text::check_utf8(piece, "a piece");
            heard.push_back(id), pieces += piece;
            return true;
          });
      Ids all = generate(m, prompt, options);
      CHECK(heard == Ids(all.begin() + static_cast<int64_t>(prompt.size()), all.end()));
      CHECK(text == pieces);
      CHECK(tokenizer.decode(prompt) + text == text::to_valid_utf8(tokenizer.decode(all)));
    }
  };
  check_pieces(text::WordTokenizer::fit(story));
  check_pieces(text::CharTokenizer::fit(story));
  check_pieces(text::BpeTokenizer::train(story + " \u00e4\u00e4 \u20ac\u20ac", 270));
}

TEST_CASE("if a prompt ends within a character, the text begins with the whole character") {
  const auto bytes = text::BpeTokenizer::train("abc", 257);
  Cycle m(bytes.encode("\u00e9"), bytes.vocab_size());
  CHECK(generate_text(m, bytes, "caf\xc3", {.max_new_tokens = 1}) == "\u00e9");
  CHECK(generate_text(m, bytes, "caf\xc3", {.max_new_tokens = 2}) == "\u00e9\uFFFD");
  CHECK(generate_text(m, bytes, "caf\xc3", {.max_new_tokens = 0}).empty());
}

TEST_CASE("a prompt gives special tokens only where they are allowed") {
  const auto tokenizer = text::BpeTokenizer::train("abcabc", 259);
  const std::string prompt = "<|endoftext|>abc";
  Fixed m(std::vector<float>(static_cast<size_t>(tokenizer.vocab_size())));
  generate_text(m, tokenizer, prompt, {.max_new_tokens = 1});
  CHECK(m.longest == std::ssize(tokenizer.encode(prompt)));
  m.longest = 0;
  generate_text(m, tokenizer, prompt, {.max_new_tokens = 1, .allowed_special = {"<|endoftext|>"}});
  CHECK(m.longest == 1 + std::ssize(tokenizer.encode("abc")));
  CHECK_THAT(message_of<ValueError>(
                 [&] { generate_text(m, tokenizer, prompt, {.allowed_special = {"<|end|>"}}); }),
             Contains("expected a special token, got <|end|>"));
  const auto characters = text::CharTokenizer::fit(prompt);
  CHECK_THROWS_AS(generate_text(m, characters, prompt, {.allowed_special = {"<|endoftext|>"}}),
                  ValueError);
  CHECK_THROWS_AS(generate(m, {0}, {.allowed_special = {"<|endoftext|>"}}), ValueError);
}

TEST_CASE("a repetition penalty applies to every token of the text") {
  MiniLM m = model();
  const GenerateOptions options{.max_new_tokens = 30, .repetition_penalty = 1.2};
  NoGradGuard unrecorded;
  Generator unused(0);
  Ids expected = {4, 2, 4};
  for (int i = 0; i < 30; ++i)
    expected.push_back(next_token(m(from_span(std::span<const int64_t>(expected))).select(0, -1),
                                  options, unused, expected));
  CHECK(generate(m, {4, 2, 4}, options) == expected);
}

TEST_CASE("a prompt without tokens is refused") {
  MiniLM m = model();
  text::WordTokenizer words = text::WordTokenizer::fit("a b");
  CHECK_THAT(message_of<ValueError>([&] { generate_text(m, words, "", {}); }), Contains("prompt"));
  CHECK_THAT(message_of<ValueError>([&] { generate_text(m, words, "  ", {}); }),
             Contains("prompt"));
}

TEST_CASE("generation ends before a stop string, also if several pieces contain it") {
  const auto tokenizer = text::CharTokenizer::fit("abc");
  for (uint64_t seed = 0; seed < 8; ++seed) {
    MiniLM m = model(tokenizer.vocab_size());
    GenerateOptions options{
        .max_new_tokens = 40, .temperature = 3, .do_sample = true, .seed = seed};
    const std::string whole = generate_text(m, tokenizer, "a", options);
    for (const std::vector<std::string>& stops :
         {std::vector<std::string>{"ab"}, {"abca", "bb"}, {"cab", "b"}, {"ccc", "aab", "bcb"}}) {
      options.stop_strings = stops;
      size_t end = whole.size(), first_end = std::string::npos;
      for (const std::string& stop : stops)
        if (size_t at = whole.find(stop); at != std::string::npos)
          if (at + stop.size() < first_end) end = at, first_end = at + stop.size();
      std::string pieces;
      size_t heard = 0;
      const std::string text =
          generate_text(m, tokenizer, "a", options, [&](int64_t, const std::string& piece) {
            pieces += piece;
            return ++heard > 0;
          });
      CHECK(text == whole.substr(0, end));
      CHECK(pieces == text);
      CHECK(heard == std::min(first_end, whole.size()));
    }
  }
}

TEST_CASE("an end token is not part of the text, and text that was held back is returned") {
  const auto tokenizer = text::CharTokenizer::fit("abc");
  Cycle m(tokenizer.encode("abc"), tokenizer.vocab_size());
  std::vector<std::string> pieces;
  auto listen = [&](int64_t, const std::string& piece) { return pieces.push_back(piece), true; };
  auto text = [&](const GenerateOptions& options) {
    pieces.clear();
    return generate_text(m, tokenizer, "c", options, listen);
  };
  const int64_t c = tokenizer.encode("c")[0];
  CHECK(text({.eos_token_id = c}) == "ab");
  CHECK(pieces == std::vector<std::string>{"a", "b", ""});
  CHECK(text({.eos_token_id = c, .stop_strings = {"abca"}}) == "ab");
  CHECK(pieces == std::vector<std::string>{"", "", "ab"});
  CHECK(text({.max_new_tokens = 5, .stop_strings = {"abd", "cabcab"}}) == "abcab");
  CHECK(pieces == std::vector<std::string>{"", "", "ab", "", "cab"});
  CHECK(text({.stop_strings = {"cabca"}}) == "ab");
  CHECK(pieces == std::vector<std::string>{"a", "b", "", "", "", "", ""});
}
