// Rows of the op table for attention.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

// A case of masks: its name, and the shapes of a bool and of a floating mask for the scores
// (..., H, T, S); an empty shape means no mask.
struct Mask {
  const char* name;
  Shape flags, numbers;
};

// A floating mask of smooth numbers, with -infinity at every fifth place.
Array numbers_of(const Shape& shape) {
  int64_t k = 0;
  return generate(shape, [&](const Place&) {
    ++k;
    return k % 5 == 0 ? -std::numeric_limits<double>::infinity() : std::sin(static_cast<double>(k));
  });
}

struct AttentionRow {
  Shape q;       // (..., H, T, D)
  int64_t G, S;  // heads and rows of k and v
  bool derivatives = true;
  Shape kv() const {
    Shape shape = q;
    shape[q.rank() - 3] = G, shape[q.rank() - 2] = S;
    return shape;
  }
  Shape scores() const {
    Shape shape = q;
    shape[q.rank() - 1] = S;
    return shape;
  }
};

// softmax(scale q k^T + mask) v, one row of one head at a time.
Array attention_of(const Array& q, const Array& k, const Array& v, bool is_causal,
                   const Array* flags, const Array* numbers, double scale) {
  const auto axis = static_cast<size_t>(q.shape.rank() - 3);
  const int64_t H = q.shape[q.shape.rank() - 3], T = q.shape[q.shape.rank() - 2],
                D = q.shape.back(), G = k.shape[q.shape.rank() - 3],
                S = k.shape[q.shape.rank() - 2];
  return generate(q.shape, [&](const Place& at) {
    Place row = at, other = at, score = at;
    other[axis] = at[axis] / (H / G);
    double sum = 0, total = 0;
    for (int64_t s = 0; s < S; ++s) {
      other[axis + 1] = s, score[axis + 2] = s;
      if (is_causal && s > at[axis + 1] + S - T) continue;
      if (flags && spread(*flags, score) == 0) continue;
      double z = 0;
      for (int64_t i = 0; i < D; ++i) {
        row[axis + 2] = i, other[axis + 2] = i;
        z += q(row) * k(other);
      }
      other[axis + 2] = at[axis + 2];
      const double p = std::exp(scale * z + (numbers ? spread(*numbers, score) : 0));
      total += p, sum += p * v(other);
    }
    return total > 0 ? sum / total : 0.0;
  });
}

void add_attention_rows(Rows& rows, const AttentionRow& c, bool is_causal, const Mask& mask,
                        std::optional<double> scale = {}) {
  const bool flagged = !mask.flags.empty(), numbered = !mask.numbers.empty();
  const Array numbers = numbered ? numbers_of(mask.numbers) : Array{};
  const double factor =
      scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, c.q.back()))));
  std::vector<Input> inputs = {any(c.q), any(c.kv()), any(c.kv())};
  if (flagged) inputs.push_back(flags(mask.flags));
  rows.push_back(
      {"scaled_dot_product_attention",
       "scaled_dot_product_attention",
       text(c.q) + " over " + text(c.kv()) + (is_causal ? ", causal" : "") + mask.name +
           (scale ? ", scale" : ""),
       [=](const Tensors& x) {
         const Tensor m = flagged ? x[3] : numbered ? to_tensor(numbers, kFloat64) : Tensor();
         return scaled_dot_product_attention(x[0], x[1], x[2],
                                             {.is_causal = is_causal, .mask = m, .scale = scale});
       },
       inputs,
       [=](const Arrays& x) {
         return attention_of(x[0], x[1], x[2], is_causal, flagged ? &x[3] : nullptr,
                             numbered ? &numbers : nullptr, factor);
       },
       {.reduction = 4 * std::max<int64_t>(1, c.S * c.q.back()), .derivatives = c.derivatives}});
}

