// The functions on tensors.  Elementwise functions broadcast as NumPy does.  The tensors of one
// call have the same dtype; a number is converted to this dtype.  A negative `axis` counts from the
// end.  Integer and bool results (comparisons, indices, one_hot, nonzero, multinomial) have no
// gradient; every other result is differentiable, to any order.  A wrong shape throws a ShapeError,
// a wrong dtype a DTypeError.
#pragma once
#include <optional>
#include <utility>

#include "../framework/autograd/engine.h"
#include "../framework/base/activation.h"
#include "../framework/tensor/random.h"

namespace [[gnu::visibility("default")]] vitro {

// --- elementwise (arithmetic.cpp, unary.cpp, choice.cpp) ---

Tensor sub(const Tensor& a, const Tensor& b);      // a - b
Tensor mul(const Tensor& a, const Tensor& b);      // a b
Tensor div(const Tensor& a, const Tensor& b);      // a / b, for floating dtypes
Tensor pow(const Tensor& x, const Tensor& y);      // x^y
Tensor pow(const Tensor& x, double exponent);      // x^exponent
Tensor minimum(const Tensor& a, const Tensor& b);  // where a = b, each gets half the gradient
Tensor maximum(const Tensor& a, const Tensor& b);  // where a = b, each gets half the gradient
Tensor neg(const Tensor& x);                       // -x
Tensor abs(const Tensor& x);                       // |x|; slope 0 at 0
Tensor exp(const Tensor& x);                       // e^x
Tensor log(const Tensor& x);                       // natural logarithm
Tensor sqrt(const Tensor& x);                      // x^(1/2)
Tensor rsqrt(const Tensor& x);                     // 1 / sqrt(x)
Tensor sin(const Tensor& x);                       // x in radians
Tensor cos(const Tensor& x);                       // x in radians
Tensor erf(const Tensor& x);                       // 2/sqrt(pi) int_0^x e^(-t^2) dt
Tensor erfc(const Tensor& x);                      // 1 - erf(x) without cancellation
// min(max(x, low), high); slope 1 on [low, high], bounds included, else 0.
Tensor clamp(const Tensor& x, std::optional<Number> low, std::optional<Number> high = {});
// a where the bool `condition` is true, else b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

// --- comparisons (comparison.cpp): bool tensors ---

Tensor eq(const Tensor& a, const Tensor& b);  // a == b
Tensor ne(const Tensor& a, const Tensor& b);  // a != b
Tensor lt(const Tensor& a, const Tensor& b);  // a < b
Tensor le(const Tensor& a, const Tensor& b);  // a <= b
Tensor gt(const Tensor& a, const Tensor& b);  // a > b
Tensor ge(const Tensor& a, const Tensor& b);  // a >= b
Tensor eq(const Tensor& a, const Number& b);  // a == b
Tensor ne(const Tensor& a, const Number& b);  // a != b
Tensor lt(const Tensor& a, const Number& b);  // a < b
Tensor le(const Tensor& a, const Number& b);  // a <= b
Tensor gt(const Tensor& a, const Number& b);  // a > b
Tensor ge(const Tensor& a, const Number& b);  // a >= b

// Whether a and b have the same shape and every a_i == b_i.  NaN equals nothing.
bool equal(const Tensor& a, const Tensor& b);
// Whether every |a_i - b_i| <= atol + rtol |b_i|, with broadcasting.  An infinity is close to
// itself.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8);

// --- activations (activation.cpp) ---

// The exact gelu (by erf), or its approximation by tanh.
enum class GeluForm {
  kErf,  // x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2
  kTanh  // x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
};
Tensor tanh(const Tensor& x);     // (e^x - e^-x) / (e^x + e^-x)
Tensor sigmoid(const Tensor& x);  // 1 / (1 + e^-x)
Tensor relu(const Tensor& x);     // max(x, 0); slope 0 at 0, 1 at NaN
Tensor gelu(const Tensor& x,
            GeluForm form = GeluForm::kErf);  // x Phi(x) (Hendrycks and Gimpel, 2016)
Tensor silu(const Tensor& x);                 // x sigmoid(x)
Tensor softplus(const Tensor& x);             // log(1 + e^x)

// --- reductions (reduce.cpp, extremum.cpp) over all elements or along one axis ---
// `keepdim` keeps the reduced axis, with size 1.  Of equal extrema along an axis, the first is
// chosen, and gets the whole gradient.  A NaN counts as the extremum.

Tensor sum(const Tensor& x);  // sum x; int64 for integers and bools
Tensor sum(const Tensor& x, int64_t axis,
           bool keepdim = false);  // sum x; int64 for integers and bools
Tensor mean(const Tensor& x);      // sum x / n
Tensor mean(const Tensor& x, int64_t axis, bool keepdim = false);  // sum x / n
// Options of var.
struct VarOptions {
  int64_t correction = 1;  // 1: the sample variance; 0: the population variance
  bool keepdim = false;    // whether the reduced axis stays, with size 1
};
// sum (x - mean)^2 / (n - correction)
Tensor var(const Tensor& x, const VarOptions& options = {});
Tensor var(const Tensor& x, int64_t axis, const VarOptions& options = {});
// sqrt(sum x^2); where the norm is 0, the gradient is 0.
Tensor norm(const Tensor& x);
Tensor norm(const Tensor& x, int64_t axis, bool keepdim = false);
// The largest or smallest element; ShapeError if there is none.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
// The extrema along an axis, and their int64 indices on it.
ValuesAndIndices max(const Tensor& x, int64_t axis, bool keepdim = false);
ValuesAndIndices min(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor argmax(const Tensor& x);  // an index into the flattened tensor
Tensor argmin(const Tensor& x);  // an index into the flattened tensor
Tensor argmax(const Tensor& x, int64_t axis, bool keepdim = false);  // indices on the axis
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim = false);  // indices on the axis
// The k largest (or smallest) elements along an axis, best first; NaN counts as the largest number.
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);

