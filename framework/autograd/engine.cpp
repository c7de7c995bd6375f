// The engine.  A run keeps the nodes whose gradient waits in a heap, newest first.  Each node holds
// its own pending gradient, so that no map is on the path; order, hence every sum, is fixed.
#include "framework/autograd/run.h"

namespace vitro {

thread_local std::function<void(const Node&)> t_on_backward;

constinit thread_local Run* t_run = nullptr;

namespace {
bool older(const Node* a, const Node* b) { return a->number < b->number; }
}  // namespace

Run::~Run() {
  for (Node* node : heap_) {
    node->pending = Tensor();
    node->run.store(nullptr, std::memory_order_release);
  }
  for (Displaced& d : displaced_) {
    d.node->pending = std::move(d.pending);
    d.node->run.store(d.owner, std::memory_order_release);
  }
  t_run = parent_;
}

// Makes this run the owner of the node's pending gradient.  An outer run of this thread lends it; a
// run of another thread does not.
void Run::claim(Node* node) {
  if (heap_.size() == heap_.capacity()) heap_.reserve(2 * heap_.size());  // may throw
  Run* owner = nullptr;
  if (!node->run.compare_exchange_strong(owner, this, std::memory_order_acquire)) {
    Run* outer = parent_;
    while (outer && outer != owner) outer = outer->parent_;
    check<GraphError>(outer, "backward: another thread's backward is running through ",
                      node->name(), " ", node->shape, "; a graph takes one backward at a time");
    displaced_.reserve(displaced_.size() + 1);  // may throw, and nothing is lost yet
    displaced_.push_back({node, owner, std::move(node->pending)});
    node->pending = Tensor();
    node->run.store(this, std::memory_order_relaxed);
  }
  heap_.push_back(node);
  std::push_heap(heap_.begin(), heap_.end(), older);
}

void Run::add_gradient(Node* node, Tensor gradient) {
  if (node->run.load(std::memory_order_relaxed) != this) {
    claim(node);
    node->pending = std::move(gradient);
  } else if (!grad_enabled() && uniquely_owned(node->pending) && node->pending.is_contiguous()) {
    add_into(node->pending, gradient);
  } else {
    node->pending = add(node->pending, gradient);
  }
}

Tensor& Run::accumulator(Node* node) {
  if (node->run.load(std::memory_order_relaxed) != this) {
    claim(node);
    node->pending = zeros(node->shape, node->dtype);
  } else if (!uniquely_owned(node->pending) || !node->pending.is_contiguous()) {
    Tensor copy = zeros(node->shape, node->dtype);
    add_into(copy, node->pending);
    node->pending = copy;
  }
  return node->pending;
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
  Node* node = y.impl()->node.get();
  roots_.push_back(node);
  add_gradient(node, dy);
}

// Marks the nodes through which an output depends on one of the inputs; the rest is not computed.
void Run::mark_useful(const std::vector<Tensor>& inputs) {
  uint64_t oldest = ~uint64_t{0};
  for (size_t i = 0; i < inputs.size(); ++i) {
    check<GraphError>(inputs[i].requires_grad(), "grad: input ", i, " does not require grad");
    useful_.emplace(inputs[i].impl()->node.get(), static_cast<int>(i));
    oldest = std::min(oldest, inputs[i].impl()->node->number);
  }
  results_.resize(inputs.size());
  std::vector<Node*> found;
  std::unordered_map<const Node*, bool> seen;
  for (const NodePtr& root : roots_)
    if (seen.emplace(root.get(), true).second) found.push_back(root.get());
  for (size_t i = 0; i < found.size(); ++i)
    for (const NodePtr& input : found[i]->inputs)
      if (input && input->number >= oldest && seen.emplace(input.get(), true).second)
        found.push_back(input.get());
  std::sort(found.begin(), found.end(), older);
  for (Node* node : found)
    for (const NodePtr& input : node->inputs)
      if (input && useful_.contains(input.get())) useful_.emplace(node, -1);
}

Tensor Run::run_hooks(Node* node, Tensor gradient) {
  auto list = node->hooks->gradient;  // a hook may release the graph, and the list with it
  if (list) {
    list->for_each([&](auto& hook) {
      Tensor replaced = hook(gradient);
      if (!replaced.defined()) return;
      check<GraphError>(replaced.shape() == node->shape && replaced.dtype() == node->dtype,
                        "hook on ", node->name(), ": must return a gradient like its tensor, ",
                        node->dtype, " ", node->shape, ": got ", replaced.dtype(), " ",
                        replaced.shape());
      gradient = replaced;
    });
  }
  return gradient;
}

// Adds into .grad(), in place once it is there.  A gradient that somebody else may hold is copied.
static void accumulate_grad(Node* leaf, Tensor gradient) {
  if (leaf->grad.defined()) {
    ++leaf->grad.impl()->storage->version;
    add_into(leaf->grad, gradient);
  } else if (uniquely_owned(gradient) && gradient.is_contiguous() && !gradient.requires_grad()) {
    leaf->grad = std::move(gradient);
  } else {
    leaf->grad = zeros(leaf->shape, leaf->dtype);
    add_into(leaf->grad, gradient);
  }
}

// The node stays claimed until it has run, so that no other thread enters it meanwhile.
void Run::execute() {
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), older);
    struct Claimed {
      Node* node;
      ~Claimed() { node->run.store(nullptr, std::memory_order_release); }
    } claimed{heap_.back()};
    heap_.pop_back();
    Tensor gradient = std::move(claimed.node->pending);
    process(claimed.node, std::move(gradient));
  }
}

