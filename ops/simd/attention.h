// Kernels for the attention of one head, or of the heads that share k and v, in float32.  They work
// on blocks of rows of q and k, and so never hold a whole matrix of scores.  They are serial; the
// caller splits heads and rows among threads.
#pragma once
#include <algorithm>
#include <cstdint>

#include "framework/base/dtype.h"

namespace vitro::simd {

// The weight at (row r, column s) is dropped when its random word is below `threshold`; the others
// are multiplied by `kept`.  With s = 64 c + 16 w + b, the word is word w of Philox block
// first + 16 (r ceil(S / 64) + c) + b.
struct AttentionDropout {
  static constexpr int64_t kBlocks = 16, kColumns = 4 * kBlocks;
  uint64_t threshold = 0, seed = 0, first = 0;  // threshold 0: no dropout
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
  // Row t sees columns [0, seen(t)), except those that the bias hides.
  int64_t seen(int64_t t) const { return is_causal ? std::clamp<int64_t>(t + 1 + S - T, 0, S) : S; }
};

// Rows of D contiguous numbers each, `stride` apart.  A bias has rows of S numbers, or null data.
template <class T>
struct RowsOf {
  T* data;
  int64_t stride;
  T* operator[](int64_t row) const { return data + row * stride; }
};
using ConstRows = RowsOf<const float>;
using MutableRows = RowsOf<float>;

// How many rows of q attention_rows computes at a time.  Results do not depend on how the rows are
// cut into ranges, if each range starts at a multiple of this number.
inline constexpr int64_t kAttentionRows = 48;

// How many floats of scratch memory the functions below need.
int64_t attention_scratch(const AttentionSize& size);
int64_t attention_backward_scratch(const AttentionSize& size, int64_t heads);

// high is the largest score of a row, total the sum of e^(score - high).  Their logsumexp in one
// float would lose digits where scores are large.  A row that sees no column has y = 0 and
// {infinity, 1}, which makes all its weights 0.
struct RowSoftmax {
  float high, total;
};

// attention_pack packs k and v into scratch.  After that attention_rows computes rows [begin, end)
// of y and of softmax; it may be called many times.  Hidden columns (right of the causal diagonal,
// or with the bias -infinity) are ignored, even if they contain NaN or infinities.
void attention_pack(const AttentionSize& size, ConstRows k, ConstRows v, float* scratch);
void attention_rows(const AttentionSize& size, int64_t begin, int64_t end, ConstRows q,
                    ConstRows bias, const AttentionDropout& dropout, float* scratch, MutableRows y,
                    RowSoftmax* softmax);

// Computes all rows, without dropout.  Does not pack k and v, but reads them once; faster for few
// rows.
int64_t attention_few_scratch(const AttentionSize& size);
void attention_few(const AttentionSize& size, ConstRows q, ConstRows k, ConstRows v, ConstRows bias,
                   float* scratch, MutableRows y, RowSoftmax* softmax);
void attention_few(const AttentionSize& size, ConstRows q, RowsOf<const BFloat16> k,
                   RowsOf<const BFloat16> v, ConstRows bias, float* scratch, MutableRows y,
                   RowSoftmax* softmax);

// The tensors of one head of q.
struct AttentionHead {
  ConstRows q, y, dy, bias;
  const RowSoftmax* softmax;
  MutableRows dq;  // null: not computed
  AttentionDropout dropout;
};
// The heads of q that share k and v.  Backward, with p = e^(score - high) / total, dropout's
// factors m (0 or `kept`) and delta_t = sum_d y_td dy_td:
//   dv = (m p)^T dy,  ds = scale p (m dy v^T - delta),  dq = ds k,  dk = ds^T q
// dk and dv are summed over the heads.
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