// --- views, which share storage with x (view.cpp, split.cpp) ---

Tensor reshape(const Tensor& x, const Shape& shape);  // one size may be -1; may copy
Tensor view(const Tensor& x, const Shape& shape);     // ShapeError if a copy is needed
// Axes start to end (included) become one; copies if a view cannot do this.
Tensor flatten(const Tensor& x, int64_t start = 0, int64_t end = -1);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);  // axes a and b change places
Tensor permute(const Tensor& x, const Shape& axes);       // axis i is x's axis axes[i]
Tensor t(const Tensor& x);                                // (m, n) -> (n, m); x itself below rank 2
Tensor squeeze(const Tensor& x);                          // without the axes of size 1
Tensor squeeze(const Tensor& x, int64_t axis);            // without `axis` if its size is 1, else x
Tensor unsqueeze(const Tensor& x, int64_t axis);          // with a new axis of size 1
Tensor select(const Tensor& x, int64_t axis, int64_t index);  // x at one index, without the axis
// Elements start, start + step, ... before stop; step >= 1.  A negative start or stop counts from
// the end of the axis; both are clipped to the axis.
Tensor slice(const Tensor& x, int64_t axis, int64_t start, int64_t stop, int64_t step = 1);
// `length` elements from `start` on; ShapeError if the axis is too short.
Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length);
// Parts of `size` elements each; the last may be smaller.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis = 0);
// Parts of the given sizes, which add up to the axis.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis = 0);
// At most n parts of equal size; the last may be smaller.
std::vector<Tensor> chunk(const Tensor& x, int64_t n, int64_t axis = 0);

// --- copies and joins (copy.cpp) ---

Tensor contiguous(const Tensor& x);  // x itself if it already is
Tensor clone(const Tensor& x);       // a contiguous copy
// x in another dtype.  Conversion to integers drops fractions, clamps to the dtype's range, and
// turns NaN into 0.
Tensor to(const Tensor& x, DType dtype);
// xs joined along an axis; their other sizes must agree.  Tensors of shape (0,) are ignored.
Tensor cat(std::span<const Tensor> xs, int64_t axis = 0);
inline Tensor cat(std::initializer_list<Tensor> xs, int64_t axis = 0) {
  return cat(std::span(xs.begin(), xs.size()), axis);
}
Tensor stack(const std::vector<Tensor>& xs, int64_t axis = 0);  // xs of one shape, on a new axis

// --- products (matmul.cpp, linear.cpp) ---

// (..., m, k) (..., k, n) -> (..., m, n); leading axes broadcast.  A vector a counts as one row,
// a vector b as one column.
Tensor matmul(const Tensor& a, const Tensor& b);
// f(x W^T + b): x (..., in), weight (out, in), bias (out) or undefined -> (..., out).
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              Activation f = Activation::kNone);
Tensor activate(const Tensor& x, Activation f);  // f(x)

