// Matrix products on oneDNN.
#include "ops/onednn/gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "framework/base/error.h"
#include "framework/base/parallel.h"
#include "framework/base/rectified.h"
#include "framework/base/scratch.h"
#include "ops/onednn/cache.h"
#include "ops/onednn/pieces.h"

namespace vitro::onednn {

namespace {

std::string describe(const MatmulCall& c) {
  std::ostringstream text;
  auto layout = [](const Matrix& x) { return x.col_stride == 1 ? "n" : "t"; };
  text << "matmul " << c.dtype << ' ' << layout(c.a) << layout(c.b) << ' ';
  if (c.batch > 1) text << c.batch << " x ";
  text << c.m << " x " << c.n << " x " << c.k << (c.bias ? " +bias" : "")
       << (c.accumulate ? " +sum" : "") << (c.c_in_float ? " in float32" : "");
  constexpr const char* kNames[] = {"", "", " +tanh", " +sigmoid"};
  text << kNames[static_cast<int>(c.f)];
  return text.str();
}

dnnl_memory_desc_t layout(bool batched, int64_t batch, DType dtype, int64_t rows, int64_t cols,
                          const Matrix& x) {
  const dnnl_dims_t dims = {batch, rows, cols},
                    strides = {x.batch_stride, x.row_stride, x.col_stride};
  const int first = batched ? 0 : 1;
  dnnl_memory_desc_t d;
  check_status(dnnl_memory_desc_init_by_strides(&d, 3 - first, dims + first, data_type(dtype),
                                                strides + first),
               "layout");
  return d;
}

// A call that computes one block of a wider matrix c.
struct Piece : MatmulCall {
  int64_t c_row_stride, c_batch_stride;
};

PostOps post_ops_of(const Piece& c) {
  dnnl_post_ops_t made = nullptr;
  check_status(dnnl_post_ops_create(&made), "post-ops");
  PostOps post_ops(made);
  if (c.accumulate) check_status(dnnl_post_ops_append_sum(made, 1.0f), "post-op");
  if (c.f != Activation::kNone) {
    constexpr dnnl_alg_kind_t kKinds[] = {dnnl_alg_kind_undef, dnnl_alg_kind_undef,
                                          dnnl_eltwise_tanh, dnnl_eltwise_logistic};
    check_status(dnnl_post_ops_append_eltwise(made, 1.0f, kKinds[static_cast<int>(c.f)], 0, 0),
                 "post-op");
  }
  return post_ops;
}

std::shared_ptr<Primitive> make(const Piece& c) {
  const bool batched = c.batch > 1;
  const dnnl_memory_desc_t a = layout(batched, c.batch, c.dtype, c.m, c.k, c.a),
                           b = layout(batched, c.batch, c.dtype, c.k, c.n, c.b),
                           y = layout(batched, c.batch, c.c_in_float ? kFloat32 : c.dtype, c.m, c.n,
                                      {nullptr, c.c_row_stride, 1, c.c_batch_stride}),
                           bias = layout(batched, 1, c.dtype, 1, c.n, {nullptr, c.n, 1, c.n});
  dnnl_matmul_desc_t d;
  check_status(dnnl_matmul_desc_init(&d, &a, &b, c.bias ? &bias : nullptr, &y), "matmul");
  const Attributes attributes = new_attributes();
  const PostOps post_ops = post_ops_of(c);
  check_status(dnnl_primitive_attr_set_post_ops(attributes.get(), post_ops.get()), "post-ops");
  dnnl_primitive_desc_t described = nullptr;
  check_status(dnnl_primitive_desc_create(&described, &d, attributes.get(), engine(), nullptr),
               "matmul");
  const Description description(described);
  auto made = std::make_shared<Primitive>(described, describe(c));
  made->add_argument(DNNL_ARG_SRC, a);
  made->add_argument(DNNL_ARG_WEIGHTS, b);
  made->add_argument(DNNL_ARG_DST, y);
  if (c.bias) made->add_argument(DNNL_ARG_BIAS, bias);
  return made;
}

void run_product(const Piece& c) {
  Key key;
  key.add(1 + (static_cast<int64_t>(c.dtype) << 8) + (static_cast<int64_t>(c.f) << 16) +
          (int64_t{c.bias != nullptr} << 24) + (int64_t{c.accumulate} << 25) +
          (int64_t{c.c_in_float} << 26));
  for (int64_t word : {c.batch, c.m, c.n, c.k, c.a.row_stride, c.a.col_stride, c.b.row_stride,
                       c.b.col_stride, c.c_row_stride})
    key.add(word);
  if (c.batch > 1) key.add(c.a.batch_stride), key.add(c.b.batch_stride), key.add(c.c_batch_stride);
  Execution& product = prepared(key, [&] { return make(c); });
  if (c.bias) product.run({c.a.data, c.b.data, c.c, c.bias});
  else product.run({c.a.data, c.b.data, c.c});
}

template <class T>
void rectify(const Piece& c) {
  for (int64_t i = 0; i < c.batch * c.m; ++i) {
    T* row = static_cast<T*>(c.c) + i / c.m * c.c_batch_stride + i % c.m * c.c_row_stride;
    for (int64_t j = 0; j < c.n; ++j) row[j] = rectified(row[j]);
  }
}

// relu runs over a piece right after it was written.  oneDNN's own relu would turn NaN into 0.
void run(Piece c) {
  const bool has_relu = c.f == Activation::kRelu;
  if (has_relu) c.f = Activation::kNone;
  run_product(c);
  if (has_relu && c.dtype == kBFloat16 && !c.c_in_float) rectify<BFloat16>(c);
  else if (has_relu) rectify<float>(c);
}

const void* moved(const void* p, DType dtype, int64_t elements) {
  return static_cast<const char*>(p) + elements * static_cast<int64_t>(item_size(dtype));
}

bool has_avx512() {
  return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

}  // namespace

void matmul_part(const MatmulCall& whole, const Part& part, bool apart) {
  const DType c_dtype = whole.c_in_float ? kFloat32 : whole.dtype;
  Piece c{whole, whole.n, whole.m * whole.n};
  c.batch = part.batches, c.m = part.rows, c.n = part.columns;
  c.a.data = moved(whole.a.data, whole.dtype,
                   part.batch * whole.a.batch_stride + part.row * whole.a.row_stride);
  c.b.data = moved(whole.b.data, whole.dtype,
                   part.batch * whole.b.batch_stride + part.column * whole.b.col_stride);
  if (whole.bias) c.bias = moved(whole.bias, whole.dtype, part.column);
  c.c = const_cast<void*>(moved(
      whole.c, c_dtype, part.batch * c.c_batch_stride + part.row * c.c_row_stride + part.column));
  if (!apart) return run(c);

  const size_t row_bytes = static_cast<size_t>(c.n) * item_size(c_dtype),
               bytes = row_bytes * static_cast<size_t>(c.m);
  const Scratch room(bytes);
  char* const to = static_cast<char*>(std::exchange(c.c, room.data()));
  c.c_row_stride = c.n, c.c_batch_stride = c.m * c.n;
  run(c);
  for (int64_t i = 0; i < c.m; ++i)
    std::memcpy(to + i * whole.n * static_cast<int64_t>(item_size(c_dtype)),
                static_cast<const char*>(room.data()) + static_cast<size_t>(i) * row_bytes,
                row_bytes);
}

void matmul(const MatmulCall& c) {
  const bool a_down = c.a.col_stride != 1, b_down = c.b.col_stride != 1,
             dense = (a_down ? c.a.col_stride == c.m : c.a.row_stride == c.k) &&
                     (b_down ? c.b.col_stride == c.k : c.b.row_stride == c.n);
  const Pieces p =
      pieces({c.dtype, c.batch, c.m, c.n, c.k, a_down, b_down, c.accumulate, dense}, has_avx512());
  const int64_t by_rows = parts(c.m, p.rows), by_cols = parts(c.n, p.cols),
                by_batch = parts(c.batch, p.batch);
  parallel_for(by_rows * by_cols * by_batch, p.grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin, joined; i < end; i += joined) {
      const int64_t row = i % by_rows, column = i / by_rows % by_cols,
                    batch = i / by_rows / by_cols;
      joined = p.join ? std::min(end - i, by_rows - row) : 1;
      const Part part{batch * p.batch, std::min(p.batch, c.batch - batch * p.batch),
                      row * p.rows,    std::min(joined * p.rows, c.m - row * p.rows),
                      column * p.cols, std::min(p.cols, c.n - column * p.cols)};
      matmul_part(c, part, p.apart);
    }
  });
}

bool runs_strides(int64_t batch, int64_t rows, int64_t cols, const Matrix& x) {
  const bool by_rows = x.col_stride == 1 && x.row_stride >= cols,
             by_columns = x.row_stride == 1 && x.col_stride >= rows;
  if (!by_rows && !by_columns) return false;
  return batch == 1 || x.batch_stride >= (by_rows ? rows * x.row_stride : cols * x.col_stride);
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
