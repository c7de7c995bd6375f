// Tests how save_pretrained writes GPT-2 in Hugging Face's layout.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/models/gpt2_files.h"
#include "tests/support/file_calls.h"
#include "tests/support/tensors.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Matchers::Contains;

TEST_CASE("pretrained: a head that the user untied or tied is saved as it is now") {
  const TemporaryDirectory directory;
  GPT model = tiny_gpt2();
  model.lm_head.weight = (model.wte.weight.detach() * 2).clone().requires_grad_();
  model.save_pretrained(directory / "untied");
  GPT untied = GPT::from_pretrained(directory / "untied");
  CHECK(!untied.config.tied_head);
  CHECK(same_bits(logits_of(untied), logits_of(model)));
  untied.lm_head.weight = untied.wte.weight;
  untied.save_pretrained(directory / "tied");
  GPT tied = GPT::from_pretrained(directory / "tied");
  CHECK(tied.config.tied_head);
  CHECK(same_bits(logits_of(tied), logits_of(untied)));
}

TEST_CASE("pretrained: a model made by vitro is saved as GPT-2, and loaded unchanged") {
  const TemporaryDirectory directory;
  const std::string path = directory / "made/for/it";
  GPTConfig config = kTinyGPT2;
  config.n_inner = 10, config.dropout = 0.25, config.norm_eps = 1e-6;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path);
  CHECK(read_file(path + "/config.json") == R"({
  "activation_function": "gelu_new",
  "architectures": [
    "GPT2LMHeadModel"
  ],
  "model_type": "gpt2",
  "torch_dtype": "float32",
  "eos_token_id": null,
  "bos_token_id": null,
  "n_positions": 8,
  "vocab_size": 11,
  "n_layer": 2,
  "n_head": 2,
  "n_embd": 6,
  "n_inner": 10,
  "layer_norm_epsilon": 1e-06,
  "tie_word_embeddings": true,
  "resid_pdrop": 0.25,
  "embd_pdrop": 0.25,
  "attn_pdrop": 0.25
}
)");
  GPT loaded = GPT::from_pretrained(path);
  CHECK(loaded.config == config);
  CHECK(same_bits(logits_of(loaded), logits_of(model)));

  config.bias = false;
  GPT plain = tiny_gpt2(config);
  plain.save_pretrained(path);
  GPT with_zeros = GPT::from_pretrained(path);
  CHECK(with_zeros.config.bias);
  CHECK(max_difference(logits_of(with_zeros), logits_of(plain)) < 1e-6);
}

TEST_CASE("pretrained: bos_token_id and eos_token_id are written if they are missing") {
  const TemporaryDirectory directory;
  const std::string path = directory / "gpt2";
  const text::BpeTokenizer tokenizer = small_tokenizer(260);
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 260;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path, &tokenizer);
  const auto saved = [&] { return OrderedJson::parse(read_file(path + "/config.json")); };
  CHECK(saved()["bos_token_id"] == 259);
  CHECK(saved()["eos_token_id"] == 259);
  OrderedJson named = saved();
  named["eos_token_id"] = 7, named.erase("bos_token_id");
  write_file(path + "/config.json", named.dump());
  GPT loaded = GPT::from_pretrained(path);
  CHECK(loaded.layout->eos_token_id() == 7);
  loaded.save_pretrained(path, &tokenizer);
  CHECK(saved()["bos_token_id"] == 259);
  CHECK(saved()["eos_token_id"] == 7);
  write_file(path + "/config.json", named.dump());
  loaded.save_pretrained(path);
  CHECK(read_file(path + "/config.json") == named.dump());
}

TEST_CASE("pretrained: a model that GPT-2's layout cannot describe is not saved") {
  const TemporaryDirectory directory;
  GPTConfig llama = kTinyGPT2;
  llama.n_embd = 8, llama.n_kv_head = 1;
  llama.norm = models::NormKind::kRMSNorm, llama.position = models::PositionKind::kRotary;
  llama.mlp = models::MLPKind::kSwiGLU;
  GPT model(llama);
  CHECK(
      message_of<ValueError>([&] { model.save_pretrained(directory / "llama"); }) ==
      "save_pretrained: expected a model like GPT-2, got one with RMSNorm, rotary positions, "
      "SwiGLU, fewer heads of keys and values, which the layout cannot hold; use save_checkpoint");
  const text::BpeTokenizer tokenizer = small_tokenizer(260);
  GPT gpt2 = tiny_gpt2();
  CHECK_THROWS_WITH(
      gpt2.save_pretrained(directory / "gpt2", &tokenizer),
      Contains("expected a tokenizer of at most 11 tokens, as the model has, got 260"));
  CHECK(contents(directory / "").empty());
  directory.write("file", "");
  CHECK_THROWS_AS(gpt2.save_pretrained(directory / "file"), IoError);
}

