// KVCache: stores the keys and values of the tokens that a model has read.  Then the model computes
// only one row for the next token.
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

// The keys and values of up to `capacity` tokens of each of `batch` texts, allocated once.  Shorter
// texts are padded on the left, so the newest tokens of all texts are in the same column.
class KVCache {
 public:
  // ShapeError for a size below 1, DTypeError for a dtype that KVCacheOptions excludes.
  explicit KVCache(const KVCacheOptions& options);
  // A cache can be moved; clone() copies it.
  KVCache(KVCache&&) noexcept = default;
  KVCache& operator=(KVCache&&) noexcept = default;
  KVCache clone() const;  // shares no memory with this one

  int64_t batch() const { return options_.batch; }        // how many texts
  int64_t capacity() const { return options_.capacity; }  // tokens of each text, at most
  int64_t length() const { return length_; }              // columns in use, padding included
  int64_t bytes() const;                                  // the memory for keys and values

  // Sets the number of padding columns at the beginning of each of the B texts.  GraphError if the
  // cache already has tokens.
  void set_padding(std::vector<int64_t> columns);
  bool is_padded() const { return !padding_.empty(); }  // whether any text has padding

  // Returns the position in its text of each token of the next `time` columns: (B, time) int64.
  // Padding has position 0.
  Tensor positions(int64_t time) const;
  // Returns which columns the next `time` queries may see: (B, 1, time, length + time) bool.
  // A padding column sees itself; a row that sees nothing would give NaN in softmax.
  Tensor mask(int64_t time) const;

  // Appends keys and values (B, G, time, D) of one layer, and returns views of all columns of this
  // layer, including the new columns: (B, G, length + time, D).  ShapeError beyond the capacity.
  // GraphError for recorded keys or values, because the cache does not store their graph.
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
