// Tests a language model that the library does not know: it is trained, saved, resumed and used to
// generate.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/process.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

namespace {

// A bigram model: each token has its own logits for the next token.
struct BigramConfig {
  int64_t vocab_size;
};
double parameter_count(const BigramConfig& c) {
  return static_cast<double>(c.vocab_size) * static_cast<double>(c.vocab_size);
}
BigramConfig bigram_config(const std::string& json) {
  const int64_t size = nlohmann::json::parse(json).value("vocab_size", int64_t{0});
  check<IoError>(size > 0, "config: vocab_size expected");
  return {size};
}

struct Bigram : models::LanguageModel {
  BigramConfig config;
  nn::Embedding next;
  nn::Dropout drop;

  explicit Bigram(const BigramConfig& c)
      : config(c), next(c.vocab_size, c.vocab_size), drop(0.25) {}
  void members(nn::Visitor& v) override { v("next", next), v("drop", drop); }
  Tensor forward(const Tensor& ids) override { return drop(next(ids)); }
  int64_t vocab_size() const override { return config.vocab_size; }
  int64_t context() const override { return 1; }
  std::string config_json() const override {
    return R"({"model_type":"bigram","vocab_size":)" + std::to_string(config.vocab_size) + "}";
  }
};

void register_bigram() {
  static const bool once =
      (models::register_model(models::model_type<Bigram>("bigram", bigram_config)), true);
  (void)once;
}

std::string sentences() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "the cat sat on the mat. ";
  return text;
}

// A text, a file of its tokens, and the options of a run on them.
struct Learning {
  TemporaryDirectory directory;
  std::string text = sentences();
  text::CharTokenizer tokenizer = text::CharTokenizer::fit(text);
  models::TrainingOptions options{.out_dir = directory / "run",
                                  .batch_size = 4,
                                  .block_size = 8,
                                  .gradient_accumulation_steps = 2,
                                  .max_iters = 60,
                                  .learning_rate = 0.3,
                                  .warmup_iters = 2};

  Learning() {
    register_bigram();
    write_token_file(directory / "tokens.bin", tokenizer, text::TextPieces(text));
  }
  text::TokenFile tokens() const { return text::TokenFile(directory / "tokens.bin"); }
  models::TrainingRun start_in(const std::string& folder) const {
    models::TrainingOptions there = options;
    there.out_dir = folder;
    manual_seed(5);
    return {std::make_unique<Bigram>(BigramConfig{tokenizer.vocab_size()}),
            std::make_unique<text::CharTokenizer>(tokenizer), tokens(), there};
  }
  models::TrainingRun start() const { return start_in(options.out_dir); }
};

void steps(models::TrainingRun& run, int count) {
  for (int i = 0; i < count; ++i) run.step();
}

}  // namespace

TEST_CASE("own model: it trains, and a resumed run gives the same bits") {
  const Learning learning;
  models::TrainingRun undisturbed = learning.start();
  const double before = undisturbed.validation_loss();
  steps(undisturbed, 60);
  models::TrainingRun stopped = learning.start();
  steps(stopped, 11);
  stopped.metadata["mine"] = "kept";
  const Checkpoint saved = load_checkpoint(stopped.save());
  CHECK(saved.metadata.at("mine") == "kept");
  manual_seed(77);  // resume must restore the generator

  auto resumed = models::TrainingRun::resume(saved, learning.tokens(), learning.options);
  CHECK(resumed.steps() == 11);
  CHECK(resumed.checkpoint().metadata.at("mine") == "kept");
  steps(resumed, 49);
  CHECK(same_bits(resumed.model().parameters()[0], undisturbed.model().parameters()[0]));
  CHECK(resumed.smoothed_loss() == undisturbed.smoothed_loss());
  CHECK(resumed.validation_loss() < before / 2);
  CHECK(resumed.sample(12).size() == 13);
}

TEST_CASE("own model: its checkpoint is loaded, evaluated, cloned, and generates text") {
  const Learning learning;
  models::TrainingRun run = learning.start();
  steps(run, 60);
  run.save();
  const models::SavedModel saved = models::load_model(learning.options.out_dir);
  models::LanguageModel& model = *saved.model;
  CHECK(dynamic_cast<Bigram&>(model).config.vocab_size == learning.tokenizer.vocab_size());
  CHECK(saved.step == 60);
  CHECK(models::evaluate(model, learning.tokens(), 16).loss() < 1.5);
  CHECK(models::generate_text(model, *saved.tokenizer, "c", {.max_new_tokens = 1}) == "a");
  const auto copy = models::clone(model);
  CHECK(same_bits(copy->parameters()[0], model.parameters()[0]));
  CHECK(copy->parameters()[0].impl() != model.parameters()[0].impl());
}

