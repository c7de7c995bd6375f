// Stores keys and values of the tokens that a model has read.
#include "models/layers/kv_cache.h"

#include "framework/tensor/loops.h"
#include "ops/ops.h"

namespace vitro::nn {

KVCache::KVCache(const KVCacheOptions& o) : options_(o) {
  check<ShapeError>(
      o.n_layer >= 1 && o.batch >= 1 && o.n_kv_head >= 1 && o.capacity >= 1 && o.head_size >= 1,
      "KVCache: expected positive sizes, got ", o.n_layer, " layers, batch ", o.batch, ", ",
      o.n_kv_head, " heads of ", o.head_size, ", capacity ", o.capacity);
  check<DTypeError>(o.dtype == accumulation_dtype(o.dtype),
                    "KVCache: expected float32 or float64, got ", o.dtype);
  const Shape shape{o.batch, o.n_kv_head, o.capacity, o.head_size};
  for (int64_t i = 0; i < o.n_layer; ++i)
    layers_.emplace_back(empty(shape, o.dtype), empty(shape, o.dtype));
}

KVCache KVCache::clone() const {
  KVCache copy(options_);
  copy.length_ = length_, copy.padding_ = padding_;
  for (size_t i = 0; i < layers_.size(); ++i)
    for (const auto& [to, from] : {std::pair{copy.layers_[i].first, layers_[i].first},
                                   {copy.layers_[i].second, layers_[i].second}})
      narrow(to, 2, 0, length_).copy_(narrow(from, 2, 0, length_));
  return copy;
}

int64_t KVCache::bytes() const {
  return 2 * options_.n_layer * layers_[0].first.numel() *
         static_cast<int64_t>(item_size(options_.dtype));
}

void KVCache::set_padding(std::vector<int64_t> columns) {
  check<GraphError>(length_ == 0,
                    "KVCache: expected padding before the first token, got padding after ", length_,
                    " columns");
  check<ShapeError>(static_cast<int64_t>(columns.size()) == batch(),
                    "KVCache: expected padding for ", batch(), " texts, got ", columns.size());
  for (int64_t n : columns)
    check<ShapeError>(0 <= n && n < capacity(), "KVCache: expected padding in [0, ", capacity(),
                      "), got ", n);
  const bool none = std::all_of(columns.begin(), columns.end(), [](int64_t n) { return n == 0; });
  padding_ = none ? std::vector<int64_t>() : std::move(columns);
}

Tensor KVCache::positions(int64_t time) const {
  Tensor ids = empty({batch(), time}, kInt64);
  int64_t* p = raw<int64_t>(ids);
  for (int64_t b = 0; b < batch(); ++b)
    for (int64_t t = 0; t < time; ++t)
      *p++ =
          std::max<int64_t>(0, length_ + t - (is_padded() ? padding_[static_cast<size_t>(b)] : 0));
  return ids;
}

Tensor KVCache::mask(int64_t time) const {
  const int64_t columns = length_ + time;
  Tensor seen = empty({batch(), 1, time, columns}, kBool);
  bool* p = raw<bool>(seen);
  for (int64_t b = 0; b < batch(); ++b)
    for (int64_t t = length_; t < columns; ++t)
      for (int64_t s = 0; s < columns; ++s)
        *p++ = s == t || (s < t && (!is_padded() || s >= padding_[static_cast<size_t>(b)]));
  return seen;
}

std::pair<Tensor, Tensor> KVCache::extend(int64_t layer, const Tensor& keys, const Tensor& values) {
  check<GraphError>(
      !grad_enabled() || !(keys.requires_grad() || values.requires_grad()),
      "KVCache: expected keys and values without a graph, because the cache stores none, got "
      "recorded keys or values; use the cache under NoGradGuard");
  NoGradGuard unrecorded;
  check<ShapeError>(0 <= layer && layer < options_.n_layer, "KVCache: expected a layer from 0 to ",
                    options_.n_layer - 1, ", got ", layer);
  auto& [k, v] = layers_[static_cast<size_t>(layer)];
  const int64_t time = keys.size(-2);
  const Shape expected{batch(), options_.n_kv_head, time, options_.head_size};
  check<ShapeError>(keys.shape() == expected && values.shape() == expected,
                    "KVCache: expected keys and values ", expected, ", got ", keys.shape(), " and ",
                    values.shape());
  check<ShapeError>(length_ + time <= capacity(), "KVCache: expected at most ", capacity(),
                    " tokens, got ", time, " after the ", length_, " in the cache");
  check<DTypeError>(accumulation_dtype(keys.dtype()) == options_.dtype &&
                        accumulation_dtype(values.dtype()) == options_.dtype,
                    "KVCache: expected keys and values for a cache in ", options_.dtype, ", got ",
                    keys.dtype(), " and ", values.dtype());
  narrow(k, 2, length_, time).copy_(keys);
  narrow(v, 2, length_, time).copy_(values);
  return {narrow(k, 2, 0, length_ + time), narrow(v, 2, 0, length_ + time)};
}

void KVCache::advance(int64_t time) { length_ += time; }

void KVCache::clear() {
  length_ = 0;
  padding_.clear();
}

}  // namespace vitro::nn