// --- softmax family (softmax.cpp, logsumexp.cpp) ---

// softmax(x)_i = exp(x_i - max x) / sum_j exp(x_j - max x) along `axis`; subtracting the max
// avoids overflow.
Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);                      // log of softmax(x)
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim = false);  // log sum_j e^x_j

// --- norms over the last axis (norm.cpp): x (..., C), weight and bias (C) or undefined ---

// (x - mean) / sqrt(variance + eps) weight + bias, where the variance divides by C (Ba et al.,
// 2016).
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
// x / sqrt(mean x^2 + eps) weight (Zhang and Sennrich, 2019)
Tensor rms_norm(const Tensor& x, const Tensor& weight = {}, double eps = 1e-5);

// --- indexing (index.cpp); ids are int64 ---

Tensor embedding(const Tensor& ids, const Tensor& weight);              // (...), (V, C) -> (..., C)
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& ids);  // x at ids (n) on axis
Tensor gather(const Tensor& x, int64_t axis, const Tensor& ids);  // axis 1: y_ij = x_(i,ids_ij)
// x plus source at ids.  For axis 1: adds source_ij to x_(i, ids_ij).  ids may be smaller than
// source; the rest of source is not used.
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& ids, const Tensor& source);
// (...) -> (..., num_classes), int64: 1 at the id, else 0.  num_classes = -1: largest id + 1.
Tensor one_hot(const Tensor& ids, int64_t num_classes = -1);
Tensor nonzero(const Tensor& x);  // the indices of x's nonzero elements: (count, rank) int64

// --- masks and positions (mask.cpp, rope.cpp) ---

// `value` where the bool mask is true, else x; both broadcast.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Number& value);
// x (..., rows, columns): x_ij where j - i <= diagonal, else 0.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
// x (..., rows, columns): x_ij where j - i >= diagonal, else 0.
Tensor triu(const Tensor& x, int64_t diagonal = 0);
// Options of rope.
struct RopeOptions {
  int64_t start = 0;    // the position of row 0, >= 0
  double base = 10000;  // > 0
};
// x (..., T, D) with the pairs (x_i, x_(i + D/2)) of row t turned by the angle
// (start + t) base^(-2i / D)  (Su et al., 2021, paired as in GPT-NeoX and Llama).
Tensor rope(const Tensor& x, const RopeOptions& options = {});

// --- attention (attention.cpp) ---

// Options of scaled_dot_product_attention.
struct AttentionOptions {
  bool is_causal = false;  // row t sees columns s <= t + S - T: the last row sees all
  Tensor mask = {};        // bool (true: seen) or floating (added to the scores); a constant
  std::optional<double> scale = {};  // factor of the scores; 1 / sqrt(D) if absent
  // Each weight is set to 0 with this probability p; the others are multiplied by 1 / (1 - p).
  double dropout_p = 0;
  Generator* generator = nullptr;  // for dropout; null: default_generator()
};
// softmax(scale q k^T + mask) v: q (..., H, T, D), k and v (..., G, S, D) -> (..., H, T, D).  H is
// a multiple of G, and head h of q uses head h / (H / G) of k and v.  The mask broadcasts to
// (..., H, T, S), and applies together with is_causal.  A row that sees no column is 0.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});
// Options of self_attention.
struct SelfAttentionOptions {
  int64_t n_head;                    // H
  int64_t n_kv_head = 0;             // G; H if 0
  bool is_causal = true;             // row t sees columns s <= t
  Tensor mask = {};                  // as in AttentionOptions; broadcasts to (..., H, T, T)
  std::optional<double> scale = {};  // factor of the scores; 1 / sqrt(D) if absent
  double dropout_p = 0;              // as in AttentionOptions
  Generator* generator = nullptr;    // for dropout; null: default_generator()
};
// scaled_dot_product_attention for one packed projection: qkv (..., T, (H + 2 G) D) -> (..., T,
// H D).  The columns of qkv are the heads of q, then those of k, then those of v.
Tensor self_attention(const Tensor& qkv, const SelfAttentionOptions& options);

// --- losses of classes (loss.cpp, linear_cross_entropy.cpp) ---

