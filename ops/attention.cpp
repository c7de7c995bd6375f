// Attention: scaled_dot_product_attention, and self_attention of one packed projection.
#include <cmath>
#include <limits>

#include "framework/elementwise.h"
#include "ops/ops.h"

namespace vitro {

namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

// What is added to the scores: kHidden where a row may not see a column.  Undefined for nothing.
Tensor score_bias(const Tensor& mask, bool is_causal, int64_t rows, int64_t columns, DType dtype) {
  NoGradGuard unrecorded;
  const auto bias_of = [dtype](const Tensor& seen) {
    return where(seen, full_scalar(0, dtype), full_scalar(kHidden, dtype));
  };
  Tensor bias;
  if (mask.defined()) bias = mask.dtype() == kBool ? bias_of(mask) : to(mask, dtype);
  if (!is_causal) return bias;
  const Tensor causal = bias_of(tril(ones({rows, columns}, kBool), columns - rows));
  return bias.defined() ? bias + causal : causal;
}

// p = softmax(scale q k^T + bias), y = p v, and 0 for rows whose bias hides all.  In float32 for
// bfloat16.
Tensor attention_definition(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias,
                            double scale) {
  if (q.dtype() == kBFloat16)
    return to(attention_definition(to(q, kFloat32), to(k, kFloat32), to(v, kFloat32), bias, scale),
              kBFloat16);
  const int64_t H = q.size(-3), T = q.size(-2), G = k.size(-3), S = k.size(-2), D = q.size(-1);
  Shape scores = q.shape();
  scores[scores.rank() - 1] = S;
  const Shape lead(std::span(q.shape().begin(), static_cast<size_t>(q.rank() - 3)));
  const int64_t N = numel(lead), group = G ? H / G : 1;
  const auto shared = [&](const Tensor& x) { return reshape(x, {N, G, 1, S, D}); };
  Tensor s = matmul(reshape(q, {N, G, group, T, D}) * scale, transpose(shared(k), -1, -2)), p;
  if (bias.defined()) {
    const Tensor seen =
        lt(sum(eq(bias, kHidden), -1, /*keepdim=*/true), static_cast<double>(bias.size(-1)));
    s = reshape(s, scores) + where(seen, bias, full_scalar(0, bias.dtype()));
    p = reshape(softmax(s, -1) * to(seen, s.dtype()), {N, G, group, T, S});
  } else {
    p = softmax(s, -1);
  }
  return reshape(matmul(p, shared(v)), q.shape());
}

// y = softmax(scale q k^T + bias) v
struct Attention final : Op<Attention> {
  static constexpr std::string_view kName = "scaled_dot_product_attention";
  double scale = 1;
  Tensor bias;
  TensorList backward(const Tensor& dy) override {
    auto definition = [this](const std::vector<Tensor>& in) {
      return attention_definition(in[0], in[1], in[2], bias, scale);
    };
    return vjp(definition, {input(0), input(1), input(2)}, dy);
  }
};

// Columns q, k, v of one projection, each cut into heads, and y with its heads joined again.
Tensor self_attention_definition(const Tensor& qkv, int64_t H, int64_t G, const Tensor& bias,
                                 double scale) {
  const int64_t D = qkv.size(-1) / (H + 2 * G);
  Shape heads = qkv.shape();
  heads[heads.rank() - 1] = H + 2 * G;
  heads.push_back(D);
  const Tensor all = transpose(reshape(qkv, heads), -2, -3);  // (..., H + 2 G, T, D)
  const Tensor y = attention_definition(narrow(all, -3, 0, H), narrow(all, -3, H, G),
                                        narrow(all, -3, H + G, G), bias, scale);
  Shape joined = qkv.shape();
  joined[joined.rank() - 1] = H * D;
  return reshape(transpose(y, -2, -3), joined);
}

// y = attention of the columns q, k, v of one input
struct SelfAttention final : Op<SelfAttention> {
  static constexpr std::string_view kName = "self_attention";
  int64_t n_head = 1, n_kv_head = 1;
  double scale = 1;
  Tensor bias;
  TensorList backward(const Tensor& dy) override {
    auto definition = [this](const std::vector<Tensor>& in) {
      return self_attention_definition(in[0], n_head, n_kv_head, bias, scale);
    };
    return vjp(definition, {input(0)}, dy);
  }
};

void check_mask(std::string_view op, const Tensor& mask, const Shape& scores) {
  if (!mask.defined()) return;
  check<DTypeError>(mask.dtype() == kBool || is_floating(mask.dtype()), op,
                    ": the mask must be bool or floating: got ", mask.dtype());
  check<GraphError>(!mask.requires_grad(), op,
                    ": the mask is a constant and gets no gradient; detach() it");
  check<ShapeError>(mask.rank() <= scores.rank() && broadcast(op, mask.shape(), scores) == scores,
                    op, ": the mask must broadcast to the scores ", scores, ": got ", mask.shape());
}

double scale_or_default(const std::optional<double>& scale, int64_t width) {
  return scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, width))));
}

