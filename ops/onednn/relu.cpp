// relu on oneDNN.
#include "ops/onednn/relu.h"

#include <algorithm>
#include <sstream>

#include "framework/base/error.h"
#include "framework/base/parallel.h"
#include "ops/onednn/cache.h"

namespace vitro::onednn {

namespace {

// Numbers per call of oneDNN.  Where a call ends changes no result.
constexpr int64_t kPiece = 1 << 17;

std::shared_ptr<Primitive> make_relu(DType dtype, int64_t n) {
  const dnnl_dims_t dims = {1, n}, strides = {n, 1};
  dnnl_memory_desc_t x;
  check_status(dnnl_memory_desc_init_by_strides(&x, 2, dims, data_type(dtype), strides), "layout");
  dnnl_eltwise_desc_t d;
  check_status(
      dnnl_eltwise_forward_desc_init(&d, dnnl_forward_inference, dnnl_eltwise_relu, &x, 0, 0),
      "relu");
  dnnl_primitive_attr_t attributes = new_attributes();
  dnnl_primitive_desc_t description = nullptr;
  const dnnl_status_t status =
      dnnl_primitive_desc_create(&description, &d, attributes, engine(), nullptr);
  dnnl_primitive_attr_destroy(attributes);
  check_status(status, "relu");
  std::ostringstream name;
  name << "relu " << dtype << ' ' << n;
  auto made = std::make_shared<Primitive>(description, name.str());
  dnnl_primitive_desc_destroy(description);
  made->add_argument(DNNL_ARG_SRC, x);
  made->add_argument(DNNL_ARG_DST, x);
  return made;
}

}  // namespace

void relu(DType dtype, const void* x, void* y, int64_t n) {
  const auto bytes = static_cast<int64_t>(item_size(dtype));
  parallel_for((n + kPiece - 1) / kPiece, 1, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin * kPiece; at < std::min(n, end * kPiece); at += kPiece) {
      const int64_t count = std::min(kPiece, n - at);
      Key key;
      for (int64_t word : {16 + (static_cast<int64_t>(dtype) << 8), count}) key.add(word);
      prepared(key, [&] {
        return make_relu(dtype, count);
      }).run({static_cast<const char*>(x) + at * bytes, static_cast<char*>(y) + at * bytes});
    }
  });
}

}  // namespace vitro::onednn
