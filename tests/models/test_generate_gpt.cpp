// Tests generation by GPT: with and without a cache, alone and in a batch, within the context and
// beyond it.
#include <catch2/catch.hpp>

#include "tests/support/gpts.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using namespace vitro::models;
using Catch::Contains;
using Ids = std::vector<int64_t>;

namespace {

Ids prompt_of(int64_t length, int64_t first = 1) {
  Ids ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back((first + i * i) % kSmallGPT.vocab_size);
  return ids;
}

const GenerateOptions kWays[] = {
    {},
    {.repetition_penalty = 1.4},
    {.do_sample = true, .seed = 7},
    {.temperature = 1.3,
     .top_k = 6,
     .top_p = 0.8,
     .do_sample = true,
     .repetition_penalty = 1.1,
     .seed = 8},
};

// Records how many tokens each call of the model reads.
struct Reads {
  std::vector<int64_t> counts;
  nn::ScopedHook hook;
  explicit Reads(GPT& model)
      : hook(model.wte.register_forward_hook([this](nn::Module&, const Tensor& ids, const Tensor&) {
          counts.push_back(ids.size(-1));
          return Tensor();
        })) {}
};

}  // namespace

TEST_CASE("generate: the tokens are the same with and without a cache, also beyond the context") {
  for (const auto& [name, config] : kSmallGPTs)
    for (const GenerateOptions& way : kWays)
      for (int64_t length : {1, 5, 12})
        for (int64_t block_size : {0, 1, 2, 7}) {
          if (block_size && length > block_size) continue;
          INFO(name << " " << length << " " << block_size);
          GPT model = noisy_gpt(config, 0.4);
          GenerateOptions options = way;
          options.max_new_tokens = 40, options.block_size = block_size;
          const Ids cached = generate(model, prompt_of(length), options);
          options.use_cache = false;
          CHECK(cached == generate(model, prompt_of(length), options));
          CHECK(std::ssize(cached) == length + 40);
        }
}

TEST_CASE("generate: each token follows from the documented window") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  NoGradGuard unrecorded;
  Ids expected = prompt_of(3);
  size_t start = 0;
  for (int i = 0; i < 40; ++i) {
    if (expected.size() - start > 12) start = expected.size() - 7;
    const Tensor logits = model(from_span(std::span<const int64_t>(expected).subspan(start)));
    expected.push_back(argmax(logits.select(0, -1)).item<int64_t>());
  }
  CHECK(generate(model, prompt_of(3), {.max_new_tokens = 40}) == expected);
}

TEST_CASE("generate: the prompt is read in one batch, then two tokens for each new token") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  Reads reads(model);
  generate(model, prompt_of(5), {.max_new_tokens = 17});
  //                                        13 tokens: the last 7         again 13: the last 7
  CHECK(reads.counts == std::vector<int64_t>{5, 1, 1, 1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 7, 1, 1});
  reads.counts.clear();
  generate(model, prompt_of(5), {.max_new_tokens = 3, .use_cache = false});
  CHECK(reads.counts == std::vector<int64_t>{5, 6, 7});
  reads.counts.clear();
  CHECK(generate(model, prompt_of(5), {.max_new_tokens = 0}) == prompt_of(5));
  CHECK(reads.counts.empty());
}

TEST_CASE("generate_batch: a text that has ended costs only its row") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  Reads reads(model);
  generate_batch(model, {prompt_of(12), prompt_of(3)}, {.max_new_tokens = 13},
                 [](size_t row, int64_t) { return row == 1; });
  CHECK(reads.counts == std::vector<int64_t>{12, 4, 1, 1, 1, 1, 1, 1, 1, 1, 7, 1, 1});
}

TEST_CASE("generate: the cache is only as large as the tokens to read") {
  GPT model = noisy_gpt(
      {.block_size = 4096, .vocab_size = 19, .n_layer = 2, .n_head = 2, .n_embd = 64}, 0.4);
  int64_t most = 0;
  nn::ScopedHook hook(model.ln_f->register_forward_hook(
      [&, before = live_bytes()](nn::Module&, const Tensor&, const Tensor&) {
        most = std::max(most, live_bytes() - before);
        return Tensor();
      }));
  generate(model, prompt_of(4), {.max_new_tokens = 5});
  CHECK(most < 1 << 20);  // 8 tokens: 8 KiB; 4096 tokens: 4 MiB
  generate(model, prompt_of(4), {.max_new_tokens = std::numeric_limits<int64_t>::max()},
           [&, n = 0](int64_t) mutable { return ++n < 5; });
  CHECK(most > 4 << 20);
}

