// Run: one walk of the engine.  Private to framework/.
#pragma once
#include <functional>
#include <unordered_map>

#include "framework/autograd/engine.h"

namespace vitro {

extern constinit thread_local Run* t_run;  // the innermost that runs on this thread

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
  // The leaves' gradients, as their hooks have left them; added when all have come.
  boost::container::small_vector<std::pair<Leaf*, Tensor>, 4,
                                 PoolAllocator<std::pair<Leaf*, Tensor>>>
      arrived_;
  bool retain_graph_;
  Run* parent_;
  const Node* current_ = nullptr;
  boost::container::small_vector<NodePtr, 2, PoolAllocator<NodePtr>> roots_ =
      {};  // keep every node alive meanwhile
  std::unordered_map<const Node*, int> useful_ =
      {};  // of grad(): leads to an input; its index or -1
  std::vector<Tensor> results_ = {};
  // Gradients whose place at the node another run has.
  std::unordered_map<const Node*, Tensor> elsewhere_ = {};
  boost::container::small_vector<Tensor, 1> given_ = {};  // by the caller, who keeps them
};

// The remedy where a leaf has another dtype than its gradient.
inline constexpr const char* kConverted =
    "; where the leaf was converted after it was recorded, compute the output again";

// The gradient as the only tensor on its bytes, dense, so that who gets it may change it in place.
// It is copied only where it is not so already.
Tensor own_gradient(Tensor gradient);
Tensor run_hooks(Node* node, Tensor gradient);

}  // namespace vitro
