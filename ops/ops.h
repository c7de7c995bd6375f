// Every function on tensors, one line each.  Elementwise functions broadcast as NumPy does; tensors
// of one call share a dtype, and a number takes the tensor's.  `axis` counts from the end when
// negative. Comparisons, argmax, argmin, one_hot and multinomial give integers or bools, which have
// no gradient; every other result carries its derivative, to any order.  Wrong shapes: ShapeError;
// dtypes: DTypeError.
#pragma once
#include <optional>
#include <utility>

#include "../framework/autograd/engine.h"
#include "../framework/base/activation.h"
#include "../framework/tensor/random.h"

namespace [[gnu::visibility("default")]] vitro {

// --- elementwise (elementwise.cpp) ---
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);  // floating dtypes
Tensor pow(const Tensor& x, const Tensor& y);  // x^y
Tensor pow(const Tensor& x, double exponent);
Tensor minimum(const Tensor& a, const Tensor& b);  // a tie gives half the gradient to each
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);  // slope 0 at 0
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1 / sqrt(x)
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor erf(const Tensor& x);   // 2/sqrt(pi) int_0^x e^(-t^2) dt
Tensor erfc(const Tensor& x);  // 1 - erf(x) without cancellation
// min(max(x, low), high); slope 1 on [low, high], bounds included, else 0.
Tensor clamp(const Tensor& x, std::optional<Number> low, std::optional<Number> high = {});
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);  // condition is bool

// --- comparisons (comparison.cpp): bool tensors ---
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, const Number& b);
Tensor ne(const Tensor& a, const Number& b);
Tensor lt(const Tensor& a, const Number& b);
Tensor le(const Tensor& a, const Number& b);
Tensor gt(const Tensor& a, const Number& b);
Tensor ge(const Tensor& a, const Number& b);

// --- activations (activation.cpp) ---
enum class GeluForm { kErf, kTanh };
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor relu(const Tensor& x);     // max(x, 0); slope 0 at 0, 1 at NaN
Tensor gelu(const Tensor& x,
            GeluForm form = GeluForm::kErf);  // x Phi(x) (Hendrycks and Gimpel, 2016)
Tensor silu(const Tensor& x);                 // x sigmoid(x)
Tensor softplus(const Tensor& x);             // log(1 + e^x)

// --- reductions (reduce.cpp, extremum.cpp); ties go to the first index, which also gets the
// gradient ---
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, int64_t axis, bool keepdim = false);
// sum (x - mean)^2 / (n - correction)
struct VarOptions {
  int64_t correction = 1;
  bool keepdim = false;
};
Tensor var(const Tensor& x, const VarOptions& options = {});
Tensor var(const Tensor& x, int64_t axis, const VarOptions& options = {});
Tensor norm(const Tensor& x);  // sqrt(sum x^2); the gradient of 0 is 0
Tensor norm(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
ValuesAndIndices max(const Tensor& x, int64_t axis, bool keepdim = false);
ValuesAndIndices min(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor argmax(const Tensor& x);  // index into the flattened tensor
Tensor argmin(const Tensor& x);
Tensor argmax(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim = false);
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t axis = -1,
                      bool largest = true);  // sorted

// --- views (view.cpp): they share storage; reshape copies where it must ---
Tensor reshape(const Tensor& x, const Shape& shape);  // one size may be -1
Tensor view(const Tensor& x, const Shape& shape);     // ShapeError where a copy is needed
Tensor flatten(const Tensor& x, int64_t start = 0, int64_t end = -1);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);
Tensor permute(const Tensor& x, const Shape& axes);
Tensor t(const Tensor& x);  // (m, n) -> (n, m); x itself below rank 2
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int64_t axis);
Tensor unsqueeze(const Tensor& x, int64_t axis);
Tensor select(const Tensor& x, int64_t axis, int64_t index);
Tensor slice(const Tensor& x, int64_t axis, int64_t start, int64_t stop,
             int64_t step = 1);  // step >= 1
Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length);
// Views along an axis: of `size` elements, the last perhaps of fewer; of the sizes, which add up to
// the axis; or at most n of equal size, the last perhaps of fewer.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis = 0);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis = 0);
std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t axis = 0);

