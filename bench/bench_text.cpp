// Times byte pair encoding: text to ids and back, and learning the merges.
#include <iterator>
#include <memory>
#include <random>
#include <sstream>

#include "bench/rows.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_tokenizer.h"

namespace vitro::bench {

const char* const kAbout =
    "Text: a megabyte of words from the bundled stories; every tenth word appears for the first\n"
    "time, about as in a megabyte of English.  One core.";

namespace {

constexpr size_t kBytes = 1'000'000;

std::string many_words() {
  const std::string stories = read_file(VITRO_STORIES);
  std::istringstream in(stories);
  const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
  std::mt19937_64 random(1);
  std::string text;
  for (int i = 0; text.size() < kBytes; ++i) {
    std::string word = words[random() % words.size()];
    if (i % 10 == 0)
      for (auto n = 4 + random() % 6; n > 0; --n) word += stories[random() % 900] | 0x20;
    text += word + (i % 12 == 0 ? '\n' : ' ');
  }
  return text;
}

struct Case {
  std::string text = many_words();
  text::BpeTokenizer tokenizer =
      text::BpeTokenizer::train(std::string_view(text).substr(0, 200'000), 5000);
  std::vector<text::TokenId> ids = tokenizer.encode(text);
};

}  // namespace

void register_rows() {
  row("BPE encode", "1 MB of words", {.target = kBytes / 10e6 * 1e9}, [] {
    return
        [c = std::make_shared<Case>()] { benchmark::DoNotOptimize(c->tokenizer.encode(c->text)); };
  });
  row("BPE encode", "1 MB of one letter", {.target = 2e9}, [] {
    return [c = std::make_shared<Case>(), text = std::string(kBytes, 'a')] {
      benchmark::DoNotOptimize(c->tokenizer.encode(text));
    };
  });
  row("BPE decode", "1 MB of words", {}, [] {
    return
        [c = std::make_shared<Case>()] { benchmark::DoNotOptimize(c->tokenizer.decode(c->ids)); };
  });
  row("BPE train, 5,000 tokens", "1 MB of words", {.target = 5e9}, [] {
    return
        [text = many_words()] { benchmark::DoNotOptimize(text::BpeTokenizer::train(text, 5000)); };
  });
}

}  // namespace vitro::bench
