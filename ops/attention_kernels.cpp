// Runs attention's kernels over tensors.  Threads split the heads, and the blocks of rows of each.
#include "ops/attention_kernels.h"

#include "framework/tensor/loops.h"
#include "ops/simd/attention.h"

namespace vitro {

namespace {

// Up to this many rows of q per head of k and v, packing k and v does not pay.
constexpr int64_t kFewRows = 8;
constexpr int64_t kProductGrain = 500'000;  // multiplications that are worth another thread
constexpr int64_t kReadGrain = 25'000;      // numbers read that are worth another thread

// The matrix of head h.  n is the flat index on the leading axes.
template <class T>
simd::RowsOf<T> rows_of(const Tensor& x, int64_t n, int64_t h) {
  if (!x.defined()) return {nullptr, 0};
  const int r = x.rank();
  int64_t offset = h * x.strides()[r - 3];
  for (int axis = r - 4; axis >= 0; n /= x.shape()[axis--])
    offset += n % x.shape()[axis] * x.strides()[axis];
  return {raw<std::remove_const_t<T>>(x) + offset, x.strides()[r - 2]};
}

simd::RowSoftmax* rows_softmax(const Tensor& softmax) {
  return reinterpret_cast<simd::RowSoftmax*>(raw<float>(softmax));
}

struct Sizes {
  int64_t N, H, G, group;
  simd::AttentionSize head;
  explicit Sizes(const AttentionInputs& in)
      : N(1),
        H(in.q.size(-3)),
        G(in.k.size(-3)),
        group(G ? H / G : 0),
        head{in.q.size(-2), in.k.size(-2), in.q.size(-1), static_cast<float>(in.scale),
             in.is_causal} {
    for (int axis = 0; axis < in.q.rank() - 3; ++axis) N *= in.q.shape()[axis];
  }
  // Multiplications in q k^T of one head.
  int64_t products() const { return head.T * head.S * head.D / (head.is_causal ? 2 : 1); }
};

// parallel_for in which each range has its own scratch memory of `numbers` floats.
template <class F>
void parallel_with_scratch(int64_t n, int64_t grain, int64_t numbers, const F& f) {
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const Tensor room = empty({numbers}, kFloat32);
    f(begin, end, raw<float>(room));
  });
}

// If T is 1, the heads that share k and v become the rows of one matrix.
template <class T>
void few_rows_into(const AttentionInputs& in, const Sizes& s, const Tensor& y,
                   const Tensor& softmax) {
  const bool single = s.head.T == 1;
  const int64_t heads = single ? s.G : s.H, step = single ? s.group : 1;
  simd::AttentionSize size = s.head;
  if (single) size.T = s.group, size.is_causal = false;
  const auto rows = [&]<class X>(const Tensor& x, int64_t n, int64_t h) {
    auto matrix = rows_of<X>(x, n, h);
    if (single && x.defined()) matrix.stride = x.strides()[x.rank() - 3];
    return matrix;
  };
  parallel_with_scratch(
      s.N * heads, grain_of(kReadGrain, size.S * size.D), simd::attention_few_scratch(size),
      [&](int64_t begin, int64_t end, float* scratch) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / heads, h = i % heads * step, g = h / s.group;
          simd::attention_few(size, rows.template operator()<const float>(in.q, n, h),
                              rows_of<const T>(in.k, n, g), rows_of<const T>(in.v, n, g),
                              rows.template operator()<const float>(in.bias, n, h), scratch,
                              rows.template operator()<float>(y, n, h),
                              rows_softmax(softmax) + (n * s.H + h) * s.head.T);
        }
      });
}