TEST_CASE("pretrained: a save that fails anywhere does not change the directory") {
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 260;
  GPT old_model = tiny_gpt2(config), model = tiny_gpt2(config);
  model.wte.weight.detach().add_(1);
  model.drop.p = 0.5;
  const text::BpeTokenizer tokenizer = small_tokenizer(260), old_tokenizer = small_tokenizer(259);
  for (const bool is_there : {true, false}) {
    const TemporaryDirectory directory;
    const std::string path = directory / "gpt2";
    model.save_pretrained(path, &tokenizer);
    const auto after = contents(directory / "");
    const auto reset = [&] {
      std::filesystem::remove_all(path);
      if (is_there) old_model.save_pretrained(path, &old_tokenizer);
    };
    reset();
    const auto before = contents(directory / "");
    size_t failures = 0, late = 0;
    for (size_t n = 0;; ++n) {
      Calls calls;
      calls.at = [n](size_t i, const std::string&) { return i == n ? ENOSPC : 0; };
      bool is_saved = true;
      try {
        const ScopedFileCalls scope(calls);
        model.save_pretrained(path, &tokenizer);
      } catch (const IoError&) { is_saved = false; }
      if (calls.made.size() <= n) break;
      INFO("call " << n << ", " << calls.made[n]);
      const auto now = contents(directory / "");
      failures += !is_saved;
      if (is_saved) CHECK((calls.made[n] == "unlink" || calls.made[n] == "close"));
      if (is_saved || now != before) CHECK(now == after);
      late += !is_saved && now == after;
      reset();
    }
    CHECK(failures > 20);
    CHECK(late == 2);  // opening and syncing the directory fail after all files are in place
  }
}

TEST_CASE("pretrained: load_model loads a directory in this layout, with its tokenizer") {
  const TemporaryDirectory directory;
  const std::string path = directory / "gpt2";
  const text::BpeTokenizer tokenizer = small_tokenizer(262);
  GPTConfig config = kTinyGPT2;
  config.vocab_size = 262;
  GPT model = tiny_gpt2(config);
  model.save_pretrained(path, &tokenizer);
  models::SavedModel saved = models::load_model(path);
  CHECK(saved.model->context() == 8);
  CHECK(saved.tokenizer->kind() == "bpe");
  CHECK(saved.tokenizer->vocabulary_hash() == tokenizer.vocabulary_hash());
  const Tensor ids = tensor({{3, 1, 250, 261}}, kInt64);
  NoGradGuard unrecorded;
  CHECK(same_bits((*saved.model)(ids), model(ids)));

  config.vocab_size = 300;  // padded: all weights stay, and padding is never predicted
  GPT padded = tiny_gpt2(config);
  padded.save_pretrained(path, &tokenizer);
  saved = models::load_model(path);
  CHECK(saved.model->vocab_size() == 300);
  CHECK(same_bits((*saved.model)(ids), padded(ids)));
  padded.wte.weight.fill_(0.0);
  padded.wte.weight.slice(0, 262, 300).fill_(1.0);  // the padding ids are the likeliest
  CHECK(padded(ids).select(0, 0).select(0, -1).argmax().item<int64_t>() >= 262);
  const models::GenerateOptions greedy{.max_new_tokens = 3};
  CHECK_NOTHROW(models::generate_text(padded, tokenizer, "a", greedy));

  const auto refused = [&](int64_t size) {
    config.vocab_size = size;
    tiny_gpt2(config).save_pretrained(path);
    CHECK_THROWS_WITH(models::load_model(path),
                      path + ": tokenizer: expected " + std::to_string(size) +
                          " tokens, as the model has (byte pairs may be fewer if the model is "
                          "padded), got 262");
  };
  refused(261);
  refused(391);
  refused(1408);
  config.vocab_size = 384;
  tiny_gpt2(config).save_pretrained(path);
  CHECK(models::load_model(path).model->vocab_size() == 384);

  for (const char* file : {"tokenizer.json", "vocab.json", "merges.txt"})
    remove_file(path + "/" + file);
  CHECK_THROWS_WITH(
      models::load_model(path),
      Contains("expected tokenizer.json, vocab.json or encoder.json in the directory"));
  saved = models::load_model(path, models::TokenizerIs::kOptional);
  CHECK(!saved.tokenizer);
  CHECK(saved.model->vocab_size() == 384);
}
