// Tests from which generator functions draw: an argument, the generator of a scope, or the default.
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "tests/support/gpts.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;

namespace {

constexpr uint64_t kDrawSeed = 77;

// A function that draws, called with the default generator and with a given one.
struct Draw {
  const char* name;
  std::function<Tensor()> from_default;
  std::function<Tensor(Generator&)> from_given;
};
template <class F>
Draw filled_by(const char* name, F fill) {
  return {name,
          [=] {
            return fill(zeros({6, 5}), default_generator());
          },
          [=](Generator& g) {
            return fill(zeros({6, 5}), g);
          }};
}
const Tensor kWeights = ones({40});

const Draw kDraws[] = {
    {"rand", [] { return rand({31}); }, [](Generator& g) { return rand({31}, kFloat32, g); }},
    {"randn", [] { return randn({31}); }, [](Generator& g) { return randn({31}, kFloat32, g); }},
    {"randint", [] { return randint(0, 1000, {31}); },
     [](Generator& g) { return randint(0, 1000, {31}, kInt64, g); }},
    {"dropout", [] { return dropout(ones({64})); },
     [](Generator& g) { return dropout(ones({64}), 0.5, /*training=*/true, g); }},
    {"multinomial", [] { return multinomial(kWeights, 10); },
     [](Generator& g) { return multinomial(kWeights, 10, /*replacement=*/false, g); }},
    {"scaled_dot_product_attention",
     [] {
       const Tensor q = ones({1, 9, 4});
       return scaled_dot_product_attention(q, q, q, {.dropout_p = 0.5});
     },
     [](Generator& g) {
       const Tensor q = ones({1, 9, 4});
       return scaled_dot_product_attention(q, q, q, {.dropout_p = 0.5, .generator = &g});
     }},
    {"self_attention",
     [] {
       return self_attention(ones({9, 24}), {.n_head = 2, .dropout_p = 0.5});
     },
     [](Generator& g) {
       return self_attention(ones({9, 24}), {.n_head = 2, .dropout_p = 0.5, .generator = &g});
     }},
    filled_by("fill_uniform", [](Tensor x, Generator& g) { return fill_uniform(x, 0, 1, g), x; }),
    filled_by("fill_normal", [](Tensor x, Generator& g) { return fill_normal(x, 0, 1, g), x; }),
    filled_by("uniform_", [](Tensor x, Generator& g) { return nn::init::uniform_(x, 0, 1, g); }),
    filled_by("normal_", [](Tensor x, Generator& g) { return nn::init::normal_(x, 0, 1, g); }),
    filled_by("trunc_normal_",
              [](Tensor x, Generator& g) { return nn::init::trunc_normal_(x, 0, 1, -2, 2, g); }),
    filled_by("xavier_uniform_",
              [](Tensor x, Generator& g) { return nn::init::xavier_uniform_(x, 1, g); }),
    filled_by("xavier_normal_",
              [](Tensor x, Generator& g) { return nn::init::xavier_normal_(x, 1, g); }),
    filled_by("kaiming_uniform_",
              [](Tensor x, Generator& g) {
                return nn::init::kaiming_uniform_(x, 0, nn::init::FanMode::kIn, "relu", g);
              }),
    filled_by("kaiming_normal_",
              [](Tensor x, Generator& g) {
                return nn::init::kaiming_normal_(x, 0, nn::init::FanMode::kIn, "relu", g);
              }),
    filled_by("orthogonal_", [](Tensor x, Generator& g) { return nn::init::orthogonal_(x, 1, g); }),
};

// Modules and models, which draw but take no generator as an argument.
const Draw kModules[] = {
    {"Dropout", [] { return nn::Dropout(0.5)(ones({64})); }, {}},
    {"Linear", [] { return nn::Linear(6, 5).weight; }, {}},
    {"Embedding", [] { return nn::Embedding(6, 5).weight; }, {}},
    {"MiniLM with dropout",
     [] {
       models::MiniLM m({.vocab_size = 9, .n_embd = 8, .n_hidden = 16, .dropout = 0.5});
       return m(tensor({{1, 2, 3}}));
     },
     {}},
    {"GPT with dropout",
     [] {
       models::GPTConfig config{
           .block_size = 8, .vocab_size = 9, .n_layer = 2, .n_head = 2, .n_embd = 8};
       config.dropout = 0.5;
       models::GPT m(config);
       return m(tensor({{1, 2, 3}}));
     },
     {}},
    {"generate",
     [] {
       models::GPT m({.block_size = 64, .vocab_size = 50, .n_layer = 1, .n_head = 1, .n_embd = 8});
       const auto ids = models::generate(m, {1, 2}, {.max_new_tokens = 30, .do_sample = true});
       return from_span(std::span<const int64_t>(ids));
     },
     {}},
};

std::vector<Draw> all_draws() {
  std::vector<Draw> all(std::begin(kDraws), std::end(kDraws));
  all.insert(all.end(), std::begin(kModules), std::end(kModules));
  return all;
}

std::pair<uint64_t, uint64_t> generator_state() {
  return {default_generator().seed(), default_generator().position()};
}

}  // namespace