void Run::process(Node* node, Tensor gradient) {
  if (node->hooks) [[unlikely]]
    gradient = run_hooks(node, std::move(gradient));
  if (!useful_.empty()) {
    auto mark = useful_.find(node);
    if (mark == useful_.end()) return;
    if (mark->second >= 0) results_[static_cast<size_t>(mark->second)] = gradient;
  }
  if (node->is_leaf) {
    if (!useful_.empty()) return;
    accumulate_grad(node, std::move(gradient));
    auto* leaf = static_cast<Leaf*>(node);
    if (node->hooks && node->hooks->post_accumulate && leaf->owner) {
      Tensor parameter{boost::intrusive_ptr<TensorImpl>(leaf->owner)};
      auto list = node->hooks->post_accumulate;
      list->for_each([&](auto& hook) { hook(parameter); });
    }
    return;
  }
  if (node->retains_grad && useful_.empty()) accumulate_grad(node, gradient);
  bool leads_on = false;
  for (const NodePtr& input : node->inputs) leads_on |= input && wants(input.get());
  if (!leads_on) return;
  check<GraphError>(
      !node->released, node->name(),
      ": backward ran through this graph a second time, and what it had saved is gone; pass "
      "retain_graph = true to the first, or compute the output again");
  if (t_on_backward) [[unlikely]]
    t_on_backward(*node);
  current_ = node;
  TensorList gradients = node->backward(gradient);
  current_ = nullptr;
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
                      gradients[i].dtype(), " gradient for input ", i, ", which is ", input->dtype);
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
  const NodePtr& edge = inputs[i];
  return edge && (!t_run || t_run->current() != this || t_run->wants(edge.get()));
}

Tensor& Node::accumulator(size_t i) {
  check<GraphError>(t_run && t_run->current() == this && !grad_enabled(), name(), ": accumulator(",
                    i, ") is for a backward that records nothing");
  check<GraphError>(inputs[i]->dtype == dtype, name(), ": its input was converted from ", dtype,
                    " to ", inputs[i]->dtype, " after it was recorded; compute the output again");
  return t_run->accumulator(inputs[i].get());
}

Tensor& run_note(const void* key) {
  check<GraphError>(t_run, "run_note: no backward runs on this thread");
  return t_run->notes[key];
}

}  // namespace vitro
