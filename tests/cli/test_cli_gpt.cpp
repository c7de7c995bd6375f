// Tests vitro train for GPTs in real processes: the model and the schedule that the options give,
// and runs that start from a saved model.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/refusal.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// A text that follows a rule: every word is followed by its mirror image.
std::string mirrored_text() {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    const std::string word = {static_cast<char>('a' + i * 7 % 5), static_cast<char>('a' + i % 4),
                              static_cast<char>('a' + i * 3 % 7)};
    text += word + '|' + std::string(word.rbegin(), word.rend()) + ' ';
  }
  return text;
}

Words train(const std::string& text, const std::string& out, const Words& more) {
  return with({"train", text, "--out-dir", out, "--sample-tokens", "0", "--seed", "3"}, more);
}
const Words kTiny = {"--n-layer",    "1", "--n-head",    "2", "--n-embd", "8",
                     "--block-size", "8", "--max-iters", "0"};

Checkpoint saved(const std::string& out) { return CheckpointDirectory(out).latest().checkpoint; }
json config(const std::string& out) { return json::parse(saved(out).metadata.at("config")); }
json metadata(const std::string& out) { return json::parse(saved(out).metadata.at("options")); }

}  // namespace

TEST_CASE("gpt: options decide the model, also in the spelling of nanoGPT") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), a = directory / "a",
                    b = directory / "b", c = directory / "c";
  const std::string shown = output_of(
      train(text, a,
            {"--n_layer=2", "--n_head", "4", "--n_embd=16", "--block_size=8", "--bias=False",
             "--dropout=0.0", "--max_iters=0", "--lr_decay_iters=20", "--norm", "rmsnorm",
             "--position", "rotary", "--mlp", "swiglu", "--n-kv-head", "2"}));
  CHECK_THAT(shown, Contains("GPT(2 layers, 4 heads, n_embd 16, vocabulary 9, block 8)"));
  const json made = config(a);
  CHECK(made["model_type"] == "gpt");
  CHECK(made["n_layer"] == 2);
  CHECK(made["n_head"] == 4);
  CHECK(made["n_kv_head"] == 2);
  CHECK(made["n_embd"] == 16);
  CHECK(made["block_size"] == 8);
  CHECK(made["bias"] == false);
  CHECK(made["norm"] == "rms_norm");
  CHECK(made["position"] == "rotary");
  CHECK(made["mlp"] == "swiglu");
  CHECK(made["dropout"] == 0);
  CHECK(metadata(a)["lr-decay-iters"] == 20);

  // A preset decides the sizes that were not given; --model-type alone means the smallest preset.
  output_of(train(text, b,
                  {"--preset", "gpt2-medium", "--n-layer", "1", "--n-embd", "32", "--block-size",
                   "8", "--max-iters", "0"}));
  CHECK(config(b)["n_head"] == 16);
  CHECK(metadata(b)["learning-rate"] == 3e-4);
  CHECK(metadata(b)["beta2"] == 0.95);
  output_of(train(text, c, {"--model-type", "gpt", "--max-iters", "0"}));
  CHECK(config(c)["n_embd"] == 128);
  CHECK(metadata(c)["block-size"] == 64);
  CHECK(metadata(c)["weight-decay"] == 0.1);
}

TEST_CASE("gpt: it learns, and eval and generate use its run") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), out = directory / "out";
  output_of(train(
      text, out,
      {"--n-layer", "1", "--n-head", "2", "--n-embd", "32", "--block-size", "16", "--max-iters",
       "150", "--eval-interval", "150", "--lr", "1e-2", "--dropout", "0", "--batch-size", "8"}));
  const json eval = json::parse(output_of({"eval", "--model", out, "--json"}));
  CHECK(eval["loss"] < 1.6);
  const std::string csv = read_file(out + "/metrics.csv");
  CHECK(std::stod(csv.substr(csv.find("\n0,,,") + 5)) > 2.0);
  const json generated = json::parse(output_of(
      {"generate", "--model", out, "--prompt", "abc|", "--max-new-tokens", "30", "--json"}));
  CHECK(generated["ids"].size() == 34);
}

