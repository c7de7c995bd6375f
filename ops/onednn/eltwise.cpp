// Activations and softmax on oneDNN.
#include "ops/onednn/eltwise.h"

#include <algorithm>

#include "framework/base/error.h"
#include "framework/base/parallel.h"
#include "ops/onednn/cache.h"

namespace vitro::onednn {

namespace {

constexpr const char* kNames[] = {"relu", "tanh", "sigmoid", "silu"};

std::string describe(const char* what, DType dtype, int64_t rows, int64_t n) {
  std::ostringstream text;
  text << what << ' ' << dtype << ' ';
  if (rows > 1) text << rows << " x ";
  text << n;
  return text.str();
}

dnnl_memory_desc_t layout(DType dtype, int64_t rows, int64_t n) {
  dnnl_memory_desc_t d;
  dnnl_dims_t dims = {rows, n}, strides = {n, 1};
  check_status(dnnl_memory_desc_init_by_strides(&d, 2, dims, data_type(dtype), strides), "layout");
  return d;
}

template <class Description>
std::shared_ptr<Primitive> make(const Description& d, const_dnnl_primitive_desc_t hint,
                                std::string name) {
  dnnl_primitive_attr_t attributes = new_attributes();
  dnnl_primitive_desc_t description = nullptr;
  dnnl_status_t status = dnnl_primitive_desc_create(&description, &d, attributes, engine(), hint);
  dnnl_primitive_attr_destroy(attributes);
  check_status(status, name.c_str());
  auto made = std::make_shared<Primitive>(description, std::move(name));
  dnnl_primitive_desc_destroy(description);
  return made;
}

std::shared_ptr<Primitive> make_forward(Eltwise f, DType dtype, int64_t n) {
  constexpr dnnl_alg_kind_t kKinds[] = {dnnl_eltwise_relu, dnnl_eltwise_tanh, dnnl_eltwise_logistic,
                                        dnnl_eltwise_swish};
  dnnl_memory_desc_t x = layout(dtype, 1, n);
  dnnl_eltwise_desc_t d;
  float alpha = f == Eltwise::kSilu ? 1.0f : 0.0f;
  check_status(dnnl_eltwise_forward_desc_init(&d, dnnl_forward_inference,
                                              kKinds[static_cast<int>(f)], &x, alpha, 0),
               "eltwise");
  std::shared_ptr<Primitive> made =
      make(d, nullptr, describe(kNames[static_cast<int>(f)], dtype, 1, n));
  made->add_argument(DNNL_ARG_SRC, x);
  made->add_argument(DNNL_ARG_DST, x);
  return made;
}

std::shared_ptr<Primitive> make_backward(Eltwise f, DType dtype, int64_t n) {
  constexpr dnnl_alg_kind_t kKinds[] = {dnnl_eltwise_relu, dnnl_eltwise_tanh_use_dst_for_bwd,
                                        dnnl_eltwise_logistic_use_dst_for_bwd, dnnl_eltwise_swish};
  bool from_output = f == Eltwise::kTanh || f == Eltwise::kSigmoid;
  float alpha = f == Eltwise::kSilu ? 1.0f : 0.0f;
  dnnl_memory_desc_t x = layout(dtype, 1, n);
  dnnl_eltwise_desc_t forward, backward;
  dnnl_alg_kind_t kind = kKinds[static_cast<int>(f)];
  check_status(dnnl_eltwise_forward_desc_init(&forward, dnnl_forward_training, kind, &x, alpha, 0),
               "eltwise");
  check_status(dnnl_eltwise_backward_desc_init(&backward, kind, &x, &x, alpha, 0), "eltwise");
  dnnl_primitive_desc_t hint = nullptr;
  check_status(dnnl_primitive_desc_create(&hint, &forward, nullptr, engine(), nullptr), "eltwise");
  std::shared_ptr<Primitive> made =
      make(backward, hint,
           describe((std::string(kNames[static_cast<int>(f)]) + "_backward").c_str(), dtype, 1, n));
  dnnl_primitive_desc_destroy(hint);
  made->add_argument(from_output ? DNNL_ARG_DST : DNNL_ARG_SRC, x);
  made->add_argument(DNNL_ARG_DIFF_DST, x);
  made->add_argument(DNNL_ARG_DIFF_SRC, x);
  return made;
}

std::shared_ptr<Primitive> make_softmax(bool log, DType dtype, int64_t rows, int64_t n) {
  const dnnl_memory_desc_t d = layout(dtype, rows, n);
  const char* name = log ? "log_softmax" : "softmax";
  std::shared_ptr<Primitive> made;
  if (log) {
    dnnl_logsoftmax_desc_t description;
    check_status(dnnl_logsoftmax_forward_desc_init(&description, dnnl_forward_inference, &d, 1),
                 name);
    made = make(description, nullptr, describe(name, dtype, rows, n));
  } else {
    dnnl_softmax_desc_t description;
    check_status(dnnl_softmax_forward_desc_init(&description, dnnl_forward_inference, &d, 1), name);
    made = make(description, nullptr, describe(name, dtype, rows, n));
  }
  made->add_argument(DNNL_ARG_SRC, d);
  made->add_argument(DNNL_ARG_DST, d);
  return made;
}

// Numbers per call of oneDNN.  Where a call ends changes no result.
constexpr int64_t kPiece = 1 << 17;

// Calls f(first byte, items) for pieces of `step` items of `bytes` each, on all threads.
template <class F>
void in_pieces(int64_t items, int64_t step, int64_t bytes, const F& f) {
  parallel_for((items + step - 1) / step, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i * step * bytes, std::min(step, items - i * step));
  });
}
template <class F>
void in_pieces(int64_t n, DType dtype, const F& f) {
  in_pieces(n, kPiece, static_cast<int64_t>(item_size(dtype)), f);
}
const void* plus(const void* p, int64_t bytes) { return static_cast<const char*>(p) + bytes; }

Key key_of(int64_t kind, DType dtype, int64_t rows, int64_t n) {
  Key key;
  key.add(kind + (static_cast<int64_t>(dtype) << 8));
  key.add(rows);
  key.add(n);
  return key;
}

}  // namespace

void eltwise(Eltwise f, DType dtype, const void* x, void* y, int64_t n) {
  in_pieces(n, dtype, [&](int64_t at, int64_t count) {
    prepared(key_of(16 + static_cast<int64_t>(f), dtype, 1, count), [&] {
      return make_forward(f, dtype, count);
    }).run({plus(x, at), plus(y, at)});
  });
}

void eltwise_backward(Eltwise f, DType dtype, const void* x, const void* dy, void* dx, int64_t n) {
  in_pieces(n, dtype, [&](int64_t at, int64_t count) {
    prepared(key_of(32 + static_cast<int64_t>(f), dtype, 1, count), [&] {
      return make_backward(f, dtype, count);
    }).run({plus(x, at), plus(dy, at), plus(dx, at)});
  });
}

void softmax(bool log, DType dtype, const void* x, void* y, int64_t rows, int64_t n) {
  const int64_t step = std::max<int64_t>(1, kPiece / std::max<int64_t>(1, n));
  in_pieces(rows, step, n * static_cast<int64_t>(item_size(dtype)), [&](int64_t at, int64_t count) {
    prepared(key_of(log ? 49 : 48, dtype, count, n), [&] {
      return make_softmax(log, dtype, count, n);
    }).run({plus(x, at), plus(y, at)});
  });
}

}  // namespace vitro::onednn
