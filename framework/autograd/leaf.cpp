// The autograd state of a tensor's handle: being a leaf, its gradient, its hooks.
#include "framework/autograd/node.h"

namespace vitro {

namespace {

Node* node_of(const Tensor& x, std::string_view op) {
  Node* node = x.requires_grad() ? x.impl()->node.get() : nullptr;
  check<GraphError>(node, op, ": the tensor does not require grad");
  return node;
}

}  // namespace

Tensor& Tensor::requires_grad_(bool on) {
  TensorImpl* x = need();
  check<GraphError>(is_leaf(), "requires_grad_: the tensor is the result of ",
                    x->node ? x->node->name() : "", "; detach() it first");
  check<DTypeError>(!on || is_floating(x->dtype),
                    "requires_grad_: only floating tensors have gradients: got ", x->dtype, " ",
                    x->shape);
  if (on && x->set_aside) {  // the graphs that were recorded before deliver here again
    x->node = std::move(x->set_aside);
    x->node->dtype = x->dtype;  // it may have changed meanwhile
    static_cast<Leaf*>(x->node.get())->frozen = false;
  } else if (on && !x->node) {
    auto* leaf = new Leaf;
    attach(leaf, *this);
    leaf->path = 0;
    leaf->owner = x;
  } else if (!on && x->node) {
    auto* leaf = static_cast<Leaf*>(x->node.get());
    if (leaf->owner == x) {
      leaf->grad = Tensor();
      leaf->frozen = true;
      x->set_aside = std::move(x->node);
    }
    x->node.reset();
  }
  x->frozen = !on;
  return *this;
}

TensorImpl::~TensorImpl() {
  Node* leaf = set_aside ? set_aside.get() : node.get();
  if (leaf && leaf->is_leaf && static_cast<Leaf*>(leaf)->owner == this)
    static_cast<Leaf*>(leaf)->owner = nullptr;
}

bool Tensor::is_leaf() const { return !need()->node || impl_->node->is_leaf; }
Tensor Tensor::grad() const { return need()->node ? impl_->node->grad : Tensor(); }
void Tensor::set_grad(const Tensor& grad) const {
  check<ShapeError>(!grad.defined() || grad.shape() == shape(),
                    "set_grad: the gradient must have the tensor's shape ", shape(), ": got ",
                    grad.defined() ? grad.shape() : Shape());
  check<DTypeError>(!grad.defined() || grad.dtype() == dtype(), "set_grad: the gradient must be ",
                    dtype());
  Tensor own;  // a copy without a graph: later gradients are added into it
  if (grad.defined()) add_into(own = zeros_like(grad), grad);
  node_of(*this, "set_grad")->grad = own;
}
void Tensor::zero_grad() const {
  if (need()->node) impl_->node->grad = Tensor();
}
void Tensor::retain_grad() const { node_of(*this, "retain_grad")->retains_grad = true; }
Node* Tensor::grad_fn() const { return is_leaf() ? nullptr : impl_->node.get(); }

RemovableHandle Tensor::register_hook(Hook<Tensor(const Tensor&)> hook) const {
  Node* node = node_of(*this, "register_hook");
  if (!node->hooks) node->hooks = std::make_unique<NodeHooks>();
  return add_hook(node->hooks->gradient, std::move(hook.function));
}
RemovableHandle Tensor::register_post_accumulate_grad_hook(
    std::function<void(Tensor&)> hook) const {
  Node* node = node_of(*this, "register_post_accumulate_grad_hook");
  check<GraphError>(
      node->is_leaf,
      "register_post_accumulate_grad_hook: only leaves accumulate gradients: got the result of ",
      node->name());
  if (!node->hooks) node->hooks = std::make_unique<NodeHooks>();
  return add_hook(node->hooks->post_accumulate, std::move(hook));
}

}  // namespace vitro