TEST_CASE("gpt: a run gives the same steps as a loop in C++ with the same options") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), out = directory / "out";
  output_of(train(text, out,
                  {"--n-layer=1", "--n-head=2", "--n-embd=8", "--block-size=8", "--batch-size=3",
                   "--gradient-accumulation-steps=2", "--max-iters=4", "--lr=0.05", "--min-lr=0.02",
                   "--warmup-iters=1", "--beta1=0.7", "--beta2=0.8", "--weight-decay=0.3",
                   "--grad-clip=0.2", "--dropout=0.1", "--dtype=float64", "--eval-iters=1"}));
  const text::TokenFile tokens(out + "/tokens.bin");
  manual_seed(3);
  models::GPT model({.block_size = 8,
                     .vocab_size = config(out)["vocab_size"],
                     .n_layer = 1,
                     .n_head = 2,
                     .n_embd = 8,
                     .dropout = 0.1});
  model.to(kFloat64);
  const int64_t learnt = tokens.size() - tokens.size() / 10;
  const std::string csv = read_file(out + "/metrics.csv");
  CHECK(std::stod(csv.substr(csv.find("\n0,,,") + 5)) ==
        Approx(models::evaluate(model, tokens.slice(learnt, tokens.size()), 8, 3 * 8).loss()));
  model.train();
  models::NextTokenBatches batches(tokens.slice(0, learnt), 3, 8, 3);
  const auto [decayed, plain] = optim::decay_groups(model.named_parameters());
  optim::AdamWOptions options{.lr = 0.05, .beta1 = 0.7, .beta2 = 0.8, .weight_decay = 0.3};
  optim::AdamW opt(decayed, options);
  options.weight_decay = 0;
  opt.add_param_group(plain, options);
  optim::Scheduler schedule(
      opt, optim::LinearWarmupCosine{.warmup_iters = 1, .lr_decay_iters = 4, .min_lr = 0.02});
  for (int step = 0; step < 4; ++step) {
    for (int i = 0; i < 2; ++i) {
      const auto [ids, targets] = batches.next();
      (model.loss(ids, targets) / 2).backward();
    }
    CHECK(optim::clip_grad_norm_(model.parameters(), 0.2) > 0.2);  // the gradients are clipped
    opt.step();
    opt.zero_grad();
    schedule.step();
  }
  const NamedTensors tensors = under_prefix("model.", saved(out).tensors);
  const std::map<std::string, Tensor> trained(tensors.begin(), tensors.end());
  CHECK(trained.size() == model.state_dict().size());
  for (const auto& [name, x] : model.state_dict()) {
    INFO(name);
    CHECK(trained.at(name).dtype() == kFloat64);
    CHECK(max_difference(trained.at(name), x) < 1e-12);
  }
}

TEST_CASE("gpt: every schedule warms up and falls as it says") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text());
  const auto rates = [&](const std::string& schedule) {
    const std::string out = directory / schedule;
    output_of(train(
        text, out,
        with(kTiny, {"--lr-schedule", schedule, "--lr", "1e-3", "--min-lr", "1e-4",
                     "--warmup-iters", "3", "--lr-decay-iters", "9", "--log-interval", "1"})));
    output_of({"train", "--resume", "--out-dir", out, "--max-iters", "12"});
    std::istringstream lines(read_file(out + "/metrics.csv"));
    std::vector<double> all;
    std::string line;
    for (int i = 0; std::getline(lines, line); ++i) {
      if (i < 2) continue;  // the header, and step 0
      for (int cell = 0; cell < 4; ++cell) line = line.substr(line.find(',') + 1);
      all.push_back(std::stod(line));
    }
    return all;
  };
  const std::vector<double> cosine = rates("cosine"), linear = rates("linear"),
                            constant = rates("constant");
  REQUIRE(cosine.size() == 12);
  for (size_t i = 0; i < 12; ++i) {
    INFO("step " << i + 1);
    const double step = static_cast<double>(i), warmup = 1e-3 * (step + 1) / 4,
                 progress = std::min(1.0, (step - 3) / 6);
    CHECK(cosine[i] ==
          Approx(i < 3 ? warmup : 1e-4 + 9e-4 * 0.5 * (1 + std::cos(progress * 3.14159265358979))));
    CHECK(linear[i] == Approx(i < 3 ? warmup : 1e-3 - 9e-4 * progress));
    CHECK(constant[i] == Approx(i < 3 ? warmup : 1e-3));
  }
}

