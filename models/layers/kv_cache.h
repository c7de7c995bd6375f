// The keys and values of the tokens that a model has read: with them the next token costs one row.
#pragma once
#include <utility>
#include <vector>

#include "../../framework/tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {
namespace nn {

struct KVCacheOptions {
  int64_t n_layer, batch, n_kv_head, capacity, head_size;
  // A model in bfloat16 keeps float32: attention computes in it, and would convert all that is kept
  // for every token.
  DType dtype = kFloat32;
};

// Room for `capacity` tokens of each of `batch` texts, allocated once.  Shorter texts are padded on
// the left, so that the newest tokens of all stand in one column.
class KVCache {
 public:
  explicit KVCache(const KVCacheOptions& options);
  KVCache(KVCache&&) noexcept = default;  // clone() copies
  KVCache& operator=(KVCache&&) noexcept = default;
  KVCache clone() const;

  int64_t batch() const { return options_.batch; }
  int64_t capacity() const { return options_.capacity; }
  int64_t length() const { return length_; }  // columns read so far, padding included
  int64_t bytes() const;

  // How many columns of padding each text begins with.  Before anything is read.
  void set_padding(std::vector<int64_t> columns);
  bool is_padded() const { return !padding_.empty(); }

  // The position in its text of each token of the next `time` columns: (B, time) int64; padding
  // counts as 0.
  Tensor positions(int64_t time) const;
  // Which columns the queries of the next `time` columns may see: (B, 1, time, length + time) bool.
  // A padding column sees itself, so that its row is finite.
  Tensor mask(int64_t time) const;

  // Writes keys and values (B, G, time, D) of one layer behind those read; all of that layer, with
  // them: (B, G, length + time, D), views.  ShapeError when the capacity does not suffice; as what
  // is kept has no gradient, GraphError for keys and values that are recorded.
  std::pair<Tensor, Tensor> extend(int64_t layer, const Tensor& keys, const Tensor& values);
  void advance(int64_t time);  // once all layers have been extended
  void clear();                // no token read, no padding; the room stays

 private:
  KVCacheOptions options_;
  int64_t length_ = 0;
  std::vector<int64_t> padding_;
  std::vector<std::pair<Tensor, Tensor>> layers_;  // (B, G, capacity, D)
};

}  // namespace nn
}  // namespace vitro
