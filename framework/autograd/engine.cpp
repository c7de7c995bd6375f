// The engine.  A run has a heap of the nodes with a pending gradient, newest first.  The gradient
// is in the node itself, so no map is searched.  The order of nodes, and so of sums, is fixed.
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

// The pending gradient of `node` in this run; null if there is none.
Tensor* Run::waiting(Node* node) {
  if (node->run.load(std::memory_order_relaxed) == this) return &node->pending;
  if (elsewhere_.empty()) [[likely]]
    return nullptr;
  auto at = elsewhere_.find(node);
  return at == elsewhere_.end() ? nullptr : &at->second;
}

// Puts the node on the heap, and returns the place of its pending gradient: node->pending, or an
// entry of this run if another run uses node->pending.  Runs of several threads may share a leaf.
Tensor& Run::claim(Node* node) {
  if (heap_.size() == heap_.capacity()) heap_.reserve(2 * heap_.size());  // may throw
  Tensor* place = &node->pending;
  Run* owner = nullptr;
  if (!node->run.compare_exchange_strong(owner, this, std::memory_order_acquire)) {
    Run* outer = parent_;
    while (outer && outer != owner) outer = outer->parent_;
    check<GraphError>(outer || node->is_leaf, "backward: expected one backward at a time in ",
                      "a graph, got another thread's at ", node->name(), " ", node->shape);
    place = &elsewhere_[node];
  }
  heap_.push_back(node);
  std::push_heap(heap_.begin(), heap_.end(), older);
  return *place;
}

// Takes the newest node off the heap.  It stays claimed until it has run, so that no other thread
// claims it meanwhile.
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
      "backward: expected an output that depends on a tensor that requires grad, got one without a "
      "graph; it was detached, computed under no-grad, or requires_grad_() was called on no input");
  Tensor dy = gradient;
  if (!dy.defined()) {
    check<GraphError>(y.numel() == 1,
                      "backward: expected a scalar output, whose gradient is 1, got shape ",
                      y.shape(), "; pass the output's gradient, or reduce it to a scalar first");
    dy = ones(y.shape(), y.dtype());
  }
  check<GraphError>(dy.shape() == y.shape() && dy.dtype() == y.dtype(),
                    "backward: expected a gradient like the output, ", y.dtype(), " ", y.shape(),
                    ", got ", dy.dtype(), " ", dy.shape());
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
  // Leaves change only now that all nodes and hooks have run: if one throws, no leaf has changed.
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
      ": expected a graph with its saved tensors, got a second backward after the first released "
      "them; pass retain_graph = true to the first, or compute the output again");
  if (t_on_backward) [[unlikely]]
    (*t_on_backward)(*node);
  const uint64_t version = gradient.version();
  current_ = node;
  TensorList gradients = node->backward(gradient);
  current_ = nullptr;
  if (gradient.version() != version) [[unlikely]]
    fail<VersionError>(node->name(),
                       ": expected a backward that leaves its gradient as it is, got ",
                       "one that changed it in place; others may hold it, so clone() it first");
  gradient = Tensor();
  pass_on(node, gradients);
  if (!retain_graph_) node->release();
}

// Checks the gradients that a backward returned, sums each to its input's shape, and adds it.
void Run::pass_on(Node* node, TensorList& gradients) {
  check<GraphError>(gradients.size() == node->inputs.size(), node->name(), ": expected a gradient ",
                    "of each input from backward, got ", gradients.size(), " gradients for ",
                    node->inputs.size(), " inputs");
  for (size_t i = 0; i < gradients.size(); ++i) {
    Node* input = node->inputs[i].get();
    if (!input || !gradients[i].defined() || !wants(input)) continue;
    check<GraphError>(gradients[i].dtype() == input->dtype, node->name(),
                      ": expected backward to return ", input->dtype, " for input ", i, ", got ",
                      gradients[i].dtype(), input->is_leaf ? kConverted : "");
    if (gradients[i].shape() == input->shape) [[likely]] {
      add_gradient(input, std::move(gradients[i]));
      continue;
    }
    try {
      add_gradient(input, sum_to(gradients[i], input->shape));
    } catch (const ShapeError&) {
      fail<GraphError>(node->name(), ": expected backward to return shape ", input->shape,
                       " for input ", i, ", got ", gradients[i].shape());
    }
  }
}

bool Node::needs(size_t i) const {
  Node* input = edge(i).get();
  return input && (!t_run || t_run->current() != this || t_run->wants(input));
}

Tensor& Node::accumulator(size_t i) {
  Node* input = edge(i).get();
  check<GraphError>(input, name(),
                    ": accumulator: expected an input that requires grad, got input ", i);
  check<GraphError>(t_run && t_run->current() == this && !grad_enabled(), name(), ": accumulator(",
                    i, "): expected a call in this node's backward, without create_graph, got ",
                    "another call");
  check<GraphError>(input->dtype == dtype, name(), ": expected input ", i, " of ", dtype, ", got ",
                    input->dtype, input->is_leaf ? kConverted : "");
  return t_run->accumulator(input);
}

Tensor& run_note(const void* key) {
  check<GraphError>(t_run, "run_note: expected a backward that runs on this thread, got none");
  return t_run->notes[key];
}

}  // namespace vitro