TEST_CASE("gpt: --init-from starts from a saved model of any type") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()),
                    other = directory.write("b.txt", mirrored_text().substr(700, 900));
  for (const Words& kind : {kTiny, Words{"--n-hidden", "8", "--n-embd", "4", "--max-iters", "0"}}) {
    const std::string first = directory / ("first" + kind[1]),
                      second = directory / ("second" + kind[1]);
    output_of(train(text, first, kind));
    const auto go_on = [&](const std::string& out, const char* steps, const char* dropout) {
      output_of({"train", other, "--init-from", first, "--out-dir", out, "--max-iters", steps,
                 "--sample-tokens", "0", "--dropout", dropout});
      return under_prefix("model.", saved(out).tensors);
    };
    go_on(second, "0", "0.1");
    const Checkpoint a = saved(first), b = saved(second);
    const NamedTensors weights = under_prefix("model.", a.tensors);
    NamedTensors taken = under_prefix("model.", b.tensors);
    REQUIRE(weights.size() == taken.size());
    for (size_t i = 0; i < weights.size(); ++i)
      CHECK(same_bits(weights[i].second, taken[i].second));
    CHECK(a.metadata.at("tokenizer") == b.metadata.at("tokenizer"));
    // The other options get the defaults for a model that is already trained.
    CHECK(metadata(second)["learning-rate"] == 3e-5);
    CHECK(metadata(second)["lr-schedule"] == "constant");
    CHECK(metadata(second)["warmup-iters"] == 0);
    CHECK(metadata(second)["batch-size"] == 4);
    json before = config(first), after = config(second);
    CHECK(after["dropout"] == 0.1);
    after["dropout"] = before["dropout"];
    CHECK(before == after);
    const NamedTensors whole = go_on(directory / ("whole" + kind[1]), "2", "0.1"),
                       undropped = go_on(directory / ("undropped" + kind[1]), "2", "0");
    CHECK(!same_bits(whole[0].second, undropped[0].second));
    // The run can be resumed with the same result after the initial model is removed.
    std::filesystem::remove_all(first);
    output_of({"train", "--resume", "--out-dir", second, "--max-iters", "2"});
    taken = under_prefix("model.", saved(second).tensors);
    for (size_t i = 0; i < whole.size(); ++i) CHECK(same_bits(whole[i].second, taken[i].second));
  }
}

