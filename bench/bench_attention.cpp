// Compares attention with the same products in bare oneDNN, and times attention for one new row.
#include "bench/bare_onednn.h"
#include "bench/rows.h"
#include "vitro.h"

namespace vitro::bench {

const char* const kAbout =
    "Attention of a packed projection; other = only its two products (seven with backward), in\n"
    "bare batched oneDNN on contiguous operands.  Causal attention counts half of the FLOPs, but\n"
    "other computes all of T x T.";

namespace {

struct Size {
  const char* name;
  int64_t B, T, H, D;
  double products() const { return static_cast<double>(B * H * T * T * D); }
  Tensor qkv() const { return randn({B, T, 3 * H * D}); }
};

// The products of attention.  Forward and backward: three like the scores a b^T, and four like the
// weighted sums.  Forward alone: one of each.
Batch bare_products(const Size& s, bool backward) {
  BareBatchedMatmul scores(s.B * s.H, s.T, s.T, s.D), sums(s.B * s.H, s.T, s.D, s.T);
  return batch([=] {
    for (int i = 0; i < (backward ? 3 : 1); ++i) scores.run();
    for (int i = 0; i < (backward ? 4 : 1); ++i) sums.run();
  });
}

void self_attention_rows() {
  constexpr Size sizes[] = {{"B1 T1024 H12 D64", 1, 1024, 12, 64},
                            {"B4 T64 H12 D64", 4, 64, 12, 64},
                            {"B12 T64 H4 D32", 12, 64, 4, 32},
                            {"B1 T4096 H4 D64", 1, 4096, 4, 64},
                            {"B1 T1024 H4 D128", 1, 1024, 4, 128}};
  for (const Size& s : sizes)
    for (bool is_causal : {true, false})
      for (bool backward : {false, true}) {
        const double part = is_causal ? 0.5 : 1;
        const std::string name = std::string("attention ") +
                                 (backward ? "with backward" : "forward") +
                                 (is_causal ? ", causal" : "");
        const Work work{.flops = (backward ? 14 : 4) * s.products() * part, .target = 1.5 * part};
        rivals(name, s.name, work, [=]() -> std::vector<Batch> {
          Tensor qkv = s.qkv();
          const SelfAttentionOptions options{.n_head = s.H, .is_causal = is_causal};
          if (!backward)
            return {batch([=] {
                      NoGradGuard unrecorded;
                      self_attention(qkv, options);
                    }),
                    bare_products(s, false)};
          qkv.requires_grad_();
          return {batch([=, dy = randn({s.B, s.T, s.H * s.D})] {
                    grad({self_attention(qkv, options)}, {qkv}, {.grad_outputs = {dy}});
                  }),
                  bare_products(s, true)};
        });
      }
}

// Attention of one new row to a cache of S rows; the buffer of the cache is larger than S.
void decode_rows() {
  struct Cache {
    const char* name;
    int64_t H, G, S, D;
  };
  const Cache caches[] = {{"H12 D64 S1000", 12, 12, 1000, 64},
                          {"H12 D64 S100", 12, 12, 100, 64},
                          {"H32 on 8 D128 S4000", 32, 8, 4000, 128}};
  for (DType dtype : {kFloat32, kBFloat16})
    for (const Cache& c : caches)
      row(std::string("attention of one row") + (dtype == kBFloat16 ? " bf16" : ""), c.name,
          {.flops = 4.0 * static_cast<double>(c.H * c.S * c.D),
           .bytes =
               2.0 * static_cast<double>(c.G * c.S * c.D) * static_cast<double>(item_size(dtype))},
          [=] {
            const auto rows = [=](int64_t heads, int64_t n) {
              return randn({1, heads, n, c.D}).to(dtype);
            };
            return [=, q = rows(c.H, 1), k = narrow(rows(c.G, c.S + 24), 2, 0, c.S),
                    v = narrow(rows(c.G, c.S + 24), 2, 0, c.S)] {
              NoGradGuard unrecorded;
              scaled_dot_product_attention(q, k, v, {.is_causal = true});
            };
          });
}

}  // namespace

void register_rows() {
  self_attention_rows();
  decode_rows();
}

}  // namespace vitro::bench
