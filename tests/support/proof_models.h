// Models of many configurations, to prove.
#pragma once
#include <string>
#include <vector>

#include "vitro.h"

namespace vitro::testing {

// A model, its input and, for a language model, the targets.
struct Proved {
  std::string name;
  std::unique_ptr<nn::Module> model;
  Tensor input = {}, targets = {};
};

inline Proved with_ids(std::string name, std::unique_ptr<models::LanguageModel> model,
                       int64_t batch, int64_t time, DType dtype, uint64_t seed) {
  Generator generator(seed);
  const int64_t vocabulary = model->vocab_size();
  const Tensor ids = randint(0, vocabulary, {batch, time + 1}, kInt64, generator);
  Proved all{.name = std::move(name), .model = std::move(model)};
  all.input = ids.slice(1, 0, time).contiguous();
  all.targets = ids.slice(1, 1, time + 1).contiguous();
  all.model->to(dtype);
  return all;
}

// Adds noise to every parameter, so that no bias is 0 and no norm weight is 1.
inline void roughen(nn::Module& model, uint64_t seed) {
  Generator generator(seed);
  NoGradGuard unrecorded;
  for (Tensor& parameter : model.parameters())
    parameter.add_(randn(parameter.shape(), kFloat32, generator) * 0.1);
}

// A GPT or MiniLM with a drawn configuration and dtype.
inline Proved drawn_model(uint64_t seed) {
  Generator generator(seed + 1000);
  const auto below = [&](int64_t n) {
    return static_cast<int64_t>(generator.uniform() * static_cast<double>(n));
  };
  manual_seed(seed);
  const DType dtype = seed % 2 ? kBFloat16 : kFloat32;
  const std::string name = "drawn " + std::to_string(seed);
  const int64_t batch = 1 + below(2), time = 1 + below(9);
  if (below(4) == 0) {
    static const char* const kActivations[] = {"none", "relu",      "tanh", "sigmoid",
                                               "gelu", "gelu_tanh", "silu"};
    auto model = std::make_unique<models::MiniLM>(
        models::MiniLMConfig{.vocab_size = 2 + below(40),
                             .n_embd = 1 + below(40),
                             .n_hidden = 1 + below(60),
                             .context = 1 + below(4),
                             .activation = activation_of(kActivations[below(7)])});
    return with_ids(name, std::move(model), batch, time, dtype, seed);
  }
  const int64_t heads = 1 + below(4), width = 2 * (1 + below(8));
  models::GPTConfig config{
      .block_size = 9 + below(8),
      .vocab_size = 2 + below(60),
      .n_layer = 1 + below(4),
      .n_head = heads,
      .n_embd = heads * width,
      .bias = below(2) == 0,
      .n_kv_head = heads % 2 == 0 && below(2) ? heads / 2 : 0,
      .n_inner = below(2) ? 1 + below(100) : 0,
      .norm = below(2) ? models::NormKind::kRMSNorm : models::NormKind::kLayerNorm,
      .position = below(2) ? models::PositionKind::kRotary : models::PositionKind::kLearned,
      .mlp = std::array{models::MLPKind::kGelu, models::MLPKind::kSwiGLU,
                        models::MLPKind::kGeluErf}[static_cast<size_t>(below(3))],
      .tied_head = below(2) == 0};
  auto model = std::make_unique<models::GPT>(config);
  if (below(2)) roughen(*model, seed);
  return with_ids(name, std::move(model), batch, time, dtype, seed);
}

// One model of each kind, in float32 and in bfloat16.
inline std::vector<Proved> proved_models() {
  std::vector<Proved> all;
  for (const DType dtype : {kFloat32, kBFloat16}) {
    const std::string suffix = dtype == kBFloat16 ? " in bfloat16" : "";
    manual_seed(5);
    auto gpt2 = std::make_unique<models::GPT>(models::GPTConfig{
        .block_size = 12, .vocab_size = 40, .n_layer = 3, .n_head = 2, .n_embd = 16});
    roughen(*gpt2, 1);
    all.push_back(with_ids("GPT-2" + suffix, std::move(gpt2), 2, 8, dtype, 1));
    auto llama =
        std::make_unique<models::GPT>(models::GPTConfig{.block_size = 12,
                                                        .vocab_size = 40,
                                                        .n_layer = 3,
                                                        .n_head = 4,
                                                        .n_embd = 32,
                                                        .bias = false,
                                                        .n_kv_head = 2,
                                                        .norm = models::NormKind::kRMSNorm,
                                                        .position = models::PositionKind::kRotary,
                                                        .mlp = models::MLPKind::kSwiGLU,
                                                        .tied_head = false});
    roughen(*llama, 2);
    all.push_back(with_ids("Llama" + suffix, std::move(llama), 1, 8, dtype, 2));
    auto mini = std::make_unique<models::MiniLM>(
        models::MiniLMConfig{.vocab_size = 30, .n_embd = 8, .n_hidden = 16, .context = 3});
    all.push_back(with_ids("MiniLM" + suffix, std::move(mini), 2, 6, dtype, 3));
    all.push_back({"layers" + suffix,
                   std::make_unique<nn::Sequential>(nn::Linear(6, 8), nn::ReLU(), nn::LayerNorm(8),
                                                    nn::Linear(8, 8), nn::Tanh(), nn::RMSNorm(8),
                                                    nn::GELU(), nn::Linear(8, 5), nn::SiLU(),
                                                    nn::Sigmoid(), nn::Softmax()),
                   randn({3, 6})});
    all.back().model->to(dtype);
    all.back().input = all.back().input.to(dtype);
  }
  return all;
}

}  // namespace vitro::testing
