// The engine.  A run keeps the nodes whose gradient waits in a heap, newest first.  Each node holds
// its own pending gradient, so that no map is on the path; order, hence every sum, is fixed.
#include "framework/autograd/run.h"

namespace vitro {

constinit thread_local const std::function<void(const Node&)>* t_on_backward = nullptr;

constinit thread_local Run* t_run = nullptr;

namespace {
// Leaves come after all other nodes.
bool older(const Node* a, const Node* b) {
  return a->is_leaf != b->is_leaf ? a->is_leaf : a->number < b->number;
}
}  // namespace

Run::~Run() {
  for (Node* node : heap_) {
    if (node->run.load(std::memory_order_relaxed) != this) continue;
    node->pending = Tensor();
    node->run.store(nullptr, std::memory_order_release);
  }
  t_run = parent_;
}

// The gradient of the node that waits in this run; null while none does.
Tensor* Run::waiting(Node* node) {
  if (node->run.load(std::memory_order_relaxed) == this) return &node->pending;
  if (elsewhere_.empty()) [[likely]]
    return nullptr;
  auto at = elsewhere_.find(node);
  return at == elsewhere_.end() ? nullptr : &at->second;
}

// Gives the node's gradient a place to wait: at the node, or in this run if another run has that
// place.  Leaves are shared with runs of other threads, other nodes only with outer runs of this
// thread.
Tensor& Run::claim(Node* node) {
  if (heap_.size() == heap_.capacity()) heap_.reserve(2 * heap_.size());  // may throw
  Tensor* place = &node->pending;
  Run* owner = nullptr;
  if (!node->run.compare_exchange_strong(owner, this, std::memory_order_acquire)) {
    Run* outer = parent_;
    while (outer && outer != owner) outer = outer->parent_;
    check<GraphError>(outer || node->is_leaf, "backward: another thread's backward is running ",
                      "through ", node->name(), " ", node->shape,
                      "; a graph takes one backward at a time");
    place = &elsewhere_[node];
  }
  heap_.push_back(node);
  std::push_heap(heap_.begin(), heap_.end(), older);
  return *place;
}

// The newest node whose gradient waits.  It stays claimed until it has run, so that no other thread
// enters it meanwhile.
Node* Run::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), older);
  Node* node = heap_.back();
  heap_.pop_back();
  return node;
}

void Run::add_gradient(Node* node, Tensor gradient) {
  Tensor* pending = waiting(node);
  if (!pending) {
    claim(node) = std::move(gradient);
  } else if (!grad_enabled() && uniquely_owned(*pending) && pending->is_contiguous()) {
    add_into(*pending, gradient);
  } else {
    *pending = add(*pending, gradient);
  }
}

Tensor& Run::accumulator(Node* node) {
  Tensor* pending = waiting(node);
  if (!pending) {
    Tensor fresh = zeros(node->shape, node->dtype);
    pending = &claim(node);
    *pending = std::move(fresh);
  } else if (!uniquely_owned(*pending) || !pending->is_contiguous()) {
    Tensor copy = zeros(node->shape, node->dtype);
    add_into(copy, *pending);
    *pending = copy;
  }
  return *pending;
}

void Run::seed(const Tensor& y, const Tensor& gradient) {
  check<GraphError>(
      y.requires_grad(),
      "backward: the output does not depend on anything that requires grad; it was detached, "
      "computed under no-grad, or no input called requires_grad_()");
  Tensor dy = gradient;
  if (!dy.defined()) {
    check<GraphError>(y.numel() == 1,
                      "backward: only a scalar output has an implied gradient of 1; the output is ",
                      y.shape(), ": pass its gradient, or reduce it to a scalar first");
    dy = ones(y.shape(), y.dtype());
  }
  check<GraphError>(dy.shape() == y.shape() && dy.dtype() == y.dtype(),
                    "backward: the gradient must be like the output, ", y.dtype(), " ", y.shape(),
                    ": got ", dy.dtype(), " ", dy.shape());
  if (gradient.defined()) given_.push_back(gradient);
  Node* node = y.impl()->node.get();
  roots_.push_back(node);
  add_gradient(node, dy);
}

