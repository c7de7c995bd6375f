// Delivers a gradient to its tensor: runs the hooks, and adds the gradient to grad().
#include "framework/autograd/run.h"
#include "framework/base/parallel_fork.h"
#include "framework/tensor/loops.h"

namespace vitro {

Tensor own_gradient(Tensor gradient) {
  if (uniquely_owned(gradient) && gradient.is_contiguous()) return gradient;
  Tensor copy = empty(gradient.shape(), gradient.dtype());
  copy_into(copy, gradient);
  copy.impl()->node = gradient.impl()->node;  // the copy has the same graph
  return copy;
}

// Each hook gets a gradient whose storage nobody else has.  If the hook changes it in place, the
// gradients of other branches, of the caller and of earlier hooks stay as they are.
Tensor run_hooks(Node* node, Tensor gradient) {
  auto list = node->hooks->gradient;  // a hook may release the graph, and the list with it
  list->for_each([&](auto& hook) {
    gradient = own_gradient(std::move(gradient));
    Tensor replaced = hook(gradient);
    if (!replaced.defined()) return;
    check<GraphError>(replaced.shape() == node->shape && replaced.dtype() == node->dtype,
                      "hook on ", node->name(), ": expected a gradient like its tensor, ",
                      node->dtype, " ", node->shape, ", got ", replaced.dtype(), " ",
                      replaced.shape());
    gradient = replaced;
  });
  return list->hooks.empty() ? gradient : own_gradient(std::move(gradient));
}

// Adds the gradient to node->grad in place.  If node->grad is undefined, it becomes the gradient
// itself, or a copy if somebody else may use the gradient.
void Run::accumulate(Node* node, Tensor gradient) {
  for (const Tensor& given : given_)  // y.backward(x.grad()) must not change its argument
    if (node->grad.defined() && node->grad.impl()->storage == given.impl()->storage)
      node->grad = own_gradient(node->grad);
  if (node->grad.defined()) {
    ++node->grad.impl()->storage->version;
    add_into(node->grad, gradient);
  } else if (uniquely_owned(gradient) && gradient.is_contiguous() && !gradient.requires_grad()) {
    node->grad = std::move(gradient);
  } else {
    node->grad = zeros(node->shape, node->dtype);
    add_into(node->grad, gradient);
  }
}

void Run::arrive(Leaf* leaf, Tensor gradient) {
  if (leaf->frozen) return;
  check<GraphError>(gradient.dtype() == leaf->dtype, "backward: expected a leaf of ",
                    gradient.dtype(), ", got ", leaf->dtype, " ", leaf->shape, kConverted);
  arrived_.emplace_back(leaf, std::move(gradient));
}

// Runs of several threads may deliver to one leaf at the same time.  The lock orders the additions;
// hooks run without the lock.
void Run::deliver(Leaf* leaf, Tensor gradient) {
  {
    std::lock_guard lock(fork_mutex<ForkLock::kLeaves>(leaf));
    accumulate(leaf, std::move(gradient));
  }
  if (!leaf->hooks || !leaf->hooks->post_accumulate || !leaf->owner) return;
  Tensor parameter{boost::intrusive_ptr<TensorImpl>(leaf->owner)};
  auto list = leaf->hooks->post_accumulate;
  list->for_each([&](auto& hook) { hook(parameter); });
}

}  // namespace vitro
