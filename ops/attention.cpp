// scaled_dot_product_attention, and self_attention, which takes one packed projection.
#include <cmath>
#include <limits>

#include "framework/tensor/loops.h"
#include "framework/tensor/random.h"
#include "ops/attention_kernels.h"
#include "ops/fused.h"
#include "ops/ops.h"
#include "ops/seen_products.h"

namespace vitro {

namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

// The bias of a bool mask: 0 where it is true, else kHidden.
Tensor bias_of(const Tensor& seen, DType dtype) {
  return where(seen, full_scalar(0, dtype), full_scalar(kHidden, dtype));
}

// The bias that a mask adds to the scores; undefined if there is no mask.
Tensor mask_bias(const Tensor& mask, DType dtype) {
  if (!mask.defined()) return {};
  NoGradGuard unrecorded;
  const Tensor seen = mask.rank() ? mask : reshape(mask, {1});
  return seen.dtype() == kBool ? bias_of(seen, dtype) : to(seen, dtype);
}

// The settings of one call, with defaults filled in.
struct Form {
  bool is_causal = false;
  double scale = 1;
  Tensor bias;  // from the mask; broadcasts to the scores
  simd::AttentionDropout dropout;
};

// Attention and SelfAttention save their Form.  The backward kernel also needs y and the softmax.
// y is saved in float32 even for bfloat16 inputs: where one column has nearly all the weight, the
// rounding error of a bfloat16 y would be larger than the gradient.
template <class Self>
struct AttentionOp : Fused<Self> {
  bool is_causal = false, is_masked = false;
  double scale = 1;
  simd::AttentionDropout dropout;
  void save(const Form& form, const Tensor& y, const Tensor& softmaxes) {
    is_causal = form.is_causal, is_masked = form.bias.defined(), scale = form.scale;
    dropout = form.dropout;
    this->save_extra(0, form.bias);
    this->save_extra(1, y);
    this->save_extra(2, softmaxes);
  }
  Form form() const { return {is_causal, scale, is_masked ? this->extra(0) : Tensor(), dropout}; }
};

// The bias of the mask plus the bias of is_causal, for scores (..., T, S).
Tensor whole_bias(const Form& form, int64_t T, int64_t S, DType dtype) {
  if (!form.is_causal) return form.bias;
  NoGradGuard unrecorded;
  const Tensor causal = bias_of(tril(ones({T, S}, kBool), S - T), dtype);
  return form.bias.defined() ? form.bias + causal : causal;
}

// The factors by which dropout multiplies the weights (..., T, S): 0 or `kept`, drawn as in the
// kernels (see AttentionDropout).
Tensor dropout_factors(const simd::AttentionDropout& dropout, const Shape& scores, DType dtype) {
  const int64_t S = scores.back(), rows = numel(scores) / std::max<int64_t>(1, S);
  constexpr int64_t kBlocks = simd::AttentionDropout::kBlocks;
  const Tensor factors = empty({rows, S}, kFloat64);
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t s = 0; s < S; ++s) {
        const int64_t block = s / dropout.kColumns * kBlocks + s % kBlocks;
        const auto words =
            philox(dropout.seed, dropout.from_row(r, S).first + static_cast<uint64_t>(block));
        const bool drops = words[s % dropout.kColumns / kBlocks] < dropout.threshold;
        raw<double>(factors)[r * S + s] = drops ? 0 : dropout.kept;
      }
  });
  return reshape(to(factors, dtype), scores);
}
Tensor dropped(const Tensor& p, const Form& form) {
  if (!form.dropout.threshold) return p;
  return p * dropout_factors(form.dropout, p.shape(), p.dtype());
}