TEST_CASE("generate: a prompt longer than the context is refused, or its end is used") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  auto refused = [&](int64_t block_size, bool use_cache) {
    return message_of<ValueError>([&] {
      generate(model, prompt_of(13),
               {.max_new_tokens = 0, .use_cache = use_cache, .block_size = block_size});
    });
  };
  CHECK(refused(0, true) ==
        "generate: expected a prompt of at most 12 tokens, the model's context, got 13; shorten "
        "it, or set allow_sliding to use its last 12");
  CHECK(refused(0, false) == refused(0, true));
  CHECK(refused(100, true) == refused(0, true));
  CHECK_THAT(refused(5, true), Contains("at most 5") && Contains("got 13"));

  const Ids prompt = prompt_of(20), end(prompt.end() - 12, prompt.end());
  for (bool use_cache : {true, false}) {
    const GenerateOptions options{
        .max_new_tokens = 15, .use_cache = use_cache, .allow_sliding = true};
    const Ids all = generate(model, prompt, options), tail = generate(model, end, options);
    CHECK(Ids(all.begin() + 20, all.end()) == Ids(tail.begin() + 12, tail.end()));
    CHECK(Ids(all.begin(), all.begin() + 20) == prompt);
  }
}

TEST_CASE("generate_batch: each text continues as if it were alone, to its own end") {
  for (const auto& [name, config] : kSmallGPTs)
    for (GenerateOptions options : kWays)
      for (bool use_cache : {true, false}) {
        INFO(name);
        GPT model = noisy_gpt(config, 0.4);
        options.max_new_tokens = 30, options.use_cache = use_cache;
        options.eos_token_id.reset();
        const std::vector<Ids> prompts = {prompt_of(3), prompt_of(12, 4), prompt_of(1, 9),
                                          prompt_of(7, 2), prompt_of(7, 2)};
        const std::vector<Ids> first = generate_batch(model, prompts, options);
        options.eos_token_id = first[0][20];
        std::vector<Ids> heard(prompts.size());
        const std::vector<Ids> texts =
            generate_batch(model, prompts, options, [&](size_t row, int64_t id) {
              heard[row].push_back(id);
              return row != 3 || heard[row].size() < 4;
            });
        REQUIRE(texts.size() == prompts.size());
        for (size_t r = 0; r < prompts.size(); ++r) {
          INFO("row " << r);
          GenerateOptions alone = options;
          if (options.seed) alone.seed = row_seed(*options.seed, r);
          size_t count = 0;
          CHECK(texts[r] ==
                generate(model, prompts[r], alone, [&](int64_t) { return r != 3 || ++count < 4; }));
          CHECK(heard[r] == Ids(texts[r].begin() + std::ssize(prompts[r]), texts[r].end()));
        }
        CHECK(heard[3].size() <= 4);
      }
}

TEST_CASE("generate_batch: equal prompts of a batch are continued in different ways") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  const std::vector<Ids> prompts(4, prompt_of(2));
  GenerateOptions options{.max_new_tokens = 12, .do_sample = true, .seed = 5};
  const std::vector<Ids> texts = generate_batch(model, prompts, options);
  for (size_t a = 0; a < 4; ++a)
    for (size_t b = 0; b < a; ++b) CHECK(texts[a] != texts[b]);
  CHECK(texts[0] == generate(model, prompts[0], options));
  options.seed.reset();
  manual_seed(9);
  const auto drawn = generate_batch(model, prompts, options),
             further = generate_batch(model, prompts, options);
  CHECK(drawn != further);
  manual_seed(9);
  CHECK(drawn == generate_batch(model, prompts, options));
}

TEST_CASE("generate_batch: invalid arguments are refused, and no prompts give no texts") {
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  CHECK(generate_batch(model, {}, {}).empty());
  CHECK(message_of<ValueError>([&] {
          generate_batch(model, {{1}, {}}, {});
        }) == "generate: expected at least one token in prompt 1, got none");
  CHECK_THAT(message_of<ValueError>([&] { generate_batch(model, {{1}}, {.stop_strings = {"x"}}); }),
             Contains("generate_text"));
  CHECK_THAT(message_of<ValueError>([&] {
               generate_batch(model, {{1}, prompt_of(13)}, {});
             }),
             Contains("got 13"));
  CHECK_THAT(message_of<ValueError>([&] { generate_batch(model, {{1}}, {.top_k = 0}); }),
             Contains("top_k"));
}