TEST_CASE("own model: the tokens of another text, or of another vocabulary, are refused") {
  const Learning learning;
  models::TrainingRun run = learning.start();
  run.step();
  const Checkpoint saved = run.checkpoint();
  const auto refused = [&](const text::Tokenizer& tokenizer, const std::string& text) {
    const std::string path = learning.directory / "other.bin";
    write_token_file(path, tokenizer, text::TextPieces(text));
    return message_of<IoError>(
        [&] { models::TrainingRun::resume(saved, text::TokenFile(path), learning.options); });
  };
  CHECK_THAT(refused(learning.tokenizer, learning.text + "the"),
             Contains("tokens: expected the tokens that the run was started with"));
  CHECK_THAT(refused(text::CharTokenizer::fit(learning.text + "xyz"), learning.text),
             Contains("the run's own vocabulary"));
}

TEST_CASE("own model: a new run refuses the directory of another run, and parts that do not fit") {
  const Learning learning;
  learning.start().save();
  CHECK_THAT(message_of<ValueError>([&] { learning.start(); }),
             Contains(": expected a directory without a run, got one ") && Contains("of 0 steps"));
  models::TrainingOptions options = learning.options;
  options.out_dir = learning.directory / "another";
  const auto refused = [&](int64_t vocabulary, const text::CharTokenizer& tokenizer) {
    return message_of<ValueError>([&] {
      models::TrainingRun(std::make_unique<Bigram>(BigramConfig{vocabulary}),
                          std::make_unique<text::CharTokenizer>(tokenizer), learning.tokens(),
                          options);
    });
  };
  const int64_t own = learning.tokenizer.vocab_size();
  CHECK_THAT(refused(own, text::CharTokenizer::fit(learning.text + "xyz")),
             Contains("expected tokens of the tokenizer's vocabulary"));
  CHECK_THAT(refused(own + 1, learning.tokenizer), Contains("tokens, as the model has"));
  CHECK_THAT(message_of<ValueError>(
                 [&] { models::TrainingRun(nullptr, nullptr, learning.tokens(), options); }),
             Contains("expected a model and a tokenizer"));
  models::TrainingRun run = learning.start_in(options.out_dir);
  run.metadata["config"] = "mine";  // does not replace the run's own
  CHECK(run.checkpoint().metadata.at("config") == run.model().config_json());
}

TEST_CASE("own model: damaged metrics rows and rows of later steps are removed") {
  const TemporaryDirectory directory;
  const std::string header = "step,loss,smoothed_loss,val_loss,learning_rate,grad_norm\n",
                    good = "5,1.5,2,,0.1,3\n";
  write_file(directory / "metrics.csv",
             header + good + "nan,1,1,1,1,1\n1e300,1,1,1,1,1\n5.5,1,1,1,1,1\n7,1,1,1,1,1\n6,1\n");
  models::Metrics metrics(directory / "", 6);
  REQUIRE(metrics.rows().size() == 1);
  CHECK(metrics.rows()[0].step == 5);
  CHECK(metrics.rows()[0].loss == 1.5);
  CHECK(!metrics.rows()[0].validation_loss);
  metrics.add({.step = 6, .loss = 1.25}, 2, 100);
  CHECK(read_file(directory / "metrics.csv") == header + good + "6,1.25,,,,\n");
  CHECK(models::Metrics(directory / "", 0).rows().empty());
}

TEST_CASE("own model: invalid training options are refused") {
  const Learning learning;
  const auto refused = [&](const auto& change) {
    models::TrainingOptions options = learning.options;
    change(options);
    return message_of<ValueError>([&] {
      models::TrainingRun(std::make_unique<Bigram>(BigramConfig{learning.tokenizer.vocab_size()}),
                          std::make_unique<text::CharTokenizer>(learning.tokenizer),
                          learning.tokens(), options);
    });
  };
  CHECK_THAT(refused([](auto& o) { o.lr_schedule = "stairs"; }), Contains("stairs"));
  CHECK_THAT(refused([](auto& o) { o.block_size = 100'000; }),
             Contains("text: expected at least "));
  CHECK_THAT(refused([](auto& o) { o.batch_size = 0; }), Contains("batch_size 0"));
  CHECK_THAT(refused([](auto& o) { o.learning_rate = -1; }), Contains("lr"));
}

TEST_CASE("own model: forward_from and a name that is in use are refused") {
  register_bigram();
  Bigram model({5});
  CHECK_THAT(message_of<ValueError>([&] {
               model.forward_from(0, zeros({1, 2, 5}));
             }),
             Contains("expected a model with a residual stream, got "));
  CHECK_THAT(message_of<ValueError>(
                 [&] { models::register_model(models::model_type<Bigram>("gpt", bigram_config)); }),
             Contains("expected a new name, got gpt"));
  CHECK(models::parameter_count(model.config_json()) == 25);
  CHECK(models::training_bytes(model.config_json(), 100, kFloat64) == 4 * 25 * 8);
  CHECK(!model.max_length());
  CHECK(!model.eos_token_id());
  CHECK(model.cache_bytes() == 0);
  model.set_dropout(0.5);
  CHECK(model.drop.p == 0.5);
  CHECK_THROWS_AS(models::make_model(R"({"model_type":"bigram"})"), IoError);
}
