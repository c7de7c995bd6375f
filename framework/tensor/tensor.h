// Tensor: a one-word handle to a strided n-dimensional array and its place in the graph.
#pragma once
#include <boost/container/small_vector.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/hook.h"
#include "../base/number.h"
#include "shape.h"
#include "storage.h"

namespace [[gnu::visibility("default")]] vitro {

struct Node;
void intrusive_ptr_add_ref(Node*);
void intrusive_ptr_release(Node*);
using NodePtr = boost::intrusive_ptr<Node>;

// What a handle points to.  Element (i, j, ...) is data[offset + i strides[0] + j strides[1] ...].
struct TensorImpl : Pooled {
  RefCount refs;
  DType dtype = kFloat32;
  bool contiguous = true;  // row-major without gaps
  bool frozen = false;     // by requires_grad_(false)
  int64_t numel = 0;
  int64_t offset = 0;  // in elements
  StoragePtr storage;
  NodePtr node;       // null when no gradient is wanted
  NodePtr set_aside;  // the leaf of a frozen tensor, which requires_grad_() takes again
  Shape shape;
  Strides strides;
  ~TensorImpl();
};
inline void intrusive_ptr_add_ref(TensorImpl* t) { t->refs.add(); }
inline void intrusive_ptr_release(TensorImpl* t) {
  if (t->refs.drop()) delete t;
}

struct Index;
class RemovableHandle;
struct ValuesAndIndices;

class Tensor {
 public:
  Tensor() = default;  // undefined: no array; "absent" wherever a tensor is optional
  explicit Tensor(boost::intrusive_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  // Assigning rebinds the handle.  `x[0] = y` would change nothing, so it does not compile.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  Tensor& operator=(const Tensor&) && = delete;
  Tensor& operator=(Tensor&&) && = delete;

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const { return need()->shape; }
  int64_t size(int64_t axis) const;
  const Strides& strides() const { return need()->strides; }
  int rank() const { return need()->shape.rank(); }
  int64_t numel() const { return need()->numel; }
  DType dtype() const { return need()->dtype; }
  bool is_contiguous() const { return need()->contiguous; }
  uint64_t version() const { return need()->storage->version; }

  // The one element as a C++ number.  ShapeError unless numel() == 1.
  template <class T = double>
  T item() const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(item_as_int64());
    else return static_cast<T>(item_as_double());
  }
  // Address of the first element, to read.  DTypeError unless T is the dtype's C++ type.  Elements
  // follow each other only if is_contiguous(); otherwise by strides().
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>());
    return static_cast<const T*>(impl_->storage->data) + impl_->offset;
  }
  // The same to write; counts as a change in place.
  template <class T>
  T* mutable_data() const {
    check_type(dtype_of<T>());
    ++impl_->storage->version;
    impl_->storage->exposed = 1;
    return static_cast<T*>(impl_->storage->data) + impl_->offset;
  }

  // --- autograd ---
  bool requires_grad() const { return impl_ && impl_->node; }
  Tensor& requires_grad_(bool on = true);  // makes this a leaf; in place, so ties keep holding it
  bool is_leaf() const;                    // no op made it
  Tensor grad() const;                     // accumulated by backward(); undefined before
  void set_grad(const Tensor& grad) const;
  void zero_grad() const;    // sets the gradient to none
  void retain_grad() const;  // makes backward() fill grad() of an interior tensor too
  Node* grad_fn() const;     // the node of the op that made it; null for a leaf
  Tensor detach() const;     // the same storage, no history
  // d(this)/d(leaf), times `gradient` (1 for a scalar), added into every leaf's grad().  Threads
  // may do this at once for graphs that share only leaves.  GraphError for misuse.
  void backward(const Tensor& gradient = {}, bool retain_graph = false) const;
  // hook(grad) sees the whole gradient of this tensor and may change it in place or return another;
  // one on a leaf lives until removed, one on an interior tensor until its graph is released.
  RemovableHandle register_hook(Hook<Tensor(const Tensor& grad)> hook) const;
  RemovableHandle register_post_accumulate_grad_hook(std::function<void(Tensor& leaf)> hook) const;

  // --- in place; GraphError on a tensor that requires grad while recording ---
  Tensor& add_(const Tensor& x);
  Tensor& sub_(const Tensor& x);
  Tensor& mul_(const Tensor& x);
  Tensor& div_(const Tensor& x);
  Tensor& add_(const Number& x);
  Tensor& sub_(const Number& x);
  Tensor& mul_(const Number& x);
  Tensor& div_(const Number& x);
  Tensor& copy_(const Tensor& x);
  Tensor& fill_(const Number& x);
  Tensor& zero_() { return fill_(0); }

  // --- the ops that are also methods (defined in ops/, documented in ops/ops.h) ---
  Tensor to(DType dtype) const;
  Tensor contiguous() const;
  Tensor clone() const;
  Tensor reshape(const Shape& shape) const;
  Tensor view(const Shape& shape) const;
  Tensor flatten(int64_t start = 0, int64_t end = -1) const;
  Tensor transpose(int64_t a, int64_t b) const;
  Tensor permute(const Shape& axes) const;
  Tensor t() const;
  Tensor squeeze() const;
  Tensor squeeze(int64_t axis) const;
  Tensor unsqueeze(int64_t axis) const;
  Tensor expand(const Shape& shape) const;
  Tensor select(int64_t axis, int64_t index) const;
  Tensor slice(int64_t axis, int64_t start, int64_t stop, int64_t step = 1) const;
  Tensor narrow(int64_t axis, int64_t start, int64_t length) const;
  Tensor operator[](int64_t index) const;
  Tensor index(std::initializer_list<Index> indices) const;
  Tensor sum() const;
  Tensor sum(int64_t axis, bool keepdim = false) const;
  Tensor mean() const;
  Tensor mean(int64_t axis, bool keepdim = false) const;
  Tensor max() const;
  ValuesAndIndices max(int64_t axis, bool keepdim = false) const;
  Tensor min() const;
  ValuesAndIndices min(int64_t axis, bool keepdim = false) const;
  Tensor argmax() const;
  Tensor argmax(int64_t axis, bool keepdim = false) const;
  Tensor matmul(const Tensor& b) const;
  Tensor operator-() const;

  TensorImpl* impl() const { return impl_.get(); }

 private:
  TensorImpl* need() const {
    if (!impl_) [[unlikely]]
      fail_undefined();
    return impl_.get();
  }
  void check_type(DType wanted) const {
    if (need()->dtype != wanted) [[unlikely]]
      fail_type(wanted);
  }
  [[noreturn]] static void fail_undefined();
  [[noreturn]] void fail_type(DType wanted) const;
  double item_as_double() const;
  int64_t item_as_int64() const;

  boost::intrusive_ptr<TensorImpl> impl_;
};

struct ValuesAndIndices {
  Tensor values, indices;
};

// Another layout over x's storage; records nothing.
Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset);
// Whether nothing else holds x's storage, so that its elements may be overwritten unseen.
bool uniquely_owned(const Tensor& x);

// As NumPy prints it: tensors above 1000 elements are summarised.
std::ostream& operator<<(std::ostream&, const Tensor&);

}  // namespace vitro
