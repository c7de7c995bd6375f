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
void intrusive_ptr_add_ref(Node*);           // for NodePtr
void intrusive_ptr_release(Node*);           // for NodePtr
using NodePtr = boost::intrusive_ptr<Node>;  // an owning pointer

// The array of a Tensor.  Element (i, j, ...) is data[offset + i strides[0] + j strides[1] ...].
struct TensorImpl : Pooled {
  RefCount refs;           // handles that share this array
  DType dtype = kFloat32;  // of the elements
  bool contiguous = true;  // row-major without gaps
  bool frozen = false;     // whether requires_grad_(false) froze it
  int64_t numel = 0;       // number of elements
  int64_t offset = 0;      // of the first element, in elements
  StoragePtr storage;      // the bytes, which views share
  NodePtr node;            // place in the graph; null if no gradient is wanted
  NodePtr set_aside;       // the leaf of a frozen tensor, for a later requires_grad_()
  Shape shape;             // sizes of the axes
  Strides strides;         // steps of the axes, in elements
  ~TensorImpl();           // clears Leaf::owner, because the leaf may exist longer
};
inline void intrusive_ptr_add_ref(TensorImpl* t) { t->refs.add(); }  // for the handles
inline void intrusive_ptr_release(TensorImpl* t) {                   // for the handles
  if (t->refs.drop()) delete t;
}

struct Index;
class RemovableHandle;
struct ValuesAndIndices;

// A handle to an array.  Copies of a handle share the array; views share its storage.
class Tensor {
 public:
  Tensor() = default;  // undefined: has no array; as an argument or result it means "none"
  explicit Tensor(boost::intrusive_ptr<TensorImpl> impl) : impl_(std::move(impl)) {}  // shares it
  Tensor(const Tensor&) = default;      // shares the array
  Tensor(Tensor&&) noexcept = default;  // leaves the other undefined
  // Assigning rebinds the handle.  `x[0] = y` would change nothing, so it does not compile.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  Tensor& operator=(const Tensor&) && = delete;
  Tensor& operator=(Tensor&&) && = delete;

  bool defined() const { return impl_ != nullptr; }              // whether it has an array
  const Shape& shape() const { return need()->shape; }           // sizes of the axes
  int64_t size(int64_t axis) const;                              // -1 is the last axis
  const Strides& strides() const { return need()->strides; }     // in elements
  int rank() const { return need()->shape.rank(); }              // number of axes
  int64_t numel() const { return need()->numel; }                // number of elements
  DType dtype() const { return need()->dtype; }                  // type of the elements
  bool is_contiguous() const { return need()->contiguous; }      // row-major without gaps
  uint64_t version() const { return need()->storage->version; }  // number of changes in place

  // The one element as a C++ number.  ShapeError unless numel() == 1.
  template <class T = double>
  T item() const {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(item_as_int64());
    else return static_cast<T>(item_as_double());
  }
  // Address of the first element, to read.  DTypeError unless T is the C++ type of the dtype.
  // Elements are adjacent, in row-major order, if is_contiguous(); otherwise strides() apart.
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>());
    return static_cast<const T*>(impl_->storage->data) + impl_->offset;
  }
  // The same, to write.  It counts as a change in place.
  template <class T>
  T* mutable_data() const {
    check_type(dtype_of<T>());
    ++impl_->storage->version;
    impl_->storage->exposed = 1;
    return static_cast<T*>(impl_->storage->data) + impl_->offset;
  }

  bool requires_grad() const { return impl_ && impl_->node; }  // whether it has a node
  Tensor& requires_grad_(bool on = true);   // makes it a leaf, for all handles of this array
  bool is_leaf() const;                     // no recorded op made it
  Tensor grad() const;                      // sum of all gradients by backward(), or undefined
  void set_grad(const Tensor& grad) const;  // replaces grad() by a copy; undefined removes it
  void zero_grad() const;                   // makes grad() undefined
  void retain_grad() const;                 // backward() fills grad() of an interior tensor too
  Node* grad_fn() const;                    // the node of the op that made it; null for a leaf
  Tensor detach() const;                    // the same storage without a graph
  // Adds `gradient` (default 1, for a scalar) times d(this)/d(leaf) to the grad() of every leaf.
  // Several threads may call it at once if their graphs share only leaves.  GraphError for misuse.
  void backward(const Tensor& gradient = {}, bool retain_graph = false) const;
  // hook(grad) gets this tensor's whole gradient.  It may change it in place or return another.
  // A leaf's hook stays until it is removed, an interior tensor's until its node is released.
  RemovableHandle register_hook(Hook<Tensor(const Tensor& grad)> hook) const;
  // hook(leaf) runs after backward() has added to the grad() of this leaf.
  RemovableHandle register_post_accumulate_grad_hook(std::function<void(Tensor& leaf)> hook) const;

  // In place: this op= x, and x is broadcast.  GraphError in grad mode if this or x requires grad.
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

  // Call the ops of these names (ops/ops.h, ops/indexing.h).  x[i] is select(x, 0, i).
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

  TensorImpl* impl() const { return impl_.get(); }  // null if undefined

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

// The result of max and min along an axis, and of topk.
struct ValuesAndIndices {
  // They have the same shape; the indices are int64.
  Tensor values, indices;
};

// A view of x's storage with this layout.  It has no node.
Tensor make_view(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset);
// Whether nothing but x refers to its storage, so that its elements can be overwritten unseen.
bool uniquely_owned(const Tensor& x);

// Prints as NumPy does.  Above 1000 elements, only the first and last three of each axis.
std::ostream& operator<<(std::ostream&, const Tensor&);

}  // namespace vitro