// y = (m p) v with p = softmax(scale q k^T + bias) and dropout's factors m.  A row of y is 0 if it
// sees no column.  bfloat16 is computed in float32.
Tensor attention_definition(const Tensor& q, const Tensor& k, const Tensor& v, const Form& form) {
  if (q.dtype() == kBFloat16)
    return to(attention_definition(to(q, kFloat32), to(k, kFloat32), to(v, kFloat32), form),
              kBFloat16);
  const int64_t H = q.size(-3), T = q.size(-2), G = k.size(-3), S = k.size(-2), D = q.size(-1);
  const Shape lead(std::span(q.shape().begin(), static_cast<size_t>(q.rank() - 3)));
  const int64_t N = numel(lead), group = G ? H / G : 1;
  const auto shared = [&](const Tensor& x) { return reshape(x, {N, G, 1, S, D}); };
  const Tensor rows = reshape(q, {N, G, group, T, D}) * form.scale,
               bias = whole_bias(form, T, S, q.dtype());
  if (!bias.defined()) {
    const Tensor s = matmul(rows, transpose(shared(k), -1, -2));
    return reshape(matmul(dropped(softmax(s, -1), form), shared(v)), q.shape());
  }
  Shape scores = q.shape();
  scores[scores.rank() - 1] = S;
  const Tensor open = ne(bias, kHidden), seen = gt(sum(open, -1, /*keepdim=*/true), 0),
               open_of_group = reshape(expand(open, scores), {N, G, group, T, S});
  const Tensor s = reshape(seen_scores(rows, shared(k), open_of_group), scores) +
                   where(seen, bias, full_scalar(0, bias.dtype()));
  const Tensor p = dropped(softmax(s, -1) * to(seen, s.dtype()), form);
  return reshape(seen_sum(reshape(p, {N, G, group, T, S}), shared(v), open_of_group), q.shape());
}

// --- kernels ---

// The kernels need inputs whose last axis has stride 1, and a bias with the shape of the scores.
// All inputs are float32, except that k and v may be bfloat16 if they are read in place.
Tensor with_rows(const Tensor& x) {
  return x.size(-1) == 1 || x.strides()[x.rank() - 1] == 1 ? x : contiguous(x);
}
Tensor float_rows(const Tensor& x) {
  return x.dtype() == kFloat32 ? with_rows(x) : to(x, kFloat32);
}
AttentionInputs kernel_inputs(const Tensor& q, const Tensor& k, const Tensor& v, const Form& form,
                              bool backward = false) {
  NoGradGuard unrecorded;
  Tensor bias = form.bias;
  if (bias.defined()) {
    Shape scores = q.shape(), last = bias.shape();
    scores[scores.rank() - 1] = last[last.rank() - 1] = k.size(-2);
    bias = expanded_view(contiguous(expand(bias, last)), scores);
  }
  const bool in_place = has_few_rows(q, k) && !form.dropout.threshold && !backward;
  const auto shared = in_place ? with_rows : float_rows;
  return {float_rows(q), shared(k), shared(v), bias, form.is_causal, form.scale, form.dropout};
}

// An empty tensor (..., H, T, D) with the memory layout (..., T, H, D), so that the output
// projection reads its rows in place.
Tensor empty_heads(Shape shape, DType dtype) {
  std::swap(shape[shape.rank() - 3], shape[shape.rank() - 2]);
  const Tensor rows = empty(shape, dtype);
  NoGradGuard unrecorded;
  return transpose(rows, -2, -3);
}

// x in another dtype, with the same strides.
Tensor narrowed(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor y = make_view(empty({x.impl()->numel}, dtype), x.shape(), x.strides(), 0);
  copy_into(y, x);
  return y;
}

// y (..., H, T, D) = softmax(scale q k^T + mask) v
struct Attention final : AttentionOp<Attention> {
  static constexpr std::string_view kName = "scaled_dot_product_attention";
  std::vector<Tensor> values() const { return {input(0), input(1), input(2)}; }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return attention_definition(xs[0], xs[1], xs[2], form());
  }
  TensorList kernel_backward(const Tensor& dy) const {
    const Tensor q = input(0), k = input(1), v = input(2);
    const auto wanted = [this](size_t i, const Tensor& x) {
      return needs(i) ? empty_heads(x.shape(), kFloat32) : Tensor();
    };
    const AttentionGradients to{wanted(0, q), wanted(1, k), wanted(2, v)};
    attention_backward_into(kernel_inputs(q, k, v, form(), /*backward=*/true), extra(1),
                            float_rows(dy), extra(2), to);
    TensorList gradients;
    for (const Tensor& dx : {to.dq, to.dk, to.dv})
      gradients.push_back(dx.defined() ? narrowed(dx, dtype) : dx);
    return gradients;
  }
};

// --- one packed projection ---