// Any number of rows, block by block.
void blocks_into(const AttentionInputs& in, const Tensor& y, const Tensor& softmax) {
  const Sizes s(in);
  const int64_t T = s.head.T, blocks = (T + simd::kAttentionRows - 1) / simd::kAttentionRows;
  // One item is a block of rows of one head.  Heads that share k and v are neighbours, so a thread
  // packs k and v once for them.
  parallel_with_scratch(
      s.N * s.H * blocks, grain_of(kProductGrain, 2 * s.products() / blocks),
      simd::attention_scratch(s.head), [&](int64_t begin, int64_t end, float* scratch) {
        int64_t packed = -1;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = i % blocks * simd::kAttentionRows, head = i / blocks, n = head / s.H,
                        h = head % s.H, g = h / s.group;
          if (packed != n * s.G + g)
            simd::attention_pack(s.head, rows_of<const float>(in.k, n, g),
                                 rows_of<const float>(in.v, n, g), scratch);
          packed = n * s.G + g;
          simd::attention_rows(s.head, row, std::min(T, row + simd::kAttentionRows),
                               rows_of<const float>(in.q, n, h),
                               rows_of<const float>(in.bias, n, h),
                               in.dropout.from_row(head * T, s.head.S), scratch,
                               rows_of<float>(y, n, h), rows_softmax(softmax) + head * T);
        }
      });
}

void gradients_into(const AttentionInputs& in, const Tensor& y, const Tensor& dy,
                    const Tensor& softmax, const AttentionGradients& gradients) {
  const Sizes s(in);
  const auto head_step = [](const Tensor& x) {
    return x.defined() ? x.strides()[x.rank() - 3] : 0;
  };
  // One item is the group of heads that share k and v, so that one thread adds up their gradients.
  parallel_with_scratch(
      s.N * s.G, grain_of(kProductGrain, 5 * s.products() * s.group),
      simd::attention_backward_scratch(s.head, s.group),
      [&](int64_t begin, int64_t end, float* scratch) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / s.G, g = i % s.G, h = g * s.group;
          const simd::AttentionGroup group{
              s.group,
              {rows_of<const float>(in.q, n, h), rows_of<const float>(y, n, h),
               rows_of<const float>(dy, n, h), rows_of<const float>(in.bias, n, h),
               rows_softmax(softmax) + (n * s.H + h) * s.head.T, rows_of<float>(gradients.dq, n, h),
               in.dropout.from_row((n * s.H + h) * s.head.T, s.head.S)},
              head_step(in.q),
              head_step(y),
              head_step(dy),
              head_step(in.bias),
              s.head.T,
              head_step(gradients.dq)};
          simd::attention_backward(
              s.head, group, rows_of<const float>(in.k, n, g), rows_of<const float>(in.v, n, g),
              scratch, rows_of<float>(gradients.dk, n, g), rows_of<float>(gradients.dv, n, g));
        }
      });
}

// Whether attention_into uses the kernel for few rows.
bool uses_few_rows(const AttentionInputs& in) {
  return has_few_rows(in.q, in.k) && !in.dropout.threshold;
}

}  // namespace

bool has_few_rows(const Tensor& q, const Tensor& k) {
  const int64_t T = q.size(-2), G = k.size(-3);
  return T == 1 || (G > 0 && T * (q.size(-3) / G) <= kFewRows);
}

void attention_into(const AttentionInputs& in, const Tensor& y, const Tensor& softmax) {
  if (y.numel() == 0) return;
  if (!uses_few_rows(in)) return blocks_into(in, y, softmax);
  const Sizes s(in);
  return in.k.dtype() == kBFloat16 ? few_rows_into<BFloat16>(in, s, y, softmax)
                                   : few_rows_into<float>(in, s, y, softmax);
}

void attention_backward_into(const AttentionInputs& in, const Tensor& y, const Tensor& dy,
                             const Tensor& softmax, const AttentionGradients& gradients) {
  if (y.numel() == 0) {
    for (Tensor dx : {gradients.dq, gradients.dk, gradients.dv})
      if (dx.defined() && dx.numel()) dx.zero_();
    return;
  }
  if (!uses_few_rows(in)) return gradients_into(in, y, dy, softmax, gradients);
  // Backward computes the scores again, and needs a softmax of exactly these scores: a difference
  // in the last place of a score of 10^8 would multiply the weight by e^8.  The kernel for few rows
  // adds the products in another order.
  const Tensor same_y = empty(y.shape()), same_softmax = empty(softmax.shape());
  blocks_into(in, same_y, same_softmax);
  gradients_into(in, same_y, dy, same_softmax, gradients);
}

}  // namespace vitro