void check_heads(const Tensor& q, const Tensor& k, const Tensor& v) {
  constexpr std::string_view op = "scaled_dot_product_attention";
  check_same_dtype(op, q, k);
  check_same_dtype(op, q, v);
  check_floating(op, q);
  check<ShapeError>(q.rank() >= 3 && k.rank() == q.rank() && k.shape() == v.shape(), op,
                    ": q (..., H, T, D), k and v (..., G, S, D) expected: got ", q.shape(), ", ",
                    k.shape(), " and ", v.shape());
  Shape like = q.shape();
  like[like.rank() - 3] = k.size(-3), like[like.rank() - 2] = k.size(-2);
  check<ShapeError>(like == k.shape(), op,
                    ": q and k must agree in their features and leading axes: got ", q.shape(),
                    " and ", k.shape());
  const int64_t H = q.size(-3), G = k.size(-3);
  check<ShapeError>(G ? H % G == 0 : H == 0, op,
                    ": the heads of q must be a multiple of those of k: got ", H, " and ", G);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_heads(q, k, v);
  Shape scores = q.shape();
  scores[scores.rank() - 1] = k.size(-2);
  check_mask(Attention::kName, options.mask, scores);
  const double scale = scale_or_default(options.scale, q.size(-1));
  const Tensor bias = score_bias(options.mask, options.is_causal, q.size(-2), k.size(-2),
                                 q.dtype() == kFloat64 ? kFloat64 : kFloat32);
  Tensor y;
  {
    NoGradGuard unrecorded;
    y = attention_definition(q.detach(), k.detach(), v.detach(), bias, scale);
  }
  if (auto* node = record<Attention>(y, q, k, v)) {
    node->scale = scale;
    node->bias = bias;
    node->save_input(0, q);
    node->save_input(1, k);
    node->save_input(2, v);
  }
  return y;
}

Tensor self_attention(const Tensor& qkv, const SelfAttentionOptions& options) {
  constexpr std::string_view op = SelfAttention::kName;
  check_floating(op, qkv);
  const int64_t H = options.n_head, G = options.n_kv_head ? options.n_kv_head : H;
  check<ValueError>(H >= 1 && G >= 1 && H % G == 0, op,
                    ": n_head must be a positive multiple of n_kv_head: got ", H, " and ", G);
  check<ShapeError>(
      qkv.rank() >= 2 && qkv.rank() < Shape::kMaxRank && qkv.size(-1) % (H + 2 * G) == 0, op,
      ": qkv must be (..., T, (n_head + 2 n_kv_head) D) with n_head = ", H, " and n_kv_head = ", G,
      ": got ", qkv.shape());
  Shape scores = qkv.shape();
  const int64_t T = qkv.size(-2);
  scores[scores.rank() - 2] = H, scores[scores.rank() - 1] = T;
  scores.push_back(T);
  check_mask(op, options.mask, scores);
  const double scale = scale_or_default(options.scale, qkv.size(-1) / (H + 2 * G));
  const Tensor bias = score_bias(options.mask, options.is_causal, T, T,
                                 qkv.dtype() == kFloat64 ? kFloat64 : kFloat32);
  Tensor y;
  {
    NoGradGuard unrecorded;
    y = self_attention_definition(qkv.detach(), H, G, bias, scale);
  }
  if (auto* node = record<SelfAttention>(y, qkv)) {
    node->n_head = H, node->n_kv_head = G;
    node->scale = scale;
    node->bias = bias;
    node->save_input(0, qkv);
  }
  return y;
}

}  // namespace vitro