// Heads [first, first + count) of rows (..., T, heads D), as a view (..., count, T, D).
Tensor heads_of(const Tensor& rows, int64_t first, int64_t count, int64_t D) {
  Shape shape = rows.shape(), strides = rows.strides();
  const int last = rows.rank() - 1;
  const int64_t step = D * strides[last];  // from head to head
  shape[last] = D;
  shape.insert(last - 1, count), strides.insert(last - 1, step);
  return make_view(rows, shape, strides, rows.impl()->offset + first * step);
}

// Cuts the columns q, k, v into heads, and joins the heads of y to columns again.
Tensor self_attention_definition(const Tensor& qkv, int64_t H, int64_t G, const Form& form) {
  const int64_t D = qkv.size(-1) / (H + 2 * G);
  Shape heads = qkv.shape(), joined = qkv.shape();
  heads[heads.rank() - 1] = H + 2 * G, joined[joined.rank() - 1] = H * D;
  heads.push_back(D);
  const Tensor all = transpose(reshape(qkv, heads), -2, -3);  // (..., H + 2 G, T, D)
  const Tensor y = attention_definition(narrow(all, -3, 0, H), narrow(all, -3, H, G),
                                        narrow(all, -3, H + G, G), form);
  return reshape(transpose(y, -2, -3), joined);
}

struct Parts {
  Tensor q, k, v;
};
// The heads of q, k and v in the columns of qkv (or of dqkv).
Parts parts_of(const Tensor& qkv, int64_t H, int64_t G) {
  const int64_t D = qkv.size(-1) / (H + 2 * G);
  return {heads_of(qkv, 0, H, D), heads_of(qkv, H, G, D), heads_of(qkv, H + G, G, D)};
}

// y = attention(q, k, v), where q, k and v are columns of qkv.  dq, dk and dv are columns of dqkv.
struct SelfAttention final : AttentionOp<SelfAttention> {
  static constexpr std::string_view kName = "self_attention";
  int64_t H = 1, G = 1;
  std::vector<Tensor> values() const { return {input(0)}; }
  Tensor definition(const std::vector<Tensor>& xs) const {
    return self_attention_definition(xs[0], H, G, form());
  }
  TensorList kernel_backward(const Tensor& dy) const {
    const Tensor qkv = input(0), dqkv = empty(qkv.shape(), kFloat32);
    const auto [q, k, v] = parts_of(float_rows(qkv), H, G);
    const auto [dq, dk, dv] = parts_of(dqkv, H, G);
    const auto heads = [this, D = q.size(-1)](const Tensor& x) {
      return heads_of(float_rows(x), 0, H, D);
    };
    attention_backward_into(kernel_inputs(q, k, v, form(), /*backward=*/true), extra(1), heads(dy),
                            extra(2), {dq, dk, dv});
    return {to(dqkv, dtype)};
  }
};

void check_mask(std::string_view op, const Tensor& mask, const Shape& scores) {
  if (!mask.defined()) return;
  check<DTypeError>(mask.dtype() == kBool || is_floating(mask.dtype()), op,
                    ": expected a bool or floating mask, got ", mask.dtype());
  check<GraphError>(!mask.requires_grad(), op,
                    ": expected a constant mask, which gets no gradient, got one that requires "
                    "grad; detach() it");
  check<ShapeError>(mask.rank() <= scores.rank() && broadcast(op, mask.shape(), scores) == scores,
                    op, ": expected a mask that broadcasts to the scores ", scores, ", got ",
                    mask.shape());
}

// Reserves the random numbers of the dropout for `rows` rows of S scores.
simd::AttentionDropout dropout_of(std::string_view op, double p, Generator* given, int64_t rows,
                                  int64_t S) {
  check<ValueError>(0 <= p && p <= 1, op, ": expected a dropout_p in [0, 1], got ", p);
  const auto threshold = static_cast<uint64_t>(std::ldexp(p, 32));
  if (!threshold) return {};
  Generator& generator = given ? *given : default_generator();
  const int64_t blocks = rows * simd::AttentionDropout::blocks_per_row(S);
  return {threshold, generator.seed(), generator.reserve(static_cast<uint64_t>(blocks)),
          p < 1 ? 1 / (1 - p) : 0};
}

// `scores` is the shape (..., H, T, S).
template <class Options>
Form form_of(std::string_view op, const Options& options, const Shape& scores, int64_t D,
             DType dtype) {
  check_mask(op, options.mask, scores);
  const auto width = static_cast<double>(std::max<int64_t>(1, D));
  const int64_t S = scores.back(), rows = S ? numel(scores) / S : 0;
  return {options.is_causal, options.scale.value_or(1 / std::sqrt(width)),
          mask_bias(options.mask, accumulation_dtype(dtype)),
          dropout_of(op, options.dropout_p, options.generator, rows, S)};
}

