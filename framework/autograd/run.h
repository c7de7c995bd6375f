// A Run is one walk of the engine over a graph.  Private to framework/.
#pragma once
#include <functional>
#include <unordered_map>

#include "framework/autograd/engine.h"

namespace vitro {

extern constinit thread_local Run* t_run;  // this thread's innermost run; null outside of runs

// Called with each node as the engine runs it; for tests.
extern constinit thread_local const std::function<void(const Node&)>* t_on_backward;

// One call of backward() or grad().  Runs nest: a hook or a backward may start another.
class Run {
 public:
  explicit Run(bool retain_graph)
      : retain_graph_(retain_graph), parent_(std::exchange(t_run, this)) {}
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void seed(const Tensor& y, const Tensor& dy);
  void mark_useful(const std::vector<Tensor>& inputs);
  void execute();

  bool wants(const Node* node) const { return useful_.empty() || useful_.contains(node); }
  const Node* current() const { return current_; }
  Tensor& accumulator(Node* node);
  std::vector<Tensor>& results() { return results_; }
  std::unordered_map<const void*, Tensor> notes;

 private:
  Tensor* waiting(Node* node);
  Tensor& claim(Node* node);
  Node* pop();
  void add_gradient(Node* node, Tensor gradient);
  void process(Node* node, Tensor gradient);
  void arrive(Leaf* leaf, Tensor gradient);
  void deliver(Leaf* leaf, Tensor gradient);
  void accumulate(Node* node, Tensor gradient);
  void pass_on(Node* node, TensorList& gradients);

  boost::container::small_vector<Node*, 32, PoolAllocator<Node*>> heap_;
  // The gradients of leaves after their hooks.  They are added to grad() when the walk has ended.
  boost::container::small_vector<std::pair<Leaf*, Tensor>, 4,
                                 PoolAllocator<std::pair<Leaf*, Tensor>>>
      arrived_;
  bool retain_graph_;
  Run* parent_;
  const Node* current_ = nullptr;
  boost::container::small_vector<NodePtr, 2, PoolAllocator<NodePtr>> roots_ =
      {};  // the outputs' nodes; no node of the graph is freed while they are here
  // For grad(): the index of each node of `inputs`, and -1 for nodes that depend on one of them.
  // Empty for backward().
  std::unordered_map<const Node*, int> useful_ = {};
  std::vector<Tensor> results_ = {};
  // Pending gradients of nodes whose own `pending` is used by another run.
  std::unordered_map<const Node*, Tensor> elsewhere_ = {};
  boost::container::small_vector<Tensor, 1> given_ = {};  // the caller's gradients of the outputs
};

// The remedy when the dtypes of a leaf and its gradient differ.
inline constexpr const char* kConverted =
    "; if the leaf was converted after it was recorded, compute the output again";

// Returns the gradient as a contiguous tensor whose storage nobody else has, so that the receiver
// may change it in place.  Copies only if necessary.
Tensor own_gradient(Tensor gradient);
// Runs the node's hooks and returns the gradient after them.
Tensor run_hooks(Node* node, Tensor gradient);

}  // namespace vitro
