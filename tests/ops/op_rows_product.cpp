// Rows of the op table for matmul and linear.
#include "tests/ops/op_rows.h"

namespace vitro::tests {

namespace {

Array times_transpose(const Array& x, const Array& w) { return product(x, permuted(w, {1, 0})); }

}  // namespace

void add_products(Rows& rows) {
  struct Pair {
    Shape a, b;
    const char* op = "matmul";
    bool derivatives = true;
  };
  const Pair pairs[] = {{{2, 3}, {3, 4}},
                        {{1, 3}, {3, 1}},
                        {{2, 1}, {1, 2}},
                        {{1, 1}, {1, 1}},
                        {{3}, {3}, "reshape"},
                        {{3}, {3, 4}, "reshape"},
                        {{2, 3}, {3}, "reshape"},
                        {{2, 2, 3}, {3, 4}},
                        {{2, 3}, {2, 3, 4}},
                        {{2, 2, 3}, {2, 3, 2}},
                        {{2, 1, 2, 3}, {3, 3, 2}},
                        {{3}, {2, 3, 2}, "reshape"},
                        {{2, 2, 3}, {3}, "reshape"},
                        {{0, 3}, {3, 4}},
                        {{2, 0}, {0, 4}},
                        {{2, 3}, {3, 0}},
                        {{0, 2, 3}, {3, 4}},
                        {{2, 2, 0}, {0, 4}},
                        {{2, 2, 0}, {2, 0, 4}},
                        {{2, 2, 3}, {3, 0}},
                        {{0}, {0}, "reshape"},
                        {{7, 33}, {33, 18}, "matmul", false},
                        {{96, 80}, {80, 88}, "matmul", false},
                        {{2, 64, 80}, {2, 80, 72}, "matmul", false},
                        {{2, 3, 64, 48}, {3, 48, 72}, "matmul", false}};
  auto depth = [](const Shape& shape) {
    return std::max<int64_t>(1, shape.rank() ? shape.back() : 1);
  };
  for (const Pair& p : pairs) {
    auto f = [](const Tensors& x) { return matmul(x[0], x[1]); };
    rows.push_back({"matmul",
                    p.op,
                    text(p.a) + " x " + text(p.b),
                    f,
                    {any(p.a), any(p.b)},
                    [](const Arrays& x) { return product(x[0], x[1]); },
                    {.reduction = depth(p.a), .derivatives = p.derivatives, .scale = f}});
  }
  auto square = [](const Tensors& x) { return matmul(x[0], x[0]); };
  rows.push_back({"matmul",
                  "matmul",
                  "the same tensor twice",
                  square,
                  {any({3, 3})},
                  [](const Arrays& x) { return product(x[0], x[0]); },
                  {.reduction = 3, .scale = square}});
  auto gram = [](const Tensors& x) { return matmul(x[0], transpose(x[0], 0, 1)); };
  rows.push_back({"matmul",
                  "matmul",
                  "with its own transpose",
                  gram,
                  {any({2, 3})},
                  [](const Arrays& x) { return times_transpose(x[0], x[0]); },
                  {.reduction = 3, .scale = gram}});

  struct Fused {
    Activation f;
    const char *op, *variant;
    double (*reference)(double);
  };
  const Fused activations[] = {
      {Activation::kNone, "linear", "", [](double v) { return v; }},
      {Activation::kRelu, "linear", "relu, ", positive_part},
      {Activation::kTanh, "linear", "tanh, ", [](double v) { return std::tanh(v); }},
      {Activation::kSigmoid, "linear", "sigmoid, ", logistic},
      {Activation::kGelu, "gelu", "gelu, ", gelu_of},
      {Activation::kGeluTanh, "gelu_tanh", "gelu tanh, ", gelu_tanh_of},
      {Activation::kSilu, "silu", "silu, ", silu_of},
  };
  struct Shapes {
    Shape x, weight;
    bool derivatives = true;
  };
  const Shapes shapes[] = {{{2, 3}, {4, 3}},           {{3}, {4, 3}},
                           {{2, 2, 3}, {4, 3}},        {{1, 1}, {1, 1}},
                           {{0, 3}, {4, 3}},           {{2, 0}, {4, 0}},
                           {{2, 3}, {0, 3}},           {{2, 0}, {0, 0}},
                           {{2, 0, 3}, {4, 3}},        {{5, 33}, {17, 33}, false},
                           {{96, 80}, {88, 80}, false}};
  for (const Fused& a : activations)
    for (const Shapes& s : shapes)
      for (bool bias : {false, true}) {
        auto linear_with = [bias](const Tensors& x, Activation f) {
          return linear(x[0], x[1], bias ? x[2] : Tensor(), f);
        };
        std::vector<Input> inputs = {any(s.x), small(s.weight)};  // small: f does not saturate
        if (bias) inputs.push_back(small({s.weight[0]}));
        rows.push_back(
            {"linear",
             a.op,
             a.variant + text(s.x) + ", " + text(s.weight) + (bias ? " with bias" : ""),
             [=](const Tensors& x) { return linear_with(x, a.f); },
             inputs,
             [bias, f = a.reference](const Arrays& x) {
               Array z = times_transpose(x[0], x[1]);
               return generate(z.shape, [&](const Place& at) {
                 return f(z(at) + (bias ? x[2]({at.back()}) : 0));
               });
             },
             {.reduction = depth(s.x),
              .derivatives = s.derivatives,
              .scale = [=](const Tensors& x) { return linear_with(x, Activation::kNone); }}});
      }
  auto tied = [](const Tensors& x) { return linear(x[0], x[0]); };
  rows.push_back({"linear",
                  "linear",
                  "the same tensor twice",
                  tied,
                  {any({2, 3})},
                  [](const Arrays& x) { return times_transpose(x[0], x[0]); },
                  {.reduction = 3, .scale = tied}});
}

}  // namespace vitro::tests