void check_heads(const Tensor& q, const Tensor& k, const Tensor& v) {
  constexpr std::string_view op = Attention::kName;
  check_same_dtype(op, q, k);
  check_same_dtype(op, q, v);
  check_floating(op, q);
  check<ShapeError>(q.rank() >= 3 && k.rank() == q.rank() && k.shape() == v.shape(), op,
                    ": expected q (..., H, T, D), k and v (..., G, S, D), got ", q.shape(), ", ",
                    k.shape(), " and ", v.shape());
  Shape like = q.shape();
  like[like.rank() - 3] = k.size(-3), like[like.rank() - 2] = k.size(-2);
  check<ShapeError>(like == k.shape(), op,
                    ": expected q and k to agree in their features and leading axes, got ",
                    q.shape(), " and ", k.shape());
  const int64_t H = q.size(-3), G = k.size(-3);
  check<ShapeError>(G ? H % G == 0 : H == 0, op,
                    ": expected the heads of q to be a multiple of the heads of k, got ", H,
                    " and ", G);
}

Tensor empty_softmax(const Tensor& q) {
  return empty({q.numel() / std::max<int64_t>(1, q.size(-1)), 2}, kFloat32);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_heads(q, k, v);
  Shape scores = q.shape();
  scores[scores.rank() - 1] = k.size(-2);
  const Form form = form_of(Attention::kName, options, scores, q.size(-1), q.dtype());
  Tensor wide_y, softmaxes;
  const Tensor y = fused_value(
      q.dtype(), [&] { return attention_definition(q.detach(), k.detach(), v.detach(), form); },
      [&] {
        wide_y = empty_heads(q.shape(), kFloat32);
        softmaxes = empty_softmax(q);
        attention_into(kernel_inputs(q.detach(), k.detach(), v.detach(), form), wide_y, softmaxes);
        return narrowed(wide_y, q.dtype());
      });
  if (auto* node = record<Attention>(y, q, k, v)) {
    node->save_input(0, q);
    node->save_input(1, k);
    node->save_input(2, v);
    node->save(form, wide_y, softmaxes);
  }
  return y;
}

Tensor self_attention(const Tensor& qkv, const SelfAttentionOptions& options) {
  constexpr std::string_view op = SelfAttention::kName;
  check_floating(op, qkv);
  const int64_t H = options.n_head, G = options.n_kv_head ? options.n_kv_head : H;
  check<ValueError>(H >= 1 && G >= 1 && H % G == 0, op,
                    ": expected an n_head that is a positive multiple of n_kv_head, got ", H,
                    " and ", G);
  check<ShapeError>(
      2 <= qkv.rank() && qkv.rank() < Shape::kMaxRank && qkv.size(-1) % (H + 2 * G) == 0, op,
      ": expected qkv (..., T, (n_head + 2 n_kv_head) D) for ", H, " and ", G, " heads, got ",
      qkv.shape());
  const int64_t T = qkv.size(-2), D = qkv.size(-1) / (H + 2 * G);
  Shape scores = qkv.shape(), shape = qkv.shape();
  scores[scores.rank() - 2] = H, scores[scores.rank() - 1] = T;
  scores.push_back(T);
  shape[shape.rank() - 1] = H * D;
  const Form form = form_of(op, options, scores, D, qkv.dtype());
  Tensor heads, softmaxes;
  const Tensor y = fused_value(
      qkv.dtype(), [&] { return self_attention_definition(qkv.detach(), H, G, form); },
      [&] {
        const Tensor wide_y = empty(shape, kFloat32);
        heads = heads_of(wide_y, 0, H, D);
        const auto [q, k, v] = parts_of(float_rows(qkv.detach()), H, G);
        softmaxes = empty_softmax(heads);
        attention_into(kernel_inputs(q, k, v, form), heads, softmaxes);
        return to(wide_y, qkv.dtype());
      });
  if (auto* node = record<SelfAttention>(y, qkv)) {
    node->H = H, node->G = G;
    node->save_input(0, qkv);
    node->save(form, heads, softmaxes);
  }
  return y;
}

}  // namespace vitro