// --- copies and joins (copy.cpp) ---
Tensor contiguous(const Tensor& x);  // x itself if it already is
Tensor clone(const Tensor& x);
Tensor to(const Tensor& x, DType dtype);  // to integers: cut, kept within their range, NaN as 0
Tensor cat(std::span<const Tensor> xs, int64_t axis = 0);
inline Tensor cat(std::initializer_list<Tensor> xs, int64_t axis = 0) {
  return cat(std::span(xs.begin(), xs.size()), axis);
}
Tensor stack(const std::vector<Tensor>& xs, int64_t axis = 0);

// --- products (matmul.cpp, linear.cpp) ---
// (..., m, k) (..., k, n) -> (..., m, n); leading axes broadcast; a vector stands for one row or
// column.
Tensor matmul(const Tensor& a, const Tensor& b);
// f(x W^T + b): x (..., in), weight (out, in), bias (out) or undefined -> (..., out).
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              Activation f = Activation::kNone);
Tensor activate(const Tensor& x, Activation f);

// --- softmax family (softmax.cpp, logsumexp.cpp) ---
// softmax(x)_i = exp(x_i - max x) / sum_j exp(x_j - max x) along `axis`; the max keeps exp from
// overflow.
Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim = false);

// --- norms over the last axis (norm.cpp): x (..., C), weight and bias (C) or undefined ---
// (x - mean) / sqrt(variance + eps) weight + bias, the variance without correction (Ba et al.,
// 2016)
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
// x / sqrt(mean x^2 + eps) weight (Zhang and Sennrich, 2019)
Tensor rms_norm(const Tensor& x, const Tensor& weight = {}, double eps = 1e-5);

// --- indexing (index.cpp); ids are int64 ---
Tensor embedding(const Tensor& ids, const Tensor& weight);              // (...), (V, C) -> (..., C)
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& ids);  // ids (n)
Tensor gather(const Tensor& x, int64_t axis, const Tensor& ids);        // y_ij = x_i,ids_ij
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& ids, const Tensor& source);
Tensor one_hot(const Tensor& ids, int64_t num_classes = -1);  // int64; -1: largest id + 1
Tensor nonzero(const Tensor& x);                              // (count, rank) indices, int64

// --- masks and positions (mask.cpp, rope.cpp) ---
// `value` where mask is true; the mask is bool, and both broadcast.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Number& value);
// Of the last two axes: x_ij where j - i <= diagonal, else 0.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);  // where j - i >= diagonal
// x (..., T, D) with the pairs (x_i, x_(i + D/2)) of row t turned by the angle
// (start + t) base^(-2i / D)  (Su et al., 2021, paired as in GPT-NeoX and Llama).
struct RopeOptions {
  int64_t start = 0;
  double base = 10000;
};
Tensor rope(const Tensor& x, const RopeOptions& options = {});

// --- attention (attention.cpp) ---
struct AttentionOptions {
  bool is_causal = false;  // row t sees columns s <= t + S - T: the last row sees all
  Tensor mask = {};        // bool (true: may be seen) or floating (added to the scores); a constant
  std::optional<double> scale = {};  // of the scores; 1 / sqrt(D) if absent
  double dropout_p = 0;              // weights that count 0; the others count 1 / (1 - p)
  Generator* generator = nullptr;    // of the dropout; null: the default one
};
// softmax(scale q k^T + mask) v: q (..., H, T, D), k and v (..., G, S, D) -> (..., H, T, D).  H is
// a multiple of G, and head h reads k and v of h / (H / G).  The mask broadcasts to (..., H, T, S),
// and holds beside is_causal.  A row that sees nothing is 0.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});
struct SelfAttentionOptions {
  int64_t n_head;         // H
  int64_t n_kv_head = 0;  // G; H if 0
  bool is_causal = true;
  Tensor mask = {};  // broadcasts to (..., H, T, T)
  std::optional<double> scale = {};
  double dropout_p = 0;
  Generator* generator = nullptr;
};
// The same of one packed projection: qkv (..., T, (H + 2 G) D), whose columns are the heads of q,
// those of k and those of v -> (..., T, H D).
Tensor self_attention(const Tensor& qkv, const SelfAttentionOptions& options);