TEST_CASE("conversation: each turn continues the whole text before it, within the window") {
  const auto letters = text::CharTokenizer::fit("abcdefghijklmnopqrs");
  const std::vector<std::string> turns = {"abc", "de", "fghijklmnopq", "a", "bcdefghij"};
  for (const auto& [name, config] : kSmallGPTs)
    for (const bool use_cache : {true, false}) {
      INFO(name << use_cache);
      GPT model = noisy_gpt(config, 0.4);
      NoGradGuard unrecorded;
      Conversation conversation(model, letters, {.max_new_tokens = 5, .use_cache = use_cache});
      Ids expected;
      size_t start = 0;
      for (const std::string& turn : turns) {
        const Ids said = letters.encode(turn);
        expected.insert(expected.end(), said.begin(), said.end());
        // The last turn is kept whole.
        if (expected.size() - start > 12)
          start = expected.size() - std::max<size_t>(7, said.size());
        Ids added;
        for (int i = 0; i < 5; ++i) {
          if (expected.size() - start > 12) start = expected.size() - 7;
          const Tensor logits = model(from_span(std::span<const int64_t>(expected).subspan(start)));
          added.push_back(argmax(logits.select(0, -1)).item<int64_t>());
          expected.push_back(added.back());
        }
        CHECK(conversation.say(turn) == letters.decode(added));
        CHECK(conversation.ids() == expected);
      }
    }
}

TEST_CASE(
    "conversation: a turn reads only its own tokens; refused and forgotten text changes nothing") {
  const auto letters = text::CharTokenizer::fit("abcdefghijklmnopqrs");
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  Reads reads(model);
  Conversation conversation(model, letters, {.max_new_tokens = 3});
  const std::string first = conversation.say("abc");
  const Ids ids = conversation.ids();
  CHECK_THROWS_AS(conversation.say("ab?"), ValueError);
  CHECK_THROWS_AS(conversation.say(""), ValueError);
  CHECK_THROWS_AS(conversation.say("abcdefghijklm"), ValueError);
  CHECK(conversation.ids() == ids);
  conversation.say("de");
  CHECK(reads.counts == std::vector<int64_t>{3, 1, 1, 3, 1, 1});  // the last token was unread
  conversation.forget();
  CHECK(conversation.say("abc") == first);
  CHECK(conversation.ids() == ids);
  // An end token ends a turn, not the conversation.
  Conversation ended(model, letters, {.max_new_tokens = 3, .eos_token_id = ids[3]});
  CHECK(ended.say("abc").empty());
  CHECK(ended.ids().size() == 4);
  ended.say("d");
  CHECK(ended.ids().size() > 5);
}

TEST_CASE("conversation: a turn that fails changes nothing") {
  const auto letters = text::CharTokenizer::fit("abcdefghijklmnopqrs");
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  for (const bool use_cache : {true, false}) {
    INFO(use_cache);
    const GenerateOptions options{.max_new_tokens = 5,
                                  .do_sample = true,
                                  .repetition_penalty = 1.2,
                                  .seed = 7,
                                  .use_cache = use_cache};
    Conversation undisturbed(model, letters, options), conversation(model, letters, options);
    CHECK(conversation.say("abc") == undisturbed.say("abc"));
    const Ids ids = conversation.ids();
    {
      int reads = 0;  // the full window slides before the second read
      const nn::ScopedHook hook(
          model.h[1].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor&) {
            if (++reads == 3) throw std::runtime_error("planted");
            return Tensor();
          }));
      CHECK_THROWS_AS(conversation.say("defg"), std::runtime_error);
    }
    CHECK(conversation.ids() == ids);
    CHECK_THROWS_AS(conversation.say("defg",
                                     [](int64_t, const std::string&) -> bool {
                                       throw std::runtime_error("planted");
                                     }),
                    std::runtime_error);
    CHECK(conversation.say("defg") == undisturbed.say("defg"));
    CHECK(conversation.ids() == undisturbed.ids());
  }
}

TEST_CASE("generate: a model of any dtype gives tokens, and logits of NaN are an error") {
  for (DType dtype : {kFloat64, kBFloat16}) {
    GPT model = noisy_gpt(kSmallGPT, 0.4);
    model.to(dtype);
    const Ids ids = generate(model, prompt_of(4), {.max_new_tokens = 8});
    CHECK(ids.size() == 12);
    if (dtype == kFloat64)
      CHECK(ids == generate(model, prompt_of(4), {.max_new_tokens = 8, .use_cache = false}));
  }
  GPT model = noisy_gpt(kSmallGPT, 0.4);
  NoGradGuard unrecorded;
  model.ln_f->parameters()[0].fill_(std::nan(""));
  CHECK_THAT(message_of<ValueError>([&] { generate(model, {1}, {}); }), Contains("nan"));
}
