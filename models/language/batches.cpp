// Makes batches of shuffled windows, and sums the loss over consecutive windows.
#include "models/language/batches.h"

#include <algorithm>
#include <bit>

namespace vitro::models {

namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): each bit of the result depends on
// every bit of x.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Puts a model in eval mode for a scope, and then restores its mode, also after an exception.
class EvalMode {
 public:
  explicit EvalMode(LanguageModel& model) : model_(model), was_training_(model.is_training()) {
    model.eval();
  }
  ~EvalMode() { model_.train(was_training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  LanguageModel& model_;
  bool was_training_;
};

double nats_of(LanguageModel& model, const Tensor& ids, const Tensor& targets) {
  const CrossEntropyOptions sum{.reduction = Reduction::kSum};
  const std::vector<Tensor> parameters = model.parameters();
  if (parameters.empty() || parameters[0].dtype() != kBFloat16)
    return model.loss(ids, targets, sum).item();
  // A sum needs more digits than bfloat16 has.
  return cross_entropy(model(ids).to(kFloat32), targets, sum).item();
}

}  // namespace

Permutation::Permutation(uint64_t n, uint64_t seed, uint64_t epoch)
    : n_(n), key_(mix(mix(seed + 0x9e3779b97f4a7c15) + epoch)) {
  while (half_bits_ < 31 && (uint64_t{1} << 2 * half_bits_) < n) ++half_bits_;
}

uint64_t Permutation::operator()(uint64_t i) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  do {
    uint64_t left = i >> half_bits_, right = i & mask;
    for (uint64_t round = 0; round < 4; ++round)
      left = std::exchange(right, left ^ (mix(key_ + (round << 62) + right) & mask));
    i = left << half_bits_ | right;
  } while (i >= n_);
  return i;
}

NextTokenBatches::NextTokenBatches(text::TokenFile tokens, int64_t batch_size, int64_t block_size,
                                   uint64_t seed)
    : tokens_(std::move(tokens)),
      batch_size_(batch_size),
      block_size_(block_size),
      windows_(tokens_.size() - block_size),
      seed_(seed) {
  check<ValueError>(batch_size >= 1 && block_size >= 1,
                    "batches: expected sizes of at least 1, got batch_size ", batch_size,
                    " and block_size ", block_size);
  check<ValueError>(windows_ >= 1, "batches: expected a text of more than block_size (", block_size,
                    ") tokens, got ", tokens_.size());
}

Batch NextTokenBatches::next() {
  const auto windows = static_cast<uint64_t>(windows_);
  Tensor ids = empty({batch_size_, block_size_}, kInt64), targets = empty(ids.shape(), kInt64);
  const auto length = static_cast<size_t>(block_size_);
  for (int64_t b = 0; b < batch_size_; ++b, ++position_) {
    const Permutation order(windows, seed_, position_ / windows);
    const auto start = static_cast<int64_t>(order(position_ % windows));
    tokens_.copy(start, {ids.mutable_data<int64_t>() + b * block_size_, length});
    tokens_.copy(start + 1, {targets.mutable_data<int64_t>() + b * block_size_, length});
  }
  return {ids, targets};
}

int64_t evaluation_window(const LanguageModel& model) {
  return model.max_length().value_or(std::clamp<int64_t>(model.context(), 256, 4096));
}

Evaluation evaluate(LanguageModel& model, const text::TokenFile& tokens, int64_t block_size,
                    int64_t most_tokens) {
  constexpr int64_t kRows = 16, kTokens = 4096, kLogits = int64_t{1} << 24;  // limits of one batch
  check<ValueError>(tokens.size() >= 2, "evaluate: expected a text of at least two tokens, got ",
                    tokens.size());
  check<ValueError>(block_size >= 1 && most_tokens >= 1,
                    "evaluate: expected a block_size and most_tokens of at least 1, got ",
                    block_size, " and ", most_tokens);
  NoGradGuard unrecorded;
  const EvalMode mode(model);
  const int64_t count = std::min(tokens.size() - 1, most_tokens),
                most = std::min(kTokens, kLogits / model.vocab_size());  // tokens of one batch
  Evaluation result;
  for (int64_t begin = 0, rows, length; begin < count; begin += rows * length) {
    length = std::min(block_size, count - begin);
    rows = std::min({kRows, std::max<int64_t>(1, most / length), (count - begin) / length});
    Tensor ids = empty({rows, length}, kInt64), targets = empty({rows, length}, kInt64);
    const auto n = static_cast<size_t>(rows * length);
    tokens.copy(begin, {ids.mutable_data<int64_t>(), n});
    tokens.copy(begin + 1, {targets.mutable_data<int64_t>(), n});
    result.nats += nats_of(model, ids, targets);
    result.tokens += rows * length;
  }
  return result;
}

}  // namespace vitro::models