// --- losses of classes (loss.cpp) ---
enum class Reduction { kNone, kMean, kSum };
struct CrossEntropyOptions {
  Tensor weight = {};  // (C); a constant
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  Reduction reduction = Reduction::kMean;
};
// -w_target log softmax(logits)_target over the last axis: logits (..., C), targets (...) int64.
// Ignored targets count for nothing, whatever their logits are; the mean divides by the sum of the
// weights w_target, and that of no rows is NaN.  Smoothing e mixes in e w_c / C of every class c.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options = {});
// cross_entropy(linear(x, weight), targets) without ever holding all logits: x (..., features),
// weight (C, features), targets (...).  Backward computes them anew, in tiles of a few MiB, and
// adds the weight's gradient where it waits.  A create_graph or class weights hold the logits.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options = {});
struct NllLossOptions {
  Tensor weight = {};  // (C); a constant
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::kMean;
};
Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NllLossOptions& options = {});

// --- losses of numbers (pointwise_loss.cpp); d = x - target, which have one shape ---
// Computed in float32 where both are bfloat16.  Weights broadcast.
Tensor mse_loss(const Tensor& x, const Tensor& target,
                Reduction reduction = Reduction::kMean);  // d^2
Tensor l1_loss(const Tensor& x, const Tensor& target,
               Reduction reduction = Reduction::kMean);  // |d|
// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2
struct SmoothL1LossOptions {
  double beta = 1;  // >= 0
  Reduction reduction = Reduction::kMean;
};
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target,
                      const SmoothL1LossOptions& options = {});
// d^2 / 2 where |d| < delta, else delta (|d| - delta / 2)
struct HuberLossOptions {
  double delta = 1;  // > 0
  Reduction reduction = Reduction::kMean;
};
Tensor huber_loss(const Tensor& x, const Tensor& target, const HuberLossOptions& options = {});
// -w (p t log s(x) + (1 - t) log(1 - s(x))): logits x, targets t in [0, 1], s = sigmoid; the
// weights are constants
struct BceOptions {
  Tensor weight = {};      // w; 1 if undefined
  Tensor pos_weight = {};  // p; 1 if undefined
  Reduction reduction = Reduction::kMean;
};
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BceOptions& options = {});
// t (log t - x), and 0 where t is, even if x is -infinity: log-probabilities x, probabilities t
// (their logarithms with log_target).  The mean is that of all elements; of rows it is the sum over
// their number.
struct KlDivOptions {
  bool log_target = false;
  Reduction reduction = Reduction::kMean;
};
Tensor kl_div(const Tensor& log_probs, const Tensor& targets, const KlDivOptions& options = {});

// --- random (random.cpp); the same for any number of threads ---
// x, where a value becomes 0 with probability p and the others count 1 / (1 - p).
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true,
               Generator& generator = default_generator());
// `count` draws from each row of weights (..., n) -> (..., count) int64.
Tensor multinomial(const Tensor& weights, int64_t count, bool replacement = false,
                   Generator& generator = default_generator());

// --- operators ---
// The 0-d tensor that a number in an expression becomes: ValueError if an integer or bool dtype
// does not hold it exactly.
Tensor full_scalar(const Number& value, DType dtype, std::string_view op = "number");
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, const Number& b) {
  return add(a, full_scalar(b, a.dtype()));
}
inline Tensor operator-(const Tensor& a, const Number& b) {
  return sub(a, full_scalar(b, a.dtype()));
}
inline Tensor operator*(const Tensor& a, const Number& b) {
  return mul(a, full_scalar(b, a.dtype()));
}
inline Tensor operator/(const Tensor& a, const Number& b) {
  return div(a, full_scalar(b, a.dtype()));
}
inline Tensor operator+(const Number& a, const Tensor& b) {
  return add(full_scalar(a, b.dtype()), b);
}
inline Tensor operator-(const Number& a, const Tensor& b) {
  return sub(full_scalar(a, b.dtype()), b);
}
inline Tensor operator*(const Number& a, const Tensor& b) {
  return mul(full_scalar(a, b.dtype()), b);
}
inline Tensor operator/(const Number& a, const Tensor& b) {
  return div(full_scalar(a, b.dtype()), b);
}

}  // namespace vitro
