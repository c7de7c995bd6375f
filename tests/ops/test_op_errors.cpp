// Tests that each op refuses wrong input with the exact error type and a message that says why.
#include <catch2/catch.hpp>
#include <functional>
#include <typeindex>

#include "ops/ops.h"

using namespace vitro;

namespace {

struct ErrorCase {
  const char* call;
  std::function<void()> f;
  std::type_index type;
  const char* words;  // a part of the message
};

std::type_index shape_error = typeid(ShapeError), dtype_error = typeid(DTypeError),
                value_error = typeid(ValueError), graph_error = typeid(GraphError);

Tensor f32(const Shape& shape) { return full(shape, 0.5); }
Tensor f64(const Shape& shape) { return full(shape, 0.5, kFloat64); }
Tensor i64(const Shape& shape, int64_t value = 0) {
  return full(shape, static_cast<double>(value), kInt64);
}
Tensor flag(const Shape& shape) { return zeros(shape, kBool); }

const std::vector<ErrorCase> kCases = {
    // elementwise
    {"add",
     [] {
       add(f32({2, 3}), f32({2}));
     },
     shape_error, "add: expected shapes that broadcast, got (2, 3) and (2,)"},
    {"sub",
     [] {
       sub(f32({2, 3}), f32({4, 3}));
     },
     shape_error, "sub: expected shapes that broadcast, got (2, 3) and (4, 3)"},
    {"mul", [] { mul(f32({2}), f64({2})); }, dtype_error,
     "mul: expected two tensors of one dtype, got float32 (2,) and float64 (2,)"},
    {"div", [] { div(i64({2}), i64({2})); }, dtype_error,
     "div: expected a floating tensor, got int64 (2,)"},
    {"add of bools", [] { add(flag({2}), flag({2})); }, dtype_error,
     "add: expected a dtype with arithmetic, got bool"},
    {"pow", [] { pow(i64({2}), 2); }, dtype_error, "pow: expected a floating tensor"},
    {"pow of two", [] { pow(f32({2}), f32({3})); }, shape_error,
     "pow: expected shapes that broadcast, got (2,) and (3,)"},
    {"minimum", [] { minimum(f32({2}), f32({3})); }, shape_error,
     "minimum: expected shapes that broadcast"},
    {"maximum", [] { maximum(f32({2}), i64({2})); }, dtype_error,
     "maximum: expected two tensors of one dtype"},
    {"exp", [] { exp(i64({2})); }, dtype_error, "exp: expected a floating tensor, got int64 (2,)"},
    {"abs", [] { abs(i64({2})); }, dtype_error, "abs: expected a floating tensor"},
    {"erf of bools", [] { erf(flag({2})); }, dtype_error,
     "erf: expected a floating tensor, got bool (2,)"},
    {"neg of bools", [] { neg(flag({2})); }, dtype_error,
     "neg: expected a dtype with arithmetic, got bool"},
    {"log of nothing", [] { log(Tensor()); }, value_error,
     "log: expected the tensor to be defined, got an undefined tensor"},
    {"where", [] { where(f32({2}), f32({2}), f32({2})); }, dtype_error,
     "where: expected a bool condition, got float32"},
    {"where, shapes", [] { where(flag({2}), f32({3}), f32({1})); }, shape_error,
     "where: expected shapes that broadcast"},
    {"where, dtypes", [] { where(flag({2}), f32({2}), f64({2})); }, dtype_error,
     "where: expected two tensors of one dtype"},
    {"clamp", [] { clamp(i64({2}), 0.5); }, value_error,
     "clamp: expected a number that int64 can represent, got 0.5"},
    {"number with an integer tensor", [] { i64({2}) + 0.5; }, value_error,
     "number: expected a number that int64 can represent, got 0.5"},
    {"full_scalar", [] { full_scalar(0.5, kBool); }, value_error,
     "number: expected a number that bool can represent, got 0.5"},
    {"operator-", [] { f32({2}) - f64({2}); }, dtype_error,
     "sub: expected two tensors of one dtype"},
    // comparisons
    {"eq", [] { eq(f32({2}), f64({2})); }, dtype_error, "eq: expected two tensors of one dtype"},
    {"lt", [] { lt(f32({2}), f32({3})); }, shape_error,
     "lt: expected shapes that broadcast, got (2,) and (3,)"},
    {"ge with a number", [] { ge(i64({2}), 0.5); }, value_error,
     "ge: expected a number that int64 can represent, got 0.5"},
    // activations
    {"gelu", [] { gelu(i64({2})); }, dtype_error,
     "gelu: expected a floating tensor, got int64 (2,)"},
    {"softplus", [] { softplus(Tensor()); }, value_error,
     "softplus: expected the tensor to be defined, got an undefined tensor"},
    {"activate", [] { activate(Tensor(), Activation::kNone); }, value_error,
     "activate: expected the tensor to be defined, got an undefined tensor"},
    // reductions
    {"sum",
     [] {
       sum(f32({2, 3}), 2);
     },
     shape_error, "sum: expected an axis in [-2, 1], got 2"},
    {"mean",
     [] {
       mean(f32({2, 3}), -3);
     },
     shape_error, "mean: expected an axis in [-2, 1], got -3"},
    {"mean of integers", [] { mean(i64({2})); }, dtype_error, "mean: expected a floating tensor"},
    {"var", [] { var(f32({2}), {.correction = -1}); }, value_error,
     "var: expected a correction of at least 0, got -1"},
    {"var, axis", [] { var(f32({2}), 1); }, shape_error, "var: expected an axis in [-1, 0], got 1"},
    {"max of nothing",
     [] {
       max(f32({0, 3}), 0);
     },
     shape_error, "max: expected at least one element along axis 0, got (0, 3)"},
    {"max over all of nothing", [] { max(f32({0})); }, shape_error,
     "expected at least one element"},
    {"min, axis", [] { min(f32({2}), 5); }, shape_error, "min: expected an axis in [-1, 0], got 5"},
    {"argmax",
     [] {
       argmax(f32({2, 0}), 1);
     },
     shape_error, "argmax: expected at least one element along axis 1, got (2, 0)"},
    {"argmin", [] { argmin(f32({2}), 1); }, shape_error,
     "argmin: expected an axis in [-1, 0], got 1"},
    {"topk",
     [] {
       topk(f32({2, 3}), 4);
     },
     shape_error, "topk: expected k in [0, 3], the size of axis 1, got 4"},
    {"topk, negative", [] { topk(f32({3}), -1); }, shape_error, "topk: expected k in [0, 3]"},
    {"topk of a scalar", [] { topk(f32({}), 0); }, shape_error,
     "topk: expected k = 1 for a scalar, got 0"},
    {"sum_to",
     [] {
       sum_to(f32({2, 3}), {2});
     },
     shape_error, "sum_to: "},
    {"sum_to of bools",
     [] {
       sum_to(flag({2, 3}), {3});
     },
     dtype_error, "sum_to: expected a tensor with arithmetic, got bool"},
    // views
    {"reshape",
     [] {
       reshape(f32({2, 3}), {4});
     },
     shape_error, "reshape: expected a shape for the 6 elements of (2, 3), got (4,)"},
    {"reshape, two unknown",
     [] {
       reshape(f32({2, 3}), {-1, -1});
     },
     shape_error, "reshape: expected at most one size of -1, got (-1, -1)"},
    {"reshape, unknown beside 0",
     [] {
       reshape(f32({0}), {-1, 0});
     },
     shape_error, "reshape: "},
    {"reshape, negative", [] { reshape(f32({2}), {-2}); }, shape_error,
     "reshape: expected sizes of at least 0, got (-2,)"},
    {"view",
     [] {
       view(transpose(f32({2, 3}), 0, 1), {6});
     },
     shape_error, "needs no copy to become (6,), got (3, 2) with strides (1, 3); use reshape"},
    {"flatten",
     [] {
       flatten(f32({2, 3}), 1, 0);
     },
     shape_error, "flatten: expected a start at or before the end, got axes 1 and 0"},
    {"flatten, axis",
     [] {
       flatten(f32({2, 3}), 2);
     },
     shape_error, "flatten: expected an axis in [-2, 1], got 2"},
    {"transpose",
     [] {
       transpose(f32({2, 3}), 0, 2);
     },
     shape_error, "transpose: expected an axis in [-2, 1], got 2"},
    {"transpose of a scalar", [] { transpose(f32({}), 0, 1); }, shape_error,
     "transpose: expected an axis in [-1, 0], got 1"},
    {"permute",
     [] {
       permute(f32({2, 3}), {0});
     },
     shape_error, "permute: expected 2 axes, got (0,)"},
    {"permute, twice",
     [] {
       permute(f32({2, 3}), {0, -2});
     },
     shape_error, "permute: expected each axis once, got (0, -2)"},
    {"t",
     [] {
       t(f32({2, 3, 4}));
     },
     shape_error, "t: expected at most two axes, got (2, 3, 4)"},
    {"squeeze",
     [] {
       squeeze(f32({2, 1}), 2);
     },
     shape_error, "squeeze: expected an axis in [-2, 1], got 2"},
    {"squeeze of a scalar", [] { squeeze(f32({}), 1); }, shape_error,
     "squeeze: expected an axis in [-1, 0], got 1"},
    {"unsqueeze", [] { unsqueeze(f32({2}), 3); }, shape_error,
     "unsqueeze: expected an axis in [-2, 1], got 3"},
    {"unsqueeze, rank 9",
     [] {
       unsqueeze(f32({1, 1, 1, 1, 1, 1, 1, 1}), 0);
     },
     shape_error, "at most 8 axes"},
    {"select",
     [] {
       select(f32({2, 3}), 1, 3);
     },
     shape_error, "select: expected an index in [-3, 3) for axis 1 of size 3, got 3"},
    {"select, negative", [] { select(f32({2}), 0, -3); }, shape_error,
     "select: expected an index in [-2, 2) for axis 0 of size 2, got -3"},
    {"select of a scalar", [] { select(f32({}), 0, 0); }, shape_error,
     "select: expected a tensor with axes, got a scalar"},
    {"slice", [] { slice(f32({2}), 0, 0, 2, 0); }, shape_error,
     "slice: expected a step of at least 1, got 0"},
    {"slice, axis", [] { slice(f32({2}), 1, 0, 2); }, shape_error,
     "slice: expected an axis in [-1, 0], got 1"},
    {"narrow",
     [] {
       narrow(f32({2, 3}), 1, 2, 2);
     },
     shape_error, "narrow: expected a range within the axis of size 3, got 2 elements from 2"},
    {"narrow, huge", [] { narrow(f32({3}), 0, 1, std::numeric_limits<int64_t>::max()); },
     shape_error, "expected a range within the axis of size 3"},
    {"expand",
     [] {
       expand(f32({2, 3}), {2, 4});
     },
     shape_error, "expand: "},
    {"expand, fewer axes",
     [] {
       expand(f32({2, 3}), {3});
     },
     shape_error, "expand: expected a shape to which (2, 3) expands, got (3,)"},
    {"expand, negative", [] { expand(f32({1}), {-2}); }, shape_error,
     "expand: expected sizes of at least 0"},
    {"expand, too large",
     [] {
       expand(f32({1}), {int64_t{1} << 40, int64_t{1} << 40});
     },
     shape_error, "at most 2^63 - 1 bytes"},
    // copies and joins
    {"cat",
     [] {
       cat({f32({2, 3}), f32({2, 4})}, 0);
     },
     shape_error, "cat: expected shapes that agree outside axis 0, got (2, 3) and (2, 4)"},
    {"cat of nothing", [] { cat({}); }, shape_error, "cat: expected at least one tensor, got none"},
    {"cat of scalars",
     [] {
       cat({f32({}), f32({})});
     },
     shape_error, "cat: expected tensors with axes, got a scalar; use stack"},
    {"cat, dtypes",
     [] {
       cat({f32({2}), f64({2})});
     },
     dtype_error, "cat: expected two tensors of one dtype"},
    {"cat, axis", [] { cat({f32({2})}, 1); }, shape_error,
     "cat: expected an axis in [-1, 0], got 1"},
    {"stack",
     [] {
       stack({f32({2}), f32({3})});
     },
     shape_error, "stack: expected tensors of one shape, got (2,) and (3,)"},
    {"stack of nothing", [] { stack({}); }, shape_error,
     "stack: expected at least one tensor, got none"},
    {"to", [] { to(Tensor(), kFloat64); }, value_error,
     "to: expected the tensor to be defined, got an undefined tensor"},
    {"contiguous", [] { contiguous(Tensor()); }, value_error,
     "contiguous: expected the tensor to be defined, got an undefined tensor"},
    // products
    {"matmul",
     [] {
       matmul(f32({2, 3}), f32({4, 5}));
     },
     shape_error, "matmul: expected equal inner sizes, got (2, 3) x (4, 5)"},
    {"matmul of scalars", [] { matmul(f32({}), f32({2})); }, shape_error,
     "matmul: expected tensors with axes, got () x (2,); use mul for scalars"},
    {"matmul, batches",
     [] {
       matmul(f32({2, 3, 4}), f32({3, 4, 5}));
     },
     shape_error, "matmul: expected shapes that broadcast, got (2,) and (3,)"},
    {"matmul, dtypes",
     [] {
       matmul(f32({2, 3}), f64({3, 2}));
     },
     dtype_error, "matmul: expected two tensors of one dtype"},
    {"matmul of integers",
     [] {
       matmul(i64({2, 3}), i64({3, 2}));
     },
     dtype_error, "matmul: expected a floating tensor"},
    {"linear",
     [] {
       linear(f32({2, 7}), f32({32, 8}));
     },
     shape_error, "linear: expected 8 features for weight (32, 8), got 7 in x (2, 7)"},
    {"linear, bias",
     [] {
       linear(f32({2, 8}), f32({32, 8}), f32({8}));
     },
     shape_error, "linear: expected a bias (32,) for weight (32, 8), got (8,)"},
    {"linear, weight",
     [] {
       linear(f32({2, 8}), f32({8}));
     },
     shape_error, "linear: expected a weight (out, in), got (8,)"},
    {"linear of a scalar",
     [] {
       linear(f32({}), f32({2, 1}));
     },
     shape_error, "linear: expected x (..., in), got a scalar"},
    {"linear, dtypes",
     [] {
       linear(f32({2, 8}), f64({32, 8}));
     },
     dtype_error, "linear: expected two tensors of one dtype"},
    {"linear, bias dtype",
     [] {
       linear(f32({2, 8}), f32({3, 8}), f64({3}));
     },
     dtype_error, "linear: expected two tensors of one dtype"},
    // softmax family
    {"softmax", [] { softmax(f32({2}), 1); }, shape_error,
     "softmax: expected an axis in [-1, 0], got 1"},
    {"softmax of a scalar", [] { softmax(f32({}), 1); }, shape_error,
     "softmax: expected an axis in [-1, 0], got 1"},
    {"log_softmax", [] { log_softmax(i64({2}), 0); }, dtype_error,
     "log_softmax: expected a floating tensor, got int64 (2,)"},
    {"logsumexp", [] { logsumexp(f32({2}), -2); }, shape_error,
     "logsumexp: expected an axis in [-1, 0], got -2"},
    // indexing
    {"embedding",
     [] {
       embedding(i64({2}, 5), f32({5, 3}));
     },
     shape_error, "embedding: expected ids in [0, 5), got 5 at position 0 of (2,)"},
    {"embedding, negative",
     [] {
       embedding(i64({2}, -1), f32({5, 3}));
     },
     shape_error, "embedding: expected ids in [0, 5), got -1"},
    {"embedding, ids",
     [] {
       embedding(f32({2}), f32({5, 3}));
     },
     dtype_error, "embedding: expected int64 ids, got float32 (2,)"},
    {"embedding, weight", [] { embedding(i64({2}), f32({5})); }, shape_error,
     "embedding: expected a weight (vocabulary, features), got (5,)"},
    {"index_select",
     [] {
       index_select(f32({2, 3}), 1, i64({2}, 3));
     },
     shape_error, "index_select: expected ids in [0, 3), got 3"},
    {"index_select, ids",
     [] {
       index_select(f32({2, 3}), 1, i64({2, 2}));
     },
     shape_error, "index_select: expected ids of one axis, got (2, 2)"},
    {"gather",
     [] {
       gather(f32({2, 3}), 1, i64({2, 2}, 3));
     },
     shape_error, "gather: expected ids in [0, 3), got 3"},
    {"gather, rank",
     [] {
       gather(f32({2, 3}), 1, i64({2}));
     },
     shape_error, "gather: expected ids of x's rank"},
    {"gather, longer",
     [] {
       gather(f32({2, 3}), 1, i64({3, 3}));
     },
     shape_error, "at most along axis 1, got x (2, 3), ids (3, 3)"},
    {"gather, int32 ids", [] { gather(f32({2}), 0, to(i64({2}), kInt32)); }, dtype_error,
     "gather: expected int64 ids, got int32"},
    {"scatter_add", [] { scatter_add(f32({2}), 0, i64({3}), f32({2})); }, shape_error,
     "scatter_add: expected a source that covers ids, got source (2,), ids (3,)"},
    {"scatter_add, ids", [] { scatter_add(f32({2}), 0, i64({3}, 2), f32({3})); }, shape_error,
     "scatter_add: expected ids in [0, 2), got 2"},
    {"scatter_add of bools", [] { scatter_add(flag({2}), 0, i64({2}), flag({2})); }, dtype_error,
     "scatter_add: expected a dtype with arithmetic, got bool"},
    {"one_hot", [] { one_hot(i64({2}, 4), 4); }, shape_error,
     "one_hot: expected ids in [0, 4), got 4"},
    {"one_hot, negative", [] { one_hot(i64({2}, -1)); }, shape_error,
     "one_hot: expected ids in [0, "},
    {"one_hot of nothing", [] { one_hot(i64({0})); }, shape_error,
     "one_hot: expected ids, got none; pass num_classes"},
    {"nonzero", [] { nonzero(Tensor()); }, value_error,
     "nonzero: expected the tensor to be defined, got an undefined tensor"},
    // losses
    {"cross_entropy",
     [] {
       cross_entropy(f32({2, 3}), i64({2}, 3));
     },
     shape_error, "cross_entropy: expected targets in [0, 3) or -100, got 3 at position 0"},
    {"cross_entropy, shape",
     [] {
       cross_entropy(f32({2, 3}), i64({3}));
     },
     shape_error, "cross_entropy: expected targets (2,) for logits (2, 3), got (3,)"},
    {"cross_entropy, dtype",
     [] {
       cross_entropy(f32({2, 3}), f32({2}));
     },
     dtype_error, "cross_entropy: expected int64 class indices as targets, got float32"},
    {"cross_entropy of a scalar", [] { cross_entropy(f32({}), i64({})); }, shape_error,
     "cross_entropy: expected logits (..., classes), got a scalar"},
    {"cross_entropy, smoothing",
     [] {
       cross_entropy(f32({2, 3}), i64({2}), {.label_smoothing = 1.5});
     },
     value_error, "cross_entropy: expected a label_smoothing in [0, 1], got 1.5"},
    {"nll_loss",
     [] {
       nll_loss(f32({2, 3}), i64({2}, -1));
     },
     shape_error, "nll_loss: expected targets in [0, 3) or -100, got -1"},
    {"mse_loss",
     [] {
       mse_loss(f32({64, 1}), f32({64}));
     },
     shape_error,
     "mse_loss: expected a target of the shape (64, 1), got (64,); squeeze, unsqueeze or expand "
     "one "
     "of the two"},
    {"l1_loss, shapes that only broadcast",
     [] {
       l1_loss(f32({2, 3}), f32({1, 3}));
     },
     shape_error,
     "l1_loss: expected a target of the shape (2, 3), got (1, 3); squeeze, unsqueeze or expand one "
     "of the two"},
    {"smooth_l1_loss, shapes that only broadcast", [] { smooth_l1_loss(f32({3}), f32({})); },
     shape_error,
     "smooth_l1_loss: expected a target of the shape (3,), got (); squeeze, unsqueeze "
     "or expand one of the two"},
    {"huber_loss, shapes that only broadcast", [] { huber_loss(f32({}), f32({1})); }, shape_error,
     "huber_loss: expected a target of the shape (), got (1,); squeeze, unsqueeze or expand one of "
     "the two"},
    {"kl_div, shapes that only broadcast",
     [] {
       kl_div(f32({2, 3}), f32({3}));
     },
     shape_error,
     "kl_div: expected a target of the shape (2, 3), got (3,); squeeze, unsqueeze or expand one of "
     "the two"},
    {"mse_loss of integers", [] { mse_loss(i64({2}), i64({2})); }, dtype_error,
     "mse_loss: expected a floating tensor, got int64 (2,)"},
    {"split, a size", [] { split(f32({4}), 0); }, shape_error,
     "split: expected a size of at least 1, got 0"},
    {"split, too many",
     [] {
       split(f32({4}), {3, 2});
     },
     shape_error, "split: expected sizes that add up to 4, got 2 where 1 are left"},
    {"split, too few", [] { split(f32({4}), std::vector<int64_t>{3}); }, shape_error,
     "split: expected sizes that add up to 4, got 3 in all"},
    {"split of a scalar", [] { split(f32({}), 1); }, shape_error,
     "split: expected a tensor with axes, got a scalar"},
    {"chunk, none", [] { chunk(f32({4}), 0); }, shape_error,
     "chunk: expected at least one chunk, got 0"},
    {"chunk of a scalar", [] { chunk(f32({}), 1); }, shape_error,
     "chunk: expected a tensor with axes, got a scalar"},
    {"triu of a vector", [] { triu(f32({4})); }, shape_error,
     "triu: expected x (..., rows, columns), got (4,)"},
    {"linear_cross_entropy, features",
     [] {
       linear_cross_entropy(f32({2, 3}), f32({5, 4}), i64({2}));
     },
     shape_error, "linear_cross_entropy: expected 4 features for weight (5, 4), got 3 in x (2, 3)"},
    {"linear_cross_entropy, weight",
     [] {
       linear_cross_entropy(f32({2, 3}), f32({3}), i64({2}));
     },
     shape_error, "linear_cross_entropy: expected a weight (classes, features), got (3,)"},
    {"linear_cross_entropy, targets",
     [] {
       linear_cross_entropy(f32({2, 3}), f32({5, 3}), i64({3}));
     },
     shape_error, "linear_cross_entropy: expected targets (2,) for logits (2, 5), got (3,)"},
    {"linear_cross_entropy, smoothing",
     [] {
       linear_cross_entropy(f32({2, 3}), f32({5, 3}), i64({2}), {.label_smoothing = -1});
     },
     value_error, "linear_cross_entropy: expected a label_smoothing in [0, 1], got -1"},
    {"cross_entropy, weight",
     [] {
       cross_entropy(f32({2, 3}), i64({2}), {.weight = f32({2})});
     },
     shape_error, "cross_entropy: expected a weight (3,) for logits (2, 3), got (2,)"},
    {"nll_loss, weight of integers",
     [] {
       nll_loss(f32({2, 3}), i64({2}), {.weight = i64({3})});
     },
     dtype_error, "nll_loss: expected a floating tensor, got int64 (3,)"},
    {"l1_loss", [] { l1_loss(f32({2}), Tensor()); }, value_error,
     "l1_loss: expected the tensor to be defined, got an undefined tensor"},
    {"l1_loss of integers", [] { l1_loss(i64({2}), i64({2})); }, dtype_error,
     "l1_loss: expected a floating tensor, got int64 (2,)"},
    {"smooth_l1_loss", [] { smooth_l1_loss(f32({2}), f32({2}), {.beta = -1}); }, value_error,
     "smooth_l1_loss: expected a beta of at least 0, got -1"},
    {"huber_loss", [] { huber_loss(f32({2}), f32({2}), {.delta = 0}); }, value_error,
     "huber_loss: expected a positive delta, got 0"},
    {"binary_cross_entropy_with_logits",
     [] {
       binary_cross_entropy_with_logits(f32({2, 3}), f32({2}));
     },
     shape_error,
     "binary_cross_entropy_with_logits: expected a target of the shape (2, 3), got (2,); squeeze, "
     "unsqueeze or expand one of the two"},
    {"binary_cross_entropy_with_logits of integers",
     [] { binary_cross_entropy_with_logits(f32({2}), i64({2})); }, dtype_error,
     "binary_cross_entropy_with_logits: expected a floating tensor, got int64 (2,)"},
    {"kl_div", [] { kl_div(f32({2}), i64({2})); }, dtype_error,
     "kl_div: expected a floating tensor, got int64 (2,)"},
    {"layer_norm",
     [] {
       layer_norm(f32({2, 3}), f32({2}));
     },
     shape_error, "layer_norm: expected a weight (3,) for x (2, 3), got (2,)"},
    {"layer_norm, bias",
     [] {
       layer_norm(f32({2, 3}), f32({3}), f32({1, 3}));
     },
     shape_error, "layer_norm: expected a bias (3,) for x (2, 3), got (1, 3)"},
    {"layer_norm of a scalar", [] { layer_norm(f32({})); }, shape_error,
     "layer_norm: expected x (..., features), got a scalar"},
    {"layer_norm, eps", [] { layer_norm(f32({2}), {}, {}, -1); }, value_error,
     "layer_norm: expected an eps of at least 0, got -1"},
    {"rms_norm of integers", [] { rms_norm(i64({2})); }, dtype_error,
     "rms_norm: expected a floating tensor, got int64 (2,)"},
    {"norm", [] { norm(i64({2})); }, dtype_error,
     "norm: expected a floating tensor, got int64 (2,)"},
    {"masked_fill",
     [] {
       masked_fill(f32({3}), zeros({2, 4}, kBool), 1);
     },
     shape_error, "masked_fill: expected shapes that broadcast, got (3,) and (2, 4)"},
    {"masked_fill, mask", [] { masked_fill(f32({3}), f32({3}), 1); }, dtype_error, "where: "},
    {"tril", [] { tril(f32({3})); }, shape_error,
     "tril: expected x (..., rows, columns), got (3,)"},
    {"rope",
     [] {
       rope(f32({2, 3}));
     },
     shape_error, "rope: expected x (..., time, an even number of features), got (2, 3)"},
    {"rope, start",
     [] {
       rope(f32({2, 4}), {.start = -1});
     },
     value_error, "rope: expected a start of at least 0 and a positive base, got -1 and 10000"},
    {"norm, axis", [] { norm(f32({2}), 1); }, shape_error, "axis"},
    // random
    {"dropout", [] { dropout(f32({2}), 1.5); }, value_error,
     "dropout: expected a probability in [0, 1], got 1.5"},
    {"dropout, negative", [] { dropout(f32({2}), -0.1); }, value_error,
     "dropout: expected a probability in [0, 1], got -0.1"},
    {"dropout of integers", [] { dropout(i64({2})); }, dtype_error,
     "dropout: expected a floating tensor"},
    {"multinomial", [] { multinomial(f32({2}), 3); }, value_error,
     "multinomial: expected at least 3 positive weights for count = 3, got 2"},
    {"multinomial, negative weight", [] { multinomial(-f32({2}), 1, true); }, value_error,
     "multinomial: expected weights that are finite and not negative, got -0.5"},
    {"multinomial, NaN",
     [] { multinomial(full({2}, std::numeric_limits<double>::quiet_NaN()), 1); }, value_error,
     "finite and not negative"},
    {"multinomial, zeros", [] { multinomial(zeros({2}), 1, true); }, value_error,
     "positive weights for count = 1, got 0"},
    {"multinomial, negative count", [] { multinomial(f32({2}), -1); }, value_error,
     "multinomial: expected a number of draws of at least 0, got -1"},
    {"multinomial of a scalar", [] { multinomial(f32({}), 1); }, shape_error,
     "multinomial: expected weights (..., n), got a scalar"},
    // tensors that cannot have a gradient
    {"integer that requires grad",
     [] {
       i64({2, 3}).requires_grad_();
     },
     dtype_error, "requires_grad_: expected a floating tensor, got int64 (2, 3)"},
    {"bool that requires grad", [] { flag({2}).requires_grad_(); }, dtype_error,
     "requires_grad_: expected a floating tensor, got bool"},
    {"result that requires grad", [] { exp(f32({2}).requires_grad_()).requires_grad_(); },
     graph_error, "expected a leaf, got the result of exp; detach() it first"},
    {"backward of a comparison", [] { sum(eq(f32({2}).requires_grad_(), 1)).backward(); },
     graph_error, "expected an output that depends on a tensor that requires grad"},
    {"backward of argmax", [] { argmax(f32({2}).requires_grad_()).backward(); }, graph_error,
     "expected an output that depends on a tensor that requires grad"},
};

}  // namespace

TEST_CASE("op errors: each call throws exactly its type, with the expected words") {
  for (const ErrorCase& c : kCases) {
    INFO(c.call);
    try {
      c.f();
      FAIL_CHECK("nothing was thrown");
    } catch (const std::exception& e) {
      CHECK((std::type_index(typeid(e)) == c.type));
      CHECK_THAT(e.what(), Catch::Contains(c.words));
    }
  }
}

TEST_CASE("op errors: a failed call adds no node and does not change its inputs") {
  Tensor x = f32({2, 3}).requires_grad_(), w = f32({4, 5}).requires_grad_();
  const uint64_t version = x.version();
  CHECK_THROWS_AS(matmul(x, w), ShapeError);
  CHECK(x.is_leaf());
  CHECK(x.version() == version);
  sum(x * 2.0).backward();
  CHECK(sum(x.grad()).item() == 12);
  CHECK_FALSE(w.grad().defined());
}