// Which result a loss function returns.
enum class Reduction {
  kNone,  // all losses
  kMean,  // the mean of the losses
  kSum    // the sum of the losses
};
// Options of cross_entropy and linear_cross_entropy.
struct CrossEntropyOptions {
  Tensor weight = {};                      // (C), one factor per class; a constant
  int64_t ignore_index = -100;             // rows with this target do not count
  double label_smoothing = 0;              // e in [0, 1]
  Reduction reduction = Reduction::kMean;  // kMean divides by the sum of w_target
};
// (1 - e) (-w_target log p_target) + e mean_c(-w_c log p_c) with p = softmax(logits) over the last
// axis and label smoothing e: logits (..., C), targets (...) int64.  The loss of ignored rows
// is 0, even if their logits are NaN.  kMean divides by the sum of w_target; if all rows are
// ignored, the mean is NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options = {});
// cross_entropy(linear(x, weight), targets) without holding all logits in memory:
// x (..., features), weight (C, features), targets (...).  Forward and backward compute the logits
// in tiles of a few MiB, and backward adds dweight directly to the gradient accumulated for
// `weight`.  In float64, with create_graph or with class weights, all logits are in memory.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options = {});
// Options of nll_loss.
struct NllLossOptions {
  Tensor weight = {};                      // (C), one factor per class; a constant
  int64_t ignore_index = -100;             // rows with this target do not count
  Reduction reduction = Reduction::kMean;  // kMean divides by the sum of w_target
};
// -w_target log_probs_target: log_probs (..., C), targets (...) int64.
Tensor nll_loss(const Tensor& log_probs, const Tensor& targets, const NllLossOptions& options = {});

// --- losses of numbers (pointwise_loss.cpp) ---
// d = x - target; x and target have the same shape.  If both inputs are bfloat16, the loss is
// computed in float32.  Weights broadcast.

Tensor mse_loss(const Tensor& x, const Tensor& target,
                Reduction reduction = Reduction::kMean);  // d^2
Tensor l1_loss(const Tensor& x, const Tensor& target,
               Reduction reduction = Reduction::kMean);  // |d|
// Options of smooth_l1_loss.
struct SmoothL1LossOptions {
  double beta = 1;                         // >= 0
  Reduction reduction = Reduction::kMean;  // of all elements
};
// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target,
                      const SmoothL1LossOptions& options = {});
// Options of huber_loss.
struct HuberLossOptions {
  double delta = 1;                        // > 0
  Reduction reduction = Reduction::kMean;  // of all elements
};
// d^2 / 2 where |d| < delta, else delta (|d| - delta / 2)
Tensor huber_loss(const Tensor& x, const Tensor& target, const HuberLossOptions& options = {});
// Options of binary_cross_entropy_with_logits.  The weights are constants.
struct BceOptions {
  Tensor weight = {};                      // w; 1 if undefined
  Tensor pos_weight = {};                  // p; 1 if undefined
  Reduction reduction = Reduction::kMean;  // of all elements
};
// -w (p t log s(x) + (1 - t) log(1 - s(x))): logits x, targets t in [0, 1], s = sigmoid.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        const BceOptions& options = {});
// Options of kl_div.
struct KlDivOptions {
  bool log_target = false;                 // whether targets are logarithms of probabilities
  Reduction reduction = Reduction::kMean;  // of all elements
};
// t (log t - x) for log-probabilities x and probabilities t; 0 where t is 0, even if x is
// -infinity.  kMean divides by the number of elements; for a mean over rows, divide kSum by the
// number of rows.
Tensor kl_div(const Tensor& log_probs, const Tensor& targets, const KlDivOptions& options = {});

// --- random (random.cpp); results do not depend on the number of threads ---

// x with each element set to 0 with probability p, and the others multiplied by 1 / (1 - p).  x
// itself if not `training`.
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true,
               Generator& generator = default_generator());
// Draws `count` indices from each row of weights (..., n) -> (..., count) int64, with probabilities
// proportional to the weights.
Tensor multinomial(const Tensor& weights, int64_t count, bool replacement = false,
                   Generator& generator = default_generator());

// --- operators ---

// A tensor without axes that contains the number.  ValueError if an integer or bool dtype cannot
// represent the number exactly.  `op` is named in the error.
Tensor full_scalar(const Number& value, DType dtype, std::string_view op = "number");
// a + b, a - b, a b and a / b: add, sub, mul and div.  A number is converted to the tensor's dtype.
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