TEST_CASE("functions draw from the generator that they are given, and not from the default") {
  KeepGenerator keep;
  for (const Draw& draw : kDraws) {
    CAPTURE(draw.name);
    manual_seed(kDrawSeed);
    const Tensor expected = draw.from_default();
    const auto before = generator_state();
    Generator own(kDrawSeed);
    const Tensor first = draw.from_given(own);
    CHECK(same_bits(first, expected));
    CHECK(own.position() > 0);
    CHECK_FALSE(same_bits(draw.from_given(own), expected));  // the generator has moved on
    CHECK(generator_state() == before);
  }
}

TEST_CASE(
    "in a scope everything draws from the scope's generator, and nothing from the program's") {
  KeepGenerator keep;
  for (const Draw& draw : all_draws()) {
    CAPTURE(draw.name);
    manual_seed(kDrawSeed);
    const Tensor expected = draw.from_default();
    manual_seed(5);
    const auto before = generator_state();
    Generator own(kDrawSeed);
    {
      ScopedGenerator scope(own);
      CHECK(&default_generator() == &own);
      CHECK(same_bits(draw.from_default(), expected));
    }
    {
      ScopedGenerator scope(kDrawSeed);
      CHECK(same_bits(draw.from_default(), expected));
    }
    CHECK(generator_state() == before);
    CHECK(own.position() > 0);
  }
}

TEST_CASE("scopes nest, an exception ends them, and manual_seed seeds the innermost generator") {
  KeepGenerator keep;
  Generator outer(1), inner(2);
  Generator* const before = &default_generator();
  {
    ScopedGenerator a(outer);
    try {
      ScopedGenerator b(inner);
      CHECK(&default_generator() == &inner);
      manual_seed(9);
      std::thread([&] { CHECK(&default_generator() != &inner); }).join();
      throw std::runtime_error("a fault");
    } catch (const std::runtime_error&) {}
    CHECK(&default_generator() == &outer);
  }
  CHECK(&default_generator() == before);
  CHECK(inner.seed() == 9);
  CHECK(outer.seed() == 1);
}

TEST_CASE("KeepGenerator on one thread does not undo draws of another thread") {
  KeepGenerator keep;
  uint64_t there = 0;
  std::thread([&] {
    const uint64_t before = default_generator().position();
    {
      KeepGenerator inside;
      (void)rand({10});
      std::thread([] { (void)rand({40}); }).join();
    }
    there = default_generator().position() - before;
  }).join();
  CHECK(there == 20);
}

TEST_CASE("threads that draw from one generator all get different numbers") {
  constexpr int kThreads = 6, kRounds = 500;
  Generator shared(3);
  std::vector<std::vector<double>> drawn(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        drawn[static_cast<size_t>(t)].push_back(shared.uniform());
        for (double v : values(rand({3}, kFloat64, shared)))
          drawn[static_cast<size_t>(t)].push_back(v);
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::set<double> distinct;
  for (const auto& each : drawn) distinct.insert(each.begin(), each.end());
  CHECK(distinct.size() == kThreads * kRounds * 4);
  CHECK(shared.position() == kThreads * kRounds * 3);
}

TEST_CASE("threads with different scopes do not influence each other's draws") {
  constexpr int kThreads = 4;
  auto draw = [](uint64_t seed) {
    ScopedGenerator scope(seed);
    std::vector<Tensor> all;
    for (int i = 0; i < 20; ++i)
      for (const Draw& each : kDraws) all.push_back(each.from_default());
    return all;
  };
  std::vector<std::vector<Tensor>> expected, got(kThreads);
  for (uint64_t t = 0; t < kThreads; ++t) expected.push_back(draw(t));
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) threads.emplace_back([&, t] { got[t] = draw(t); });
  for (std::thread& thread : threads) thread.join();
  bool same = true;
  for (size_t t = 0; t < kThreads; ++t)
    for (size_t i = 0; i < expected[t].size(); ++i) same &= same_bits(expected[t][i], got[t][i]);
  CHECK(same);
}

TEST_CASE("a conversation draws from the generator that is the default when it draws") {
  const auto tokenizer = text::CharTokenizer::fit("abcdefghijklmnopqrstuvwxyz");
  models::GPT m({.block_size = 32,
                 .vocab_size = tokenizer.vocab_size(),
                 .n_layer = 1,
                 .n_head = 1,
                 .n_embd = 8});
  auto made = [&] {
    ScopedGenerator scope(1);  // ends before the conversation begins
    return std::make_unique<models::Conversation>(
        m, tokenizer, models::GenerateOptions{.max_new_tokens = 9, .do_sample = true});
  }();
  auto say = [&](uint64_t seed) {
    ScopedGenerator scope(seed);
    std::string said = made->say("abc");
    made->forget();
    return said;
  };
  const std::string first = say(4);
  CHECK(say(4) == first);
  CHECK(say(5) != first);
}