TEST_CASE("gpt: --init-from converts a model of any dtype, and export gives its config.json back") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), hf = directory / "hf",
                    run = directory / "run", wide = directory / "wide", back = directory / "back";
  const auto tokenizer = text::BpeTokenizer::train(mirrored_text(), 260);
  models::GPT model({.block_size = 8, .vocab_size = 260, .n_layer = 1, .n_head = 2, .n_embd = 8});
  model.to(kBFloat16).to(kFloat32);
  for (const auto& [dtype, as] :
       {std::pair{kBFloat16, "float32"}, {kFloat64, "float32"}, {kFloat32, "float64"}}) {
    INFO(dtype << " to " << as);
    model.to(dtype);
    model.save_pretrained(hf, &tokenizer);
    json said = json::parse(read_file(hf + "/config.json"));
    said["eos_token_id"] = 259, said["task_specific_params"] = {{"text", 1}};
    write_file(hf + "/config.json", said.dump());
    std::filesystem::remove_all(run);
    output_of({"train", text, "--init-from", hf, "--out-dir", run, "--max-iters", "0",
               "--sample-tokens", "0", "--dtype", as});
    const DType now = std::string(as) == "float64" ? kFloat64 : kFloat32;
    const NamedTensors weights = model.state_dict();
    std::map<std::string, Tensor> before(weights.begin(), weights.end());
    for (const auto& [name, x] : under_prefix("model.", saved(run).tensors))
      CHECK(same_bits(x, before.at(name).to(now)));
  }
  output_of({"train", text, "--init-from", run, "--out-dir", wide, "--max-iters", "1",
             "--sample-tokens", "0"});
  CHECK(saved(wide).tensors.front().second.dtype() != kFloat64);
  output_of({"train", "--resume", "--out-dir", wide, "--max-iters", "2"});
  output_of({"export", "--model", wide, "--out", back});
  const json after = json::parse(read_file(back + "/config.json"));
  CHECK(after["eos_token_id"] == 259);
  CHECK(after["task_specific_params"] == json{{"text", 1}});
  CHECK(after["torch_dtype"] == "float32");
}

TEST_CASE("gpt: export does not leave the tokenizer of another model next to the weights") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), run = directory / "run",
                    hf = directory / "hf", empty = directory / "empty";
  output_of(train(text, run, kTiny));  // a model of characters, which has no byte pairs
  output_of({"export", "--model", run, "--out", empty});
  output_of({"export", "--model", run, "--out", empty});  // again, over its own files
  const auto tokenizer = text::BpeTokenizer::train(mirrored_text(), 260);
  models::GPT({.block_size = 8, .vocab_size = 260, .n_layer = 1, .n_head = 2, .n_embd = 8})
      .save_pretrained(hf, &tokenizer);
  const std::string before = read_file(hf + "/model.safetensors");
  check_refused({"export", "--model", run, "--out", hf}, 1,
                "the files of another model's tokenizer; choose another one");
  CHECK(read_file(hf + "/model.safetensors") == before);
}

