// The graph: one Node per recorded op.
//
// A node's edges point to the nodes that made its inputs, so ownership runs one way (Tensor -> its
// Node -> older Nodes) and nothing points back.  A node saves values, never graph handles.  Node
// numbers grow from inputs to outputs, so newest first is always a valid backward order.
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
extern constinit thread_local bool t_grad_enabled;
inline bool grad_enabled() { return t_grad_enabled; }

// Sets grad mode for a scope.
class AutoGradMode {
 public:
  explicit AutoGradMode(bool on) : before_(std::exchange(t_grad_enabled, on)) {}
  ~AutoGradMode() { t_grad_enabled = before_; }
  AutoGradMode(const AutoGradMode&) = delete;
  AutoGradMode& operator=(const AutoGradMode&) = delete;

 private:
  bool before_;
};
// No op is recorded while one lives.
struct NoGradGuard : AutoGradMode {
  NoGradGuard() : AutoGradMode(false) {}
};

extern constinit thread_local NameId t_module_path;  // of the module whose forward runs

// --- nodes ---
struct NodeHooks {
  std::shared_ptr<HookList<Tensor(const Tensor&)>> gradient;
  std::shared_ptr<HookList<void(Tensor&)>> post_accumulate;
};

struct SavedTensor {
  Tensor value;      // the same storage, without a node
  uint64_t version;  // of the storage when it was saved
  uint32_t slot;
};

class Run;

struct Node : Pooled {
  Node() = default;
  virtual ~Node();

  virtual std::string_view name() const = 0;
  // Given dL/d(output), returns dL/d(input i) for every input; undefined means zero.  Written with
  // differentiable ops, so that it can be differentiated again; it must not change dy in place
  // (VersionError).  The engine undoes broadcasting.
  virtual TensorList backward(const Tensor& dy) = 0;

  // Whether anybody wants the gradient of input i.  Inside backward: of this run.  Like all that
  // follow, it throws GraphError for an i that the node does not have.
  bool needs(size_t i) const;
  // Inside backward with grad mode off: the buffer (shape and dtype of input i, zeros at first)
  // that waits for edge i.  An op that adds its gradient there returns an undefined tensor for i.
  Tensor& accumulator(size_t i);

  void save_input(size_t i, const Tensor& x);
  void save_output(const Tensor& y);
  void save_extra(size_t i, const Tensor& x);
  // What was saved.  VersionError if it changed since; under create_graph it has its edge again.
  Tensor input(size_t i) const;
  Tensor output() const;
  Tensor extra(size_t i) const;
  const auto& saved() const { return saved_; }
  void release();  // drops what was saved, and hooks

  RefCount refs;
  DType dtype = kFloat32;  // of the output
  bool is_leaf = false;
  bool released = false;
  bool retains_grad = false;
  NameId path = 0;  // module that recorded it; of a leaf: the parameter's name
  uint64_t number = 0;
  Shape shape;                                                                // of the output
  boost::container::small_vector<NodePtr, 4, PoolAllocator<NodePtr>> inputs;  // null: no gradient
  Tensor grad;  // of a leaf, or of an interior node that retains it
  std::unique_ptr<NodeHooks> hooks;

  // The engine's: the gradient that waits here, and the run that it belongs to.
  Tensor pending;
  std::atomic<Run*> run{nullptr};
  Node* next = nullptr;  // worklist of destruction

 private:
  const NodePtr& edge(size_t i) const;
  size_t extra_slot(size_t i) const;
  void save(size_t slot, const Tensor& x);
  Tensor saved(size_t slot, const NodePtr& edge) const;
  boost::container::small_vector<SavedTensor, 2, PoolAllocator<SavedTensor>> saved_;
};

void destroy_node(Node*);
inline void intrusive_ptr_add_ref(Node* n) { n->refs.add(); }
inline void intrusive_ptr_release(Node* n) {
  if (n->refs.drop()) destroy_node(n);
}

// Every op derives from Op<Self>, names itself `kName`, and is listed (op_names.h).
bool list_op(std::string_view name);
template <class Self>
struct Op : Node {
  std::string_view name() const final { return (void)kListed, Self::kName; }
  static inline const bool kListed = list_op(Self::kName);
};

// Gives `node` its number, its output's layout and its place as y's maker.
void attach(Node* node, const Tensor& y);
void add_edge(Node* node, const Tensor& x);  // a number without a gradient is saved, to be shown

// Records y = T(xs...) and returns the node to save in, or null if no gradient is wanted.
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

// A leaf's node: made by requires_grad_().
struct Leaf final : Node {
  Leaf() { is_leaf = true; }
  std::string_view name() const override { return "leaf"; }
  TensorList backward(const Tensor&) override { return {}; }
  TensorImpl* owner = nullptr;  // the handle's target while it lives
  bool frozen = false;          // requires_grad_(false): takes no gradient until it is on again
};

// --- what the engine itself computes with (gradient_ops.cpp) ---
Tensor add(const Tensor& a, const Tensor& b);
Tensor expand(const Tensor& x, const Shape& shape);
Tensor sum_to(const Tensor& x, const Shape& shape);  // the adjoint of expand
void add_into(const Tensor& y, const Tensor& x);     // y += x, unrecorded; same shape and dtype

}  // namespace vitro
