// Times GPT: forward, backward and a training step of two sizes, and the next token with a cache.
#include <algorithm>
#include <atomic>
#include <span>

#include "bench/gpt_cases.h"
#include "framework/base/parallel.h"

namespace vitro::bench {

const char* const kAbout =
    "G1 is nanoGPT's CPU configuration (4 heads, 65 characters), G2 GPT-2 with 124,439,808\n"
    "parameters.  G3 decodes one text greedily with GPT-2; other = reading all weights once.";

namespace {

// Computes the next token after a context of 64 to 128 tokens.  At 128 a new context starts.
Batch decode(const std::shared_ptr<models::GPT>& model) {
  auto cache = std::make_shared<nn::KVCache>(model->make_cache(1, 128));
  auto next = std::make_shared<Tensor>();
  return batch([=] {
    const bool begins = cache->length() == 0 || cache->length() == cache->capacity();
    if (begins) cache->clear();
    const Tensor ids = begins ? randint(0, model->config.vocab_size, {1, 64}) : *next;
    *next = argmax(model->next_logits(ids, *cache), 1, /*keepdim=*/true);
  });
}

// Reads, on all threads, the weights that one token reads: all but wpe.weight.  (The head reads all
// of wte.weight.)
Batch read_weights(const std::shared_ptr<models::GPT>& model) {
  constexpr int64_t kPiece = int64_t{1} << 16;
  std::vector<std::span<const uint64_t>> pieces;
  for (const auto& [name, p] : model->named_parameters()) {
    if (name == "wpe.weight") continue;
    const auto* words = static_cast<const uint64_t*>(p.impl()->storage->data);
    const int64_t count = p.numel() / 2;  // float32
    for (int64_t i = 0; i < count; i += kPiece)
      pieces.emplace_back(words + i, static_cast<size_t>(std::min(kPiece, count - i)));
  }
  auto sink = std::make_shared<std::atomic<uint64_t>>(0);
  return batch([model, sink, pieces] {
    const auto count = static_cast<int64_t>(pieces.size());
    parallel_for(count, count / get_num_threads(), [&](int64_t begin, int64_t end) {
      uint64_t sum = 0;
      for (int64_t i = begin; i < end; ++i)
        for (const uint64_t word : pieces[static_cast<size_t>(i)]) sum += word;
      *sink += sum;
    });
  });
}

void register_model_rows(const GPTSize& s) {
  Work work{.flops = s.forward_flops()};
  const std::string name = s.name + ' ', shape = s.shape();
  row(name + "forward, no grad", shape, work, [=] {
    return [c = GPTCase(s)] {
      NoGradGuard unrecorded;
      (*c.model)(c.ids);
    };
  });
  work.flops *= 3;  // backward adds the products for dx and dW
  row(name + "with backward", shape, work, [=] {
    return [c = GPTCase(s)] {
      c.model->loss(c.ids, c.targets).backward();
      c.model->zero_grad();
    };
  });
  row(name + "training step, AdamW", shape, work, [=] { return GPTStep(s); });
}

}  // namespace

void register_rows() {
  for (const GPTSize& s : kGPTSizes) register_model_rows(s);
  rivals("G3 next token, against reading", "GPT-2 B1", {.target = 1.2}, [] {
    auto model = std::make_shared<models::GPT>(models::GPTConfig::preset("gpt2"));
    model->eval();
    return std::vector<Batch>{decode(model), read_weights(model)};
  });
}

}  // namespace vitro::bench
