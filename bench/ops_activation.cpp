// Rows of activations, softmax and losses.  They compare vitro's kernels with oneDNN's kernels, to
// decide which kernel an op uses.
#include "bench/bare_onednn.h"
#include "bench/op_rows.h"
#include "framework/simd/rows.h"
#include "ops/activation_kernels.h"
#include "ops/rows.h"

namespace vitro::bench {

void activation_rows() {
  struct {
    const char* name;
    const Kernels& kernels;
    BareActivation bare;
  } const functions[] = {{"relu", kReluKernels, BareActivation::kRelu},
                         {"tanh", kTanhKernels, BareActivation::kTanh},
                         {"sigmoid", kSigmoidKernels, BareActivation::kSigmoid},
                         {"silu", kSiluKernels, BareActivation::kSilu},
                         {"gelu", kGeluKernels, BareActivation::kGelu},
                         {"gelu_tanh", kGeluTanhKernels, BareActivation::kGeluTanh},
                         {"softplus", kSoftplusKernels, BareActivation::kSoftplus}};
  for (const auto& f : functions) {
    const Kernels simd = f.kernels;
    for (bool backward : {false, true})
      for (auto [size, n] : kLengths)
        rivals(std::string(f.name) + (backward ? " backward" : ""), size,
               {.bytes = floats((backward ? 3 : 2) * n)},
               [simd, backward, n = n, bare = f.bare]() -> std::vector<Batch> {
                 Tensor x = randn({n}), dy = ones({n}), y = empty({n});
                 Batch other = batch([p = BareEltwise(bare, backward, n)] { p.run(); });
                 if (backward) return {batch([=] { backward_kernel(simd, x, dy); }), other};
                 return {batch([=] { forward_into(simd, y, x); }), other};
               });
  }
}

namespace {

struct Rows {
  const char* name;
  int64_t rows, cols;
  int64_t numel() const { return rows * cols; }
  Tensor logits() const { return randn({rows, cols}); }
  Tensor targets() const { return randint(0, cols, {rows}); }
};

std::vector<Batch> both_softmaxes(const Rows& r, bool log) {
  Tensor x = r.logits(), y = empty(x.shape());
  auto kernel = log ? simd::log_softmax : simd::softmax;
  auto by_rows = [=, n = r.cols] {
    rows_in_float(y, x, n, [=](const float* p, float* q) { kernel(p, q, n); });
  };
  return {batch(by_rows), batch([p = BareSoftmax(log, r.rows, r.cols)] { p.run(); })};
}

// The loss and the gradients of x and of the weight.  The rival has all logits in memory.
void head_row(const char* name, int64_t rows, int64_t classes, int64_t features) {
  const double products = static_cast<double>(rows * classes * features);
  rivals("linear_cross_entropy, step", name, {.flops = 6 * products}, [=]() -> std::vector<Batch> {
    Tensor x = randn({rows, features}).requires_grad_(),
           w = (randn({classes, features}) * 0.1).requires_grad_(), t = randint(0, classes, {rows});
    return {batch([=] {
              grad(linear_cross_entropy(x, w, t), {x, w});
            }),
            batch([=] {
              grad(cross_entropy(linear(x, w), t), {x, w});
            })};
  });
}

}  // namespace

void softmax_rows() {
  head_row("256x50257x256", 256, 50257, 256);
  head_row("768x65x128", 768, 65, 128);
  // The logits of a character model, a square, the logits of GPT-2, attention scores.
  constexpr Rows kRows[] = {{"256x65", 256, 65},
                            {"1024x256", 1024, 256},
                            {"128x50257", 128, 50257},
                            {"64x1024", 64, 1024}};
  auto soft = [](const Tensor& x) { return softmax(x, -1); };
  auto log_soft = [](const Tensor& x) { return log_softmax(x, -1); };
  auto layer = [](const Tensor& x) { return layer_norm(x); };
  auto log_sum = [](const Tensor& x) { return logsumexp(x, -1); };
  for (const Rows& r : kRows) {
    const Work once{.bytes = floats(r.numel())}, twice{.bytes = floats(2 * r.numel())},
        thrice{.bytes = floats(3 * r.numel())};
    rivals("softmax", r.name, twice, [=] { return both_softmaxes(r, false); });
    rivals("log_softmax", r.name, twice, [=] { return both_softmaxes(r, true); });
    row("layer_norm", r.name, twice, [=] { return unrecorded(layer, r.logits()); });
    row("layer_norm backward", r.name, thrice, [=] { return backward_of(layer, r.logits()); });
    row("softmax backward", r.name, thrice, [=] { return backward_of(soft, r.logits()); });
    row("log_softmax backward", r.name, thrice, [=] { return backward_of(log_soft, r.logits()); });
    row("logsumexp", r.name, once, [=] { return unrecorded(log_sum, r.logits()); });
    auto loss = [r] { return [t = r.targets()](const Tensor& x) { return cross_entropy(x, t); }; };
    row("cross_entropy", r.name, once, [=] { return unrecorded(loss(), r.logits()); });
    row("cross_entropy backward", r.name, twice, [=] { return backward_of(loss(), r.logits()); });
  }
}

}  // namespace vitro::bench
