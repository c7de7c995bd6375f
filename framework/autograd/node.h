// The graph: one Node per recorded op; and grad mode, which decides whether ops are recorded.
//
// A node is one recorded op, or a leaf.  An op records a node if grad mode is on and one of its
// inputs requires grad.  A leaf belongs to a tensor that no op made; requires_grad_() makes it.  An
// edge leads from a node to the node of one of its inputs, and is null if that input requires no
// grad.  Here is the graph of y = a * b + c, where a, b and c are leaf tensors:
//
//     y --> add --> mul --> leaf <-- a
//            |       `----> leaf <-- b
//            `------------> leaf <-- c
//
// Every arrow is a counted pointer: from a tensor to its node, or from a node to an input's node.
// An input's node is older than the node, and no counted pointer leads back, so there are no
// cycles.  A graph is freed with the last tensor that points to it.  (A hook is a user's function.
// If it captures its own tensor, it makes a cycle until it is removed or its node is released.)
//
// Backward runs the newest node first and leaves last.  A node is newer than its inputs' nodes, so
// its gradient is complete before it runs.  Until then, the sum of the parts so far is in the node
// (`pending`), or in the run if another run uses `pending`.  At the end, backward() adds each
// leaf's gradient to its `grad`; vitro::grad() returns gradients instead.
//
// An op saves the values that its backward needs: mul saves a and b.  A saved tensor is an alias:
// it shares the storage and has no node.  The node also saves the storage's version, which counts
// changes in place.  If the version has changed when backward reads the value, a VersionError is
// thrown.  (A write through an old pointer from mutable_data() is not counted.)
//
// A node is released when its backward has run, unless retain_graph is true: it drops its saved
// tensors and hooks.  Another backward through it is then a GraphError.  Its edges stay.
#pragma once
#include <memory>
#include <string>

#include "../base/error.h"
#include "../base/names.h"
#include "../tensor/factories.h"
#include "../tensor/tensor.h"
#include "../tensor/tensor_list.h"
#include "hooks.h"

namespace [[gnu::visibility("default")]] vitro {

// --- grad mode (per thread) ---

extern constinit thread_local bool t_grad_enabled;  // the result of grad_enabled()
// Whether ops that this thread calls are recorded.  On at first.
inline bool grad_enabled() { return t_grad_enabled; }

// Sets grad mode for a scope.
class AutoGradMode {
 public:
  // Sets grad mode of this thread to `on`; the destructor restores it.
  explicit AutoGradMode(bool on) : before_(std::exchange(t_grad_enabled, on)) {}
  ~AutoGradMode() { t_grad_enabled = before_; }
  AutoGradMode(const AutoGradMode&) = delete;
  AutoGradMode& operator=(const AutoGradMode&) = delete;

 private:
  bool before_;
};
// No op of this thread is recorded in the scope of a NoGradGuard.
struct NoGradGuard : AutoGradMode {
  NoGradGuard() : AutoGradMode(false) {}  // turns grad mode off
};

extern constinit thread_local NameId t_module_path;  // path of the module whose forward runs

// The hooks of one tensor.
struct NodeHooks {
  std::shared_ptr<HookList<Tensor(const Tensor&)>> gradient;  // by register_hook()
  std::shared_ptr<HookList<void(Tensor&)>> post_accumulate;   // of a leaf, after it got a gradient
};

// A value that a node saved for its backward.
struct SavedTensor {
  Tensor value;      // an alias: the same storage, without a node
  uint64_t version;  // of the storage when it was saved
  uint32_t slot;     // i: input i; inputs.size(): the output; inputs.size() + 1 + i: extra i
};

class Run;  // one walk of the engine (run.h)

// One recorded op or one leaf.  The comment at the top of this file explains nodes.
struct Node : Pooled {
  Node() = default;
  virtual ~Node();

  virtual std::string_view name() const = 0;  // "mul", "softmax", ...; "leaf" for a leaf
  // Given dy = dL/d(output), returns dL/d(input i) for every input; undefined means zero.  It is
  // written with differentiable ops, so that it can be differentiated again.  It must not change dy
  // in place (VersionError).  The engine undoes broadcasting.
  virtual TensorList backward(const Tensor& dy) = 0;

  // Whether input i requires grad; inside backward, whether this run also wants its gradient.
  // This function and those below throw GraphError for an i that the node does not have.
  bool needs(size_t i) const;
  // The pending gradient of input i, with its shape and dtype, zeros at first.  Only for a backward
  // with grad mode off.  A backward that adds the gradient there returns an undefined tensor for i.
  Tensor& accumulator(size_t i);