TEST_CASE("gpt: inconsistent options are refused in one line") {
  TemporaryDirectory directory;
  const std::string text = directory.write("a.txt", mirrored_text()), run = directory / "run",
                    greek =
                        directory.write("greek.txt",
                                        "\u03b1\u03b2\u03b3 \u03b1\u03b2\u03b3 \u03b1\u03b2\u03b3 "
                                        "\u03b1\u03b2\u03b3 \u03b1\u03b2\u03b3");
  const std::string others = directory / "others";
  std::filesystem::create_directory(others);
  directory.write("others/config.json", "{}");
  output_of(train(text, run, kTiny));
  const auto fresh = [&](const Words& more) { return train(text, directory / "fresh", more); };
  const auto from_run = [&](const Words& more) { return fresh(with({"--init-from", run}, more)); };
  const struct {
    Words arguments;
    int code;
    const char* says;
  } table[] = {
      {fresh({"--n-layer", "0"}), 2, "--n-layer: expected a whole number from 1"},
      {fresh({"--n-head", "3", "--n-embd", "8"}), 2,
       "--n-embd: expected a multiple of --n-head (3), got 8"},
      {fresh({"--n-head", "4", "--n-kv-head", "3"}), 2,
       "--n-kv-head: expected a divisor of --n-head (4), got 3"},
      {fresh({"--position", "rotary", "--n-embd", "12"}), 2,
       "expected an even --n-embd / --n-head, got 3"},
      {fresh({"--preset", "gpt3"}), 2, "--preset: expected one of nano|gpt2|"},
      {fresh({"--norm", "batchnorm"}), 2, "--norm: expected one of layernorm|rmsnorm"},
      {fresh({"--bias=maybe"}), 2, "bias"},
      {fresh({"--n-layer", "2", "--context", "3"}), 2,
       "expected options of one model type, got --context of a MiniLM and --n-layer of a GPT"},
      {fresh({"--model-type", "mini", "--n-layer", "2"}), 2,
       "--n-layer: expected --model-type gpt"},
      {fresh({"--model-type", "gpt", "--n-hidden", "9"}), 2,
       "--n-hidden: expected --model-type mini"},
      {fresh({"--vocab-size", "300"}), 2, "--vocab-size: expected --tokenizer bpe, got char"},
      {fresh({"--tokenizer", "bpe", "--vocab-size", "256"}), 2,
       "--vocab-size: expected a whole number from 257"},
      {fresh({"--tokenizer", "chr"}), 1,
       "--tokenizer: expected char, word, bpe or the path of a saved tokenizer, got chr: No such"},
      {fresh({"--preset", "gpt2-xl", "--n-layer", "1024", "--n-embd", "64000"}), 1,
       "choose a smaller model"},
      {fresh({"--init-from", directory / "none"}), 1,
       "none: expected a run, a checkpoint or a directory with config.json, got none: "},
      {fresh({"--init-from", text}), 1, "a.txt: "},
      {fresh({"--init-from", "gpt2"}), 1, ": No such file or directory; nothing is downloaded"},
      {fresh({"--init-from", "resume"}), 1,
       "expected a saved model, got resume; --resume continues"},
      {train(text, others, kTiny), 1,
       "expected a directory without a model, got one in Hugging Face's format"},
      {from_run({"--preset", "gpt2"}), 2, "--init-from excludes --preset"},
      {from_run({"--tokenizer", "word"}), 2, "--tokenizer excludes --init-from"},
      {from_run({"--n-layer", "2"}), 2, "--n-layer: expected 1 as in "},
      {from_run({"--n-hidden", "2"}), 2, "--n-hidden: expected --model-type mini"},
      {from_run({"--model-type", "mini"}), 2, "--model-type: expected gpt as in "},
      {from_run({"--block-size", "9"}), 2, "--block-size: expected at most 8, the context of "},
      {train(greek, directory / "fresh", {"--init-from", run, "--block-size", "2"}), 1,
       "(U+03B1) at position 0"},
      {with({"train", "--resume", "--out-dir", run}, {"--n-layer", "2"}), 2,
       "--n-layer: expected 1, the value of the run, got 2"},
      {with({"train", "--resume", "--out-dir", run}, {"--context", "2"}), 2,
       "--context: expected 8, the value of the run, got 2"},
      {with({"train", "--resume", "--out-dir", run}, {"--context", "8"}), 2,
       "--context: expected --model-type mini"},
  };
  for (const auto& [arguments, code, says] : table) check_refused(arguments, code, says);
  CHECK(!std::filesystem::exists(directory / "fresh"));
}

TEST_CASE("gpt: the estimate of memory does not count logits, which are never stored") {
  const TemporaryDirectory directory;
  // With n_embd 2 and one layer, the model stores 52 numbers per token.  1,000 logits and their
  // gradients would add 2,000 numbers.
  const int64_t bytes = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
                rows = bytes / (4 * 4 * 52);
  const auto train = [&](const std::string& dtype) {
    return run_vitro({"train",
                      "--tokenizer",
                      "bpe",
                      "--vocab-size",
                      "1000",
                      "--n-layer",
                      "1",
                      "--n-head",
                      "1",
                      "--n-embd",
                      "2",
                      "--batch-size",
                      "65536",
                      "--block-size",
                      std::to_string(std::clamp<int64_t>(rows / 65536, 1, 2000)),
                      "--max-iters",
                      "0",
                      "--sample-tokens",
                      "0",
                      "--dtype",
                      dtype,
                      "--out-dir",
                      directory / dtype});
  };
  CHECK(train("float32").code == 0);
  CHECK_THAT(train("float64").err, Contains("GiB of memory and this machine has"));
}
