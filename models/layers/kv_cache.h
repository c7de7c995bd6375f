// KVCache: keeps the keys and values of the tokens that a model has read, so that the next token
// costs one row.
#pragma once
#include <utility>
#include <vector>

#include "../../framework/tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

// The sizes of a KVCache, and its dtype.
struct KVCacheOptions {
  int64_t n_layer, batch, n_kv_head, capacity, head_size;  // capacity: tokens of each text
  // float32 or float64.  A model in bfloat16 takes float32: attention computes in float32, and
  // would have to convert the whole cache for every token.
  DType dtype = kFloat32;
};

// Room for `capacity` tokens of each of `batch` texts, allocated once.  Shorter texts are padded on
// the left, so that the newest tokens of all texts stand in the same column.
class KVCache {
 public:
  // ShapeError for a size below 1, DTypeError for another dtype.
  explicit KVCache(const KVCacheOptions& options);
  // A cache can be moved; clone() copies it.
  KVCache(KVCache&&) noexcept = default;
  KVCache& operator=(KVCache&&) noexcept = default;
  KVCache clone() const;  // shares no memory with this one

  int64_t batch() const { return options_.batch; }        // how many texts
  int64_t capacity() const { return options_.capacity; }  // tokens of each text, at most
  int64_t length() const { return length_; }              // columns in use, padding included
  int64_t bytes() const;                                  // of the memory for keys and values

  // Sets how many columns of padding each of the B texts begins with.  GraphError if the cache
  // holds tokens already.
  void set_padding(std::vector<int64_t> columns);
  bool is_padded() const { return !padding_.empty(); }  // whether any text has padding

  // The position of each token of the next `time` columns within its text: (B, time) int64.
  // Padding has position 0.
  Tensor positions(int64_t time) const;
  // Which columns the queries of the next `time` columns may see: (B, 1, time, length + time) bool.
  // A padding column sees itself, so that the softmax of its row is finite.
  Tensor mask(int64_t time) const;

  // Appends keys and values (B, G, time, D) for one layer, and returns views of everything cached
  // for it, the new columns included: (B, G, length + time, D).  ShapeError beyond the capacity.
  // GraphError for recorded keys or values, because cached ones have no gradient.
  std::pair<Tensor, Tensor> extend(int64_t layer, const Tensor& keys, const Tensor& values);
  void advance(int64_t time);  // adds `time` to the length, after extend() on every layer
  void clear();                // forgets tokens and padding, but keeps the memory

 private:
  KVCacheOptions options_;
  int64_t length_ = 0;
  std::vector<int64_t> padding_;
  std::vector<std::pair<Tensor, Tensor>> layers_;  // (B, G, capacity, D)
};

}  // namespace nn
}  // namespace vitro