  // Saves a value for backward: input i, the output, or any other tensor under a number i.
  void save_input(size_t i, const Tensor& x);
  void save_output(const Tensor& y);
  void save_extra(size_t i, const Tensor& x);
  // The saved value.  VersionError if it was changed in place.  While grad mode is on (as in
  // create_graph), an input or the output is returned with its node; an extra never has a node.
  Tensor input(size_t i) const;
  Tensor output() const;
  Tensor extra(size_t i) const;
  const auto& saved() const { return saved_; }  // all SavedTensors, without the check
  void release();                               // drops saved tensors and hooks

  RefCount refs;              // how many NodePtrs point to this node
  DType dtype = kFloat32;     // of the output
  bool is_leaf = false;       // whether this is a Leaf
  bool released = false;      // whether release() was called
  bool retains_grad = false;  // whether backward() fills `grad` of this interior node
  NameId path = 0;            // path of the module that recorded it; a leaf's parameter name
  uint64_t number = 0;        // greater than the number of every input's node
  Shape shape;                // of the output
  boost::container::small_vector<NodePtr, 4, PoolAllocator<NodePtr>> inputs;  // the edges
  Tensor grad;                       // the result of Tensor::grad()
  std::unique_ptr<NodeHooks> hooks;  // null if there are none

  Tensor pending;                  // for the engine: the sum of the gradient's parts so far
  std::atomic<Run*> run{nullptr};  // for the engine: the run that `pending` belongs to
  Node* next = nullptr;            // for destroy_node(): the next node in its worklist

 private:
  const NodePtr& edge(size_t i) const;
  size_t extra_slot(size_t i) const;
  void save(size_t slot, const Tensor& x);
  Tensor saved(size_t slot, const NodePtr& edge) const;
  boost::container::small_vector<SavedTensor, 2, PoolAllocator<SavedTensor>> saved_;
};

void destroy_node(Node*);  // deletes the node, and each node that only it held, without recursion
// The counting of NodePtr.
inline void intrusive_ptr_add_ref(Node* n) { n->refs.add(); }
inline void intrusive_ptr_release(Node* n) {
  if (n->refs.drop()) destroy_node(n);
}

bool list_op(std::string_view name);  // adds a name to op_names(); returns true
// The base of the node of every op: Self derives from Op<Self> and names the op by Self::kName.
template <class Self>
struct Op : Node {
  std::string_view name() const final { return (void)kListed, Self::kName; }  // Self::kName
  static inline const bool kListed = list_op(Self::kName);  // lists the op as the program starts
};

// Gives `node` its number, y's shape and dtype and the module's path, and makes it the node of y.
void attach(Node* node, const Tensor& y);
// Adds the edge to x.  Saves x if it is a scalar without a node, so that graph_to_dot can show it.
void add_edge(Node* node, const Tensor& x);

// Records y = T(xs...).  Returns the node, for saving values in it; null if nothing is recorded.
template <class T, class... X>
T* record(const Tensor& y, const X&... xs) {
  if (!grad_enabled() || !(xs.requires_grad() || ...)) return nullptr;
  std::unique_ptr<T> node(new T);
  (add_edge(node.get(), xs), ...);
  attach(node.get(), y);
  return node.release();
}
template <class T>
T* record(const Tensor& y, std::span<const Tensor> xs) {
  bool wanted = false;
  for (const Tensor& x : xs) wanted |= x.requires_grad();
  if (!grad_enabled() || !wanted) return nullptr;
  std::unique_ptr<T> node(new T);
  for (const Tensor& x : xs) add_edge(node.get(), x);
  attach(node.get(), y);
  return node.release();
}

// The node of a leaf tensor.
struct Leaf final : Node {
  Leaf() { is_leaf = true; }                                  // made by requires_grad_()
  std::string_view name() const override { return "leaf"; }   // "leaf"
  TensorList backward(const Tensor&) override { return {}; }  // never called by the engine
  TensorImpl* owner = nullptr;  // its tensor, not counted; null once the tensor is freed
  bool frozen = false;          // after requires_grad_(false): the leaf takes no gradient
};

// --- the ops that the engine itself needs (gradient_ops.cpp) ---

Tensor add(const Tensor& a, const Tensor& b);        // a + b; shapes broadcast
Tensor expand(const Tensor& x, const Shape& shape);  // a view of x, repeated to `shape`
Tensor sum_to(const Tensor& x, const Shape& shape);  // x summed to `shape`: expand's adjoint
void add_into(const Tensor& y, const Tensor& x);     // y += x, unrecorded; same shape and dtype

}  // namespace vitro
