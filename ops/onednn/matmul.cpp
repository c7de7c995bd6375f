// Matrix products on oneDNN.
#include "ops/onednn/matmul.h"

#include "framework/error.h"
#include "ops/onednn/cache.h"

namespace vitro::onednn {

namespace {

std::string describe(const MatmulCall& c) {
  std::ostringstream text;
  auto layout = [](const Matrix& x) { return x.col_stride == 1 ? "n" : "t"; };
  text << "matmul " << c.dtype << ' ' << layout(c.a) << layout(c.b) << ' ';
  if (c.batch > 1) text << c.batch << " x ";
  text << c.m << " x " << c.n << " x " << c.k << (c.bias ? " +bias" : "")
       << (c.accumulate ? " +sum" : "") << (c.c_in_float ? " in float32" : "");
  constexpr const char* kNames[] = {"", " +relu", " +tanh", " +sigmoid"};
  text << kNames[static_cast<int>(c.post_op)];
  return text.str();
}

dnnl_memory_desc_t layout(const MatmulCall& call, DType dtype, int64_t rows, int64_t cols,
                          int64_t row_stride, int64_t col_stride, int64_t batch_stride) {
  dnnl_memory_desc_t d;
  if (call.batch > 1) {
    dnnl_dims_t dims = {call.batch, rows, cols}, strides = {batch_stride, row_stride, col_stride};
    check_status(dnnl_memory_desc_init_by_strides(&d, 3, dims, data_type(dtype), strides),
                 "layout");
  } else {
    dnnl_dims_t dims = {rows, cols}, strides = {row_stride, col_stride};
    check_status(dnnl_memory_desc_init_by_strides(&d, 2, dims, data_type(dtype), strides),
                 "layout");
  }
  return d;
}

Primitive* make(const MatmulCall& c) {
  dnnl_memory_desc_t a =
      layout(c, c.dtype, c.m, c.k, c.a.row_stride, c.a.col_stride, c.a.batch_stride);
  dnnl_memory_desc_t b =
      layout(c, c.dtype, c.k, c.n, c.b.row_stride, c.b.col_stride, c.b.batch_stride);
  dnnl_memory_desc_t y = layout(c, c.c_in_float ? kFloat32 : c.dtype, c.m, c.n, c.n, 1, c.m * c.n),
                     bias;
  if (c.bias) {
    dnnl_dims_t dims = {1, c.n}, strides = {c.n, 1}, dims3 = {1, 1, c.n}, strides3 = {c.n, c.n, 1};
    bool batched = c.batch > 1;
    check_status(dnnl_memory_desc_init_by_strides(&bias, batched ? 3 : 2, batched ? dims3 : dims,
                                                  data_type(c.dtype), batched ? strides3 : strides),
                 "layout");
  }
  dnnl_matmul_desc_t d;
  check_status(dnnl_matmul_desc_init(&d, &a, &b, c.bias ? &bias : nullptr, &y), "matmul");
  dnnl_primitive_attr_t attributes = new_attributes();
  dnnl_post_ops_t post_ops = nullptr;
  check_status(dnnl_post_ops_create(&post_ops), "post-ops");
  if (c.accumulate) check_status(dnnl_post_ops_append_sum(post_ops, 1.0f), "post-op");
  if (c.post_op != PostOp::kNone) {
    constexpr dnnl_alg_kind_t kKinds[] = {dnnl_alg_kind_undef, dnnl_eltwise_relu, dnnl_eltwise_tanh,
                                          dnnl_eltwise_logistic};
    check_status(
        dnnl_post_ops_append_eltwise(post_ops, 1.0f, kKinds[static_cast<int>(c.post_op)], 0, 0),
        "post-op");
  }
  check_status(dnnl_primitive_attr_set_post_ops(attributes, post_ops), "post-ops");
  dnnl_primitive_desc_t description = nullptr;
  dnnl_status_t status =
      dnnl_primitive_desc_create(&description, &d, attributes, engine(), nullptr);
  dnnl_post_ops_destroy(post_ops);
  dnnl_primitive_attr_destroy(attributes);
  check_status(status, "matmul");
  auto* made = new Primitive(description, describe(c));
  dnnl_primitive_desc_destroy(description);
  made->add_argument(DNNL_ARG_SRC, a);
  made->add_argument(DNNL_ARG_WEIGHTS, b);
  made->add_argument(DNNL_ARG_DST, y);
  if (c.bias) made->add_argument(DNNL_ARG_BIAS, bias);
  return made;
}

}  // namespace

void matmul(const MatmulCall& c) {
  Key key;
  key.add(1 + (static_cast<int64_t>(c.dtype) << 8) + (static_cast<int64_t>(c.post_op) << 16) +
          (int64_t{c.bias != nullptr} << 24) + (int64_t{c.accumulate} << 25) +
          (int64_t{c.c_in_float} << 26));
  for (int64_t word :
       {c.batch, c.m, c.n, c.k, c.a.row_stride, c.a.col_stride, c.b.row_stride, c.b.col_stride})
    key.add(word);
  if (c.batch > 1) key.add(c.a.batch_stride), key.add(c.b.batch_stride);
  Primitive* found = find(key);
  Primitive& primitive = found ? *found : keep(key, make(c));
  if (c.bias) primitive.run({c.a.data, c.b.data, c.c, c.bias});
  else primitive.run({c.a.data, c.b.data, c.c});
}

bool runs_strides(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  return (col_stride == 1 && row_stride >= cols) || (row_stride == 1 && col_stride >= rows);
}

bool has_bfloat16() {
  static const bool has = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
                          dnnl_cpu_isa_avx512_core_bf16;
  return has;
}

const char* isa_name() {
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "SSE4.1";
    case dnnl_cpu_isa_avx: return "AVX";
    case dnnl_cpu_isa_avx2: return "AVX2";
    case dnnl_cpu_isa_avx2_vnni: return "AVX2 VNNI";
    case dnnl_cpu_isa_avx512_core: return "AVX-512";
    case dnnl_cpu_isa_avx512_core_vnni: return "AVX-512 VNNI";
    case dnnl_cpu_isa_avx512_core_bf16: return "AVX-512 BF16";
    case dnnl_cpu_isa_avx512_core_amx: return "AVX-512 AMX";
    default: return "generic";
  }
}

const char* version() {
  static const std::string text = [] {
    const dnnl_version_t* v = dnnl_version();
    return std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch);
  }();
  return text.c_str();
}

}  // namespace vitro::onednn
