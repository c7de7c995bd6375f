// Attention of one head, or of the heads that share k and v, in float32: blocks of rows of q by
// blocks of rows of k, so that no matrix of scores is kept.  Serial; the caller splits heads and
// rows among threads.
#pragma once
#include <algorithm>
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::simd {

// Which weights are dropped: of row r and column s, 64 c + 16 w + b, the one whose number, word w
// of Philox's block first + 16 (r ceil(S / 64) + c) + b, is below the threshold.  The others count
// `kept`.
struct AttentionDropout {
  static constexpr int64_t kBlocks = 16, kColumns = 4 * kBlocks;
  uint64_t threshold = 0, seed = 0, first = 0;  // 0: none
  double kept = 1;
  static int64_t blocks_per_row(int64_t S) { return (S + kColumns - 1) / kColumns * kBlocks; }
  AttentionDropout from_row(int64_t row, int64_t S) const {
    AttentionDropout rest = *this;
    rest.first += static_cast<uint64_t>(row * blocks_per_row(S));
    return rest;
  }
};

// softmax(scale q k^T + bias) v: q (T, D), k and v (S, D).
struct AttentionSize {
  int64_t T, S, D;
  float scale;
  bool is_causal;
  // Row t sees the first so many columns.
  int64_t seen(int64_t t) const { return is_causal ? std::clamp<int64_t>(t + 1 + S - T, 0, S) : S; }
};

// Rows of D contiguous numbers each, `stride` apart; of bias: rows of S numbers, or null.
template <class T>
struct RowsOf {
  T* data;
  int64_t stride;
  T* operator[](int64_t row) const { return data + row * stride; }
};
using ConstRows = RowsOf<const float>;
using MutableRows = RowsOf<float>;

// Rows of q that attention_rows works through at a time: ranges of rows that start at a multiple
// of it give the same numbers however they are cut.
inline constexpr int64_t kAttentionRows = 48;

// Numbers of scratch memory that each function below needs.
int64_t attention_scratch(const AttentionSize& size);
int64_t attention_backward_scratch(const AttentionSize& size, int64_t heads);

// The largest score of a row, and the sum of e^(score - high).  Their logarithm in one number would
// lose digits where scores are large.  A row that sees nothing has y = 0 and {infinity, 1}, which
// makes all its weights 0.
struct RowSoftmax {
  float high, total;
};

// Packs k and v into scratch; then, as often as wanted, computes rows [begin, end) of y and of
// their softmax.  Hidden columns, those right of a causal diagonal and those whose bias is
// -infinity, are not read: NaN and infinities there change nothing.
void attention_pack(const AttentionSize& size, ConstRows k, ConstRows v, float* scratch);
void attention_rows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                    ConstRows bias, const AttentionDropout& dropout, float* scratch, MutableRows y,
                    RowSoftmax* softmax);

// The same of all rows without dropout, for a few, which do not pay for packing: k and v are read
// once.
int64_t attention_few_scratch(const AttentionSize& size);
void attention_few(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                   float* scratch, MutableRows y, RowSoftmax* softmax);
void attention_few(const AttentionSize& size, ConstRows q, RowsOf<const BFloat16> k,
                   RowsOf<const BFloat16> v, ConstRows bias, float* scratch, MutableRows y,
                   RowSoftmax* softmax);

// One head of q and what is known of it.
struct AttentionHead {
  ConstRows q, y, dy, bias;
  const RowSoftmax* softmax;
  MutableRows dq;  // null: not wanted
  AttentionDropout dropout;
};
// With p = e^(score - high) / total, m = 0 or `kept` of dropout, and delta = sum of y dy:  dv = (m
// p)^T dy, ds = scale p (m dy v^T - delta),  dq = ds k,  dk = ds^T q; dk and dv are summed over the
// heads that share k and v.
struct AttentionGroup {
  int64_t heads;
  AttentionHead first;
  int64_t q_step, y_step, dy_step, bias_step, softmax_step, dq_step;  // from head to head
  AttentionHead head(int64_t i, const AttentionSize& size) const {
    AttentionHead h = first;
    h.q.data += i * q_step, h.y.data += i * y_step, h.dy.data += i * dy_step;
    if (h.bias.data) h.bias.data += i * bias_step;
    h.softmax += i * softmax_step;
    if (h.dq.data) h.dq.data += i * dq_step;
    h.dropout = h.dropout.from_row(i * size.T, size.S);
    return h;
  }
};
void attention_backward(const AttentionSize& size, const AttentionGroup& group, ConstRows k,
                        ConstRows v, float* scratch, MutableRows dk, MutableRows dv);

}  // namespace vitro::simd
