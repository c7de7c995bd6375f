// The table of the kinds, and the kinds that a program registers.
#include "models/proof/kinds/kinds.h"

#include <deque>
#include <map>
#include <mutex>
#include <typeindex>

#include "framework/base/parallel_fork.h"
#include "models/language/gpt.h"
#include "models/language/mini_lm.h"
#include "models/layers/containers.h"

namespace vitro::proof {

namespace {

struct Registered {
  std::mutex mutex;
  // A deque: a kind stays where it is when another is added, even one that replaces it.
  std::deque<Kind> all;
  std::map<std::type_index, const Kind*> last;
};
// Never destroyed, because a thread may compute by hand while static objects are destroyed.
Registered& registered() {
  static Registered* const kinds = [] {
    at_fork(
        ForkLock::kKinds, [] { registered().mutex.lock(); },
        [](bool) { registered().mutex.unlock(); });
    return new Registered;
  }();
  return *kinds;
}

using KindTable = std::map<std::type_index, Kind>;
KindTable make_table() {
  return {{typeid(nn::Linear), linear_kind()},
          {typeid(nn::Embedding), embedding_kind()},
          {typeid(nn::LayerNorm), layer_norm_kind()},
          {typeid(nn::RMSNorm), rms_norm_kind()},
          {typeid(nn::GELU), gelu_kind()},
          {typeid(nn::ReLU), relu_kind()},
          {typeid(nn::Tanh), tanh_kind()},
          {typeid(nn::Sigmoid), sigmoid_kind()},
          {typeid(nn::SiLU), silu_kind()},
          {typeid(nn::Softmax), softmax_kind()},
          {typeid(nn::Dropout), identity_kind()},
          {typeid(nn::Identity), identity_kind()},
          {typeid(nn::HookPoint), identity_kind()},
          {typeid(nn::Sequential), sequential_kind()},
          {typeid(nn::CausalSelfAttention), causal_self_attention_kind()},
          {typeid(nn::MultiheadAttention), multihead_attention_kind()},
          {typeid(models::MLP), mlp_kind()},
          {typeid(models::Block), block_kind()},
          {typeid(models::GPT), gpt_kind()},
          {typeid(models::MiniLM), mini_lm_kind()}};
}

}  // namespace

const Kind* built_in(const std::type_info& type) {
  static const KindTable* const table =
      new KindTable(make_table());  // never destroyed, for the same reason
  const auto found = table->find(type);
  return found == table->end() ? nullptr : &found->second;
}

bool is_built_in(const nn::Module& m) {
  const Kind* kind = kind_of(m);
  return kind && kind == built_in(typeid(m));
}

void register_kind(const std::type_info& type, Kind kind) {
  Registered& kinds = registered();
  const std::lock_guard lock(kinds.mutex);
  kinds.last[type] = &kinds.all.emplace_back(std::move(kind));
}

const Kind* kind_of(const nn::Module& m) {
  Registered& kinds = registered();
  const std::lock_guard lock(kinds.mutex);
  const auto found = kinds.last.find(typeid(m));
  return found == kinds.last.end() ? built_in(typeid(m)) : found->second;
}

}  // namespace vitro::proof