// Cuts columns of a packed projection into heads: (B, heads, T, D).
Array heads_of(const Array& qkv, int64_t first, int64_t heads, int64_t width) {
  return generate({qkv.shape[0], heads, qkv.shape[1], width}, [&](const Place& at) {
    return qkv({at[0], at[2], (first + at[1]) * width + at[3]});
  });
}

void add_self_attention_rows(Rows& rows, int64_t batch, int64_t T, int64_t H, int64_t G, int64_t D,
                             bool is_causal, bool masked, bool derivatives = true) {
  std::vector<Input> inputs = {any({batch, T, (H + 2 * G) * D})};
  if (masked) inputs.push_back(flags({batch, 1, 1, T}));
  rows.push_back({"self_attention",
                  "self_attention",
                  text(inputs[0].shape) + ", heads " + std::to_string(H) + " over " +
                      std::to_string(G) + (is_causal ? ", causal" : "") + (masked ? ", mask" : ""),
                  [=](const Tensors& x) {
                    return self_attention(x[0], {.n_head = H,
                                                 .n_kv_head = G == H ? 0 : G,
                                                 .is_causal = is_causal,
                                                 .mask = masked ? x[1] : Tensor()});
                  },
                  inputs,
                  [=](const Arrays& x) {
                    const Array y = attention_of(heads_of(x[0], 0, H, D), heads_of(x[0], H, G, D),
                                                 heads_of(x[0], H + G, G, D), is_causal,
                                                 masked ? &x[1] : nullptr, nullptr,
                                                 1 / std::sqrt(static_cast<double>(D)));
                    return generate({batch, T, H * D}, [&](const Place& at) {
                      return y({at[0], at[2] / D, at[1], at[2] % D});
                    });
                  },
                  {.reduction = 4 * std::max<int64_t>(1, T * D), .derivatives = derivatives}});
}

}  // namespace

void add_attention(Rows& rows) {
  const AttentionRow cases[] = {{{2, 3, 2}, 2, 3},    {{1, 2, 2, 5}, 2, 3}, {{4, 2, 3}, 2, 2},
                                {{3, 1, 2}, 1, 4},    {{2, 4, 2}, 2, 2},    {{2, 1, 1, 1}, 1, 1},
                                {{0, 2, 3, 2}, 1, 2}, {{2, 0, 2}, 1, 3},    {{2, 3, 2}, 2, 0}};
  for (const AttentionRow& c : cases)
    for (bool is_causal : {false, true}) {
      add_attention_rows(rows, c, is_causal, {"", {}, {}});
      if (count(c.scores()) == 0) continue;
      const Shape last = {c.q[c.q.rank() - 2], c.S};
      add_attention_rows(rows, c, is_causal, {", bool mask", last, {}});
      add_attention_rows(rows, c, is_causal, {", mask", {}, c.scores()});
    }
  add_attention_rows(rows, {{2, 3, 2}, 2, 3}, false, {", bool mask of columns", {1, 1, 3}, {}});
  add_attention_rows(rows, {{2, 3, 2}, 2, 3}, false, {", bool mask of rows", {3, 1}, {}});
  add_attention_rows(rows, {{2, 3, 2}, 2, 3}, true, {", mask of a head", {}, {2, 1, 1}}, 0.7);
  add_attention_rows(rows, {{2, 2, 37, 18}, 1, 53, false}, true, {", bool mask", {37, 53}, {}});

  for (bool is_causal : {true, false})
    for (bool masked : {false, true}) {
      add_self_attention_rows(rows, 2, 3, 2, 2, 2, is_causal, masked);
      add_self_attention_rows(rows, 1, 2, 4, 2, 3, is_causal, masked);
    }
  add_self_attention_rows(rows, 1, 1, 1, 1, 1, true, false);
  add_self_attention_rows(rows, 0, 2, 1, 1, 2, true, false);
  add_self_attention_rows(rows, 2, 0, 1, 1, 2, true, false);
  add_self_attention_rows(rows, 1, 70, 3, 1, 20, true, false, false);
}

}  // namespace vitro::tests
