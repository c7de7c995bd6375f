// Compares Linear with the bare oneDNN primitive, and the SIMD kernel with oneDNN for each size.
#include "bench/bare_onednn.h"
#include "bench/machine.h"
#include "bench/rows.h"
#include "ops/onednn/gemm.h"
#include "ops/simd/gemv.h"
#include "ops/simd/small_matmul.h"
#include "vitro.h"

namespace vitro::bench {

const char* const kAbout =
    "Linear: other = bare oneDNN with bias, with the faster layout of b; timed in turn.\n"
    "Reading: one row through weights that no cache contains; other = adding up the weights.\n"
    "Crossover: SIMD kernel, other = oneDNN kernel.  Shapes are MxNxK: x (M, K), weight (N, K).";

namespace {

struct Size {
  int64_t m, n, k;
  std::string text() const {
    return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
  }
  double products() const { return static_cast<double>(m * n * k); }
};

Work work_of(const Size& s, DType dtype, double target) {
  auto numbers = static_cast<double>(s.m * s.k + s.n * s.k + s.m * s.n);
  return {.flops = 2 * s.products(),
          .bytes = numbers * static_cast<double>(item_size(dtype)),
          .target = target,
          .dtype = dtype};
}

// The layer and the input that the timed functions share.
struct Case {
  std::shared_ptr<nn::Linear> layer;
  Tensor x;
  Case(const Size& s, DType dtype)
      : layer(std::make_shared<nn::Linear>(s.k, s.n)), x(randn({s.m, s.k})) {
    layer->to(dtype);
    x = x.to(dtype);
  }
};

void against_bare(const std::string& name, const Size& s, DType dtype, bool recorded,
                  double target) {
  rivals(name, s.text(), work_of(s, dtype, target), [=] {
    Case c(s, dtype);
    auto call = batch([=] {
      AutoGradMode mode(recorded);
      (*c.layer)(c.x);
    });
    std::vector<Batch> all{call};
    for (bool b_transposed : {false, true})
      all.push_back(batch([bare = BareLinear(dtype, s.m, s.n, s.k, b_transposed)] { bare.run(); }));
    return all;
  });
}

void linear_rows() {
  constexpr double kMilestone = 1.15;
  const Size sizes[] = {
      {8, 64, 64}, {64, 256, 64}, {256, 768, 768}, {256, 3072, 768}, {1024, 1024, 1024}};
  for (DType dtype : {kFloat32, kBFloat16}) {
    std::string name = dtype == kFloat32 ? "L1 Linear f32" : "L2 Linear bf16";
    for (bool recorded : {false, true})
      for (const Size& s : sizes)
        against_bare(name + (recorded ? ", recorded" : ", no grad"), s, dtype, recorded,
                     kMilestone);
  }
  for (DType dtype : {kFloat32, kBFloat16})
    for (const Size& s : {Size{1, 768, 768}, Size{1, 3072, 768}})
      against_bare(dtype == kFloat32 ? "L3 Linear f32, no grad" : "L3 Linear bf16, no grad", s,
                   dtype, false, 0);
  for (DType dtype : {kFloat32, kBFloat16})
    for (const Size& s : sizes) {
      Work w = work_of(s, dtype, 0);
      w.flops *= 3, w.bytes *= 3;
      row(dtype == kFloat32 ? "Linear f32, with backward" : "Linear bf16, with backward", s.text(),
          w, [=] {
            Case c(s, dtype);
            c.x.requires_grad_();
            return [=, dy = ones({s.m, s.n}, dtype)] {
              (*c.layer)(c.x).backward(dy);
              c.layer->zero_grad();
              c.x.zero_grad();
            };
          });
    }
}

// m rows through the layers of GPT-2.  The weights take 494 MB in float32, so no weight is still in
// a cache when it is used again.
void reading_rows(int64_t m, DType dtype) {
  std::vector<Size> sizes(1, {m, 50257, 768});
  for (int layer = 0; layer < 12; ++layer)
    for (const Size& s : {Size{m, 2304, 768}, {m, 768, 768}, {m, 3072, 768}, {m, 768, 3072}})
      sizes.push_back(s);
  Work work{.dtype = dtype};
  for (const Size& s : sizes)
    work.flops += 2 * s.products(),
        work.bytes += static_cast<double>(s.n * s.k) * static_cast<double>(item_size(dtype));
  rivals(dtype == kFloat32 ? "Reading, f32" : "Reading, bf16", std::to_string(m) + " row", work,
         [=]() -> std::vector<Batch> {
           std::vector<Tensor> weights, xs;
           for (const Size& s : sizes) {
             weights.push_back(full({s.n, s.k}, 0.5, dtype));
             xs.push_back(full({s.m, s.k}, 0.5, dtype));
           }
           auto products = [=] {
             for (size_t i = 0; i < xs.size(); ++i) linear(xs[i], weights[i]);
           };
           auto reading = [=] {
             for (const Tensor& w : weights)
               sum_words(static_cast<const uint64_t*>(w.impl()->storage->data),
                         w.numel() * static_cast<int64_t>(item_size(dtype)) / 8);
           };
           return {batch(products), batch(reading)};
         });
}

// The products of a Linear, in the layouts in which the two kernels get them.
enum class Product { kForward, kPacked, kWeightGradient, kFewRows };

std::vector<Batch> two_doors(const Size& s, Product product) {
  Tensor a = randn({s.m, s.k}), b = randn({s.n, s.k}), bias = randn({s.n}), c = empty({s.m, s.n});
  const float *p = a.data<float>(), *q = b.data<float>(), *r = bias.data<float>();
  float* y = c.mutable_data<float>();
  auto keep = std::vector<Tensor>{a, b, bias, c};
  // dW = dy^T x: the left operand is stored transposed, the right one is not; there is no bias.
  bool dw = product == Product::kWeightGradient;
  simd::MatrixView left = dw ? simd::MatrixView{p, 1, s.m} : simd::MatrixView{p, s.k, 1},
                   right = dw ? simd::MatrixView{q, s.n, 1} : simd::MatrixView{q, 1, s.k};
  const float* shift = dw ? nullptr : r;
  onednn::MatmulCall call{kFloat32,
                          1,
                          s.m,
                          s.n,
                          s.k,
                          {p, left.row_stride, left.col_stride, s.m * s.k},
                          {q, right.row_stride, right.col_stride, s.n * s.k},
                          shift,
                          Activation::kNone,
                          false,
                          y};
  auto packed = std::make_shared<simd::PackedMatrix>(s.n, s.k, right);
  Batch ours = product == Product::kFewRows ? batch([=] {
    simd::gemv({s.m, s.n, s.k, p, s.k, 1, q, s.k, shift, y});
  })
               : product == Product::kPacked
                   ? batch([=] { simd::matmul(s.m, s.n, s.k, left, *packed, shift, y, s.n); })
                   : batch([=] { simd::matmul(s.m, s.n, s.k, left, right, shift, y, s.n); });
  return {[=](int64_t n) { (void)keep, ours(n); }, batch([=] { onednn::matmul(call); })};
}

// Runs each batch with `threads` threads, and then restores the number of threads.
std::vector<Batch> with_threads(int threads, std::vector<Batch> batches) {
  for (Batch& b : batches)
    b = [threads, run = std::move(b)](int64_t n) {
      int before = get_num_threads();
      set_num_threads(threads);
      run(n);
      set_num_threads(before);
    };
  return batches;
}

void crossover_rows() {
  struct {
    const char* name;
    Product product;
  } const products[] = {{"x W^T, packs", Product::kForward},
                        {"x W^T, packed", Product::kPacked},
                        {"dy^T x", Product::kWeightGradient}};
  const Size sizes[] = {{1, 64, 64},    {1, 768, 768},  {8, 64, 64},    {8, 65, 64},
                        {16, 64, 64},   {32, 64, 64},   {64, 64, 64},   {128, 64, 64},
                        {64, 256, 64},  {256, 64, 64},  {256, 256, 64}, {256, 65, 64},
                        {256, 65, 256}, {1024, 65, 256}};
  for (int64_t m : {1, 2, 3, 4})
    for (auto [n, k] : {std::pair{64, 64}, {768, 768}, {3072, 768}, {768, 3072}})
      rivals("few rows", Size{m, n, k}.text(), work_of({m, n, k}, kFloat32, 0), [=, n = n, k = k] {
        return two_doors({m, n, k}, Product::kFewRows);
      });
  for (int threads : {1, get_num_threads()}) {
    for (auto [name, product] : products)
      for (const Size& s : sizes)
        rivals(name + std::string(threads == 1 ? ", 1 thread" : ", all"), s.text(),
               {.flops = 2 * s.products()},
               [=, product = product] { return with_threads(threads, two_doors(s, product)); });
    if (get_num_threads() == 1) break;
  }
}

}  // namespace

void register_rows() {
  linear_rows();
  for (DType dtype : {kFloat32, kBFloat16})
    for (int64_t m : {1, 4}) reading_rows(m, dtype);
  crossover_rows();
}

}  // namespace vitro::bench