void Run::execute() {
  while (!heap_.empty()) {
    struct Claimed {
      Run* run;
      Node* node;
      ~Claimed() {
        if (node->run.load(std::memory_order_relaxed) == run)
          node->run.store(nullptr, std::memory_order_release);
        else run->elsewhere_.erase(node);
      }
    } claimed{this, pop()};
    process(claimed.node, std::move(*waiting(claimed.node)));
  }
  // All nodes and hooks have run: one that fails has changed no leaf.
  for (auto& [leaf, gradient] : arrived_) deliver(leaf, std::move(gradient));
}

void Run::process(Node* node, Tensor gradient) {
  if (node->hooks && node->hooks->gradient) [[unlikely]]
    gradient = run_hooks(node, std::move(gradient));
  if (!useful_.empty()) {
    auto mark = useful_.find(node);
    if (mark == useful_.end()) return;
    if (mark->second >= 0) results_[static_cast<size_t>(mark->second)] = gradient;
  }
  if (node->is_leaf) {
    if (useful_.empty()) arrive(static_cast<Leaf*>(node), std::move(gradient));
    return;
  }
  if (node->retains_grad && useful_.empty()) accumulate(node, gradient);
  bool leads_on = false;
  for (const NodePtr& input : node->inputs) leads_on |= input && wants(input.get());
  if (!leads_on) return;
  check<GraphError>(
      !node->released, node->name(),
      ": backward ran through this graph a second time, and what it had saved is gone; pass "
      "retain_graph = true to the first, or compute the output again");
  if (t_on_backward) [[unlikely]]
    (*t_on_backward)(*node);
  const uint64_t version = gradient.version();
  current_ = node;
  TensorList gradients = node->backward(gradient);
  current_ = nullptr;
  if (gradient.version() != version) [[unlikely]]
    fail<VersionError>(node->name(),
                       ": expected a backward that leaves its gradient as it is, got ",
                       "one that changed it in place, where others may hold it; clone() it first");
  gradient = Tensor();
  pass_on(node, gradients);
  if (!retain_graph_) node->release();
}

// The one gate: what a backward returned is checked, un-broadcast, and added to what waits.
void Run::pass_on(Node* node, TensorList& gradients) {
  check<GraphError>(gradients.size() == node->inputs.size(), node->name(), ": backward returned ",
                    gradients.size(), " gradients for ", node->inputs.size(), " inputs");
  for (size_t i = 0; i < gradients.size(); ++i) {
    Node* input = node->inputs[i].get();
    if (!input || !gradients[i].defined() || !wants(input)) continue;
    check<GraphError>(gradients[i].dtype() == input->dtype, node->name(), ": backward returned a ",
                      gradients[i].dtype(), " gradient for input ", i, ", which is ", input->dtype,
                      input->is_leaf ? kConverted : "");
    if (gradients[i].shape() == input->shape) [[likely]] {
      add_gradient(input, std::move(gradients[i]));
      continue;
    }
    try {
      add_gradient(input, sum_to(gradients[i], input->shape));
    } catch (const ShapeError&) {
      fail<GraphError>(node->name(), ": backward returned a gradient of shape ",
                       gradients[i].shape(), " for input ", i, ", which has shape ", input->shape);
    }
  }
}

bool Node::needs(size_t i) const {
  Node* input = edge(i).get();
  return input && (!t_run || t_run->current() != this || t_run->wants(input));
}

Tensor& Node::accumulator(size_t i) {
  Node* input = edge(i).get();
  check<GraphError>(input, name(), ": accumulator(", i, ") expected an input that requires grad");
  check<GraphError>(t_run && t_run->current() == this && !grad_enabled(), name(), ": accumulator(",
                    i, ") is for a backward that records nothing");
  check<GraphError>(input->dtype == dtype, name(), ": input ", i, " was ", dtype, ", and is ",
                    input->dtype, input->is_leaf ? kConverted : "");
  return t_run->accumulator(input);
}

Tensor& run_note(const void* key) {
  check<GraphError>(t_run, "run_note: no backward runs on this thread");
  return t_run->notes[key];
}

}  // namespace vitro
