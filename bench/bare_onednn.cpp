// Calls oneDNN through its C API.
#include "bench/bare_onednn.h"

#include <oneapi/dnnl/dnnl.h>

#include <stdexcept>
#include <vector>

#include "framework/tensor/factories.h"

namespace vitro::bench {

namespace {

void require(dnnl_status_t status) {
  if (status != dnnl_success)
    throw std::runtime_error("bare oneDNN: expected success, got status " + std::to_string(status));
}

dnnl_engine_t engine() {
  static dnnl_engine_t const one = [] {
    dnnl_engine_t made = nullptr;
    require(dnnl_engine_create(&made, dnnl_cpu, 0));
    return made;
  }();
  return one;
}

dnnl_stream_t stream() {
  static dnnl_stream_t const one = [] {
    dnnl_stream_t made = nullptr;
    require(dnnl_stream_create(&made, engine(), dnnl_stream_default_flags));
    return made;
  }();
  return one;
}

dnnl_memory_desc_t stack_layout(int64_t batch, int64_t rows, int64_t cols) {
  dnnl_dims_t dims = {batch, rows, cols}, strides = {rows * cols, cols, 1};
  dnnl_memory_desc_t made;
  require(dnnl_memory_desc_init_by_strides(&made, 3, dims, dnnl_f32, strides));
  return made;
}

dnnl_memory_desc_t layout(DType dtype, int64_t rows, int64_t cols, bool transposed = false) {
  dnnl_dims_t dims = {rows, cols}, strides = {transposed ? 1 : cols, transposed ? rows : 1};
  dnnl_memory_desc_t made;
  require(dnnl_memory_desc_init_by_strides(&made, 2, dims,
                                           dtype == kBFloat16 ? dnnl_bf16 : dnnl_f32, strides));
  return made;
}

}  // namespace

struct BarePrimitive::Prepared {
  dnnl_primitive_t primitive = nullptr;
  std::vector<dnnl_exec_arg_t> arguments;
  std::vector<Tensor> arrays;
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() {
    for (dnnl_exec_arg_t& a : arguments) dnnl_memory_destroy(a.memory);
    dnnl_primitive_destroy(primitive);
  }

  void create(const_dnnl_op_desc_t operation, const_dnnl_primitive_desc_t hint = nullptr) {
    dnnl_primitive_desc_t description = nullptr;
    require(dnnl_primitive_desc_create(&description, operation, nullptr, engine(), hint));
    require(dnnl_primitive_create(&primitive, description));
    dnnl_primitive_desc_destroy(description);
  }
  void argument(int role, const dnnl_memory_desc_t& d, DType dtype) {
    arrays.push_back(full(Shape(std::span(d.dims, static_cast<size_t>(d.ndims))), 0.5, dtype));
    dnnl_memory_t memory = nullptr;
    require(dnnl_memory_create(&memory, &d, engine(), arrays.back().impl()->storage->data));
    arguments.push_back({role, memory});
  }
};

void BarePrimitive::run() const {
  require(dnnl_primitive_execute(prepared_->primitive, stream(),
                                 static_cast<int>(prepared_->arguments.size()),
                                 prepared_->arguments.data()));
}

BareLinear::BareLinear(DType dtype, int64_t m, int64_t n, int64_t k, bool b_transposed) {
  prepared_ = std::make_shared<Prepared>();
  dnnl_memory_desc_t a = layout(dtype, m, k), b = layout(dtype, k, n, b_transposed),
                     c = layout(dtype, m, n), bias = layout(dtype, 1, n);
  dnnl_matmul_desc_t operation;
  require(dnnl_matmul_desc_init(&operation, &a, &b, &bias, &c));
  prepared_->create(&operation);
  prepared_->argument(DNNL_ARG_SRC, a, dtype);
  prepared_->argument(DNNL_ARG_WEIGHTS, b, dtype);
  prepared_->argument(DNNL_ARG_BIAS, bias, dtype);
  prepared_->argument(DNNL_ARG_DST, c, dtype);
}

BareBatchedMatmul::BareBatchedMatmul(int64_t batch, int64_t m, int64_t n, int64_t k) {
  prepared_ = std::make_shared<Prepared>();
  dnnl_memory_desc_t a = stack_layout(batch, m, k), b = stack_layout(batch, k, n),
                     c = stack_layout(batch, m, n);
  dnnl_matmul_desc_t operation;
  require(dnnl_matmul_desc_init(&operation, &a, &b, nullptr, &c));
  prepared_->create(&operation);
  prepared_->argument(DNNL_ARG_SRC, a, kFloat32);
  prepared_->argument(DNNL_ARG_WEIGHTS, b, kFloat32);
  prepared_->argument(DNNL_ARG_DST, c, kFloat32);
}

BareEltwise::BareEltwise(BareActivation f, bool backward, int64_t n) {
  prepared_ = std::make_shared<Prepared>();
  bool from_output = f == BareActivation::kTanh || f == BareActivation::kSigmoid;
  constexpr dnnl_alg_kind_t kForward[] = {
      dnnl_eltwise_relu,     dnnl_eltwise_tanh,      dnnl_eltwise_logistic, dnnl_eltwise_swish,
      dnnl_eltwise_gelu_erf, dnnl_eltwise_gelu_tanh, dnnl_eltwise_soft_relu};
  constexpr dnnl_alg_kind_t kFromOutput[] = {dnnl_eltwise_relu, dnnl_eltwise_tanh_use_dst_for_bwd,
                                             dnnl_eltwise_logistic_use_dst_for_bwd};
  dnnl_alg_kind_t kind = (backward && from_output ? kFromOutput : kForward)[static_cast<int>(f)];
  float alpha = f == BareActivation::kSilu ? 1.0f : 0.0f;
  dnnl_memory_desc_t x = layout(kFloat32, 1, n);
  dnnl_eltwise_desc_t forward, operation;
  dnnl_prop_kind_t purpose = backward ? dnnl_forward_training : dnnl_forward_inference;
  require(dnnl_eltwise_forward_desc_init(&forward, purpose, kind, &x, alpha, 0));
  if (!backward) {
    prepared_->create(&forward);
  } else {
    require(dnnl_eltwise_backward_desc_init(&operation, kind, &x, &x, alpha, 0));
    dnnl_primitive_desc_t hint = nullptr;
    require(dnnl_primitive_desc_create(&hint, &forward, nullptr, engine(), nullptr));
    prepared_->create(&operation, hint);
    dnnl_primitive_desc_destroy(hint);
  }
  prepared_->argument(backward && from_output ? DNNL_ARG_DST : DNNL_ARG_SRC, x, kFloat32);
  prepared_->argument(backward ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, x, kFloat32);
  if (backward) prepared_->argument(DNNL_ARG_DIFF_SRC, x, kFloat32);
}

BareSoftmax::BareSoftmax(bool log, int64_t rows, int64_t n) {
  prepared_ = std::make_shared<Prepared>();
  const dnnl_memory_desc_t d = layout(kFloat32, rows, n);
  dnnl_softmax_desc_t operation;
  require(log ? dnnl_logsoftmax_forward_desc_init(&operation, dnnl_forward_inference, &d, 1)
              : dnnl_softmax_forward_desc_init(&operation, dnnl_forward_inference, &d, 1));
  prepared_->create(&operation);
  prepared_->argument(DNNL_ARG_SRC, d, kFloat32);
  prepared_->argument(DNNL_ARG_DST, d, kFloat32);
}

}  // namespace vitro::bench
