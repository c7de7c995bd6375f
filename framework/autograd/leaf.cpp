// The autograd methods of Tensor: requires_grad_() and leaves, the gradient, the hooks.
#include "framework/autograd/node.h"

namespace vitro {

namespace {

Node* node_of(const Tensor& x, std::string_view op) {
  Node* node = x.requires_grad() ? x.impl()->node.get() : nullptr;
  check<GraphError>(node, op, ": expected a tensor that requires grad, got one that does not");
  return node;
}

}  // namespace

Tensor& Tensor::requires_grad_(bool on) {
  TensorImpl* x = need();
  check<GraphError>(is_leaf(), "requires_grad_: expected a leaf, got the result of ",
                    x->node ? x->node->name() : "", "; detach() it first");
  check<DTypeError>(!on || is_floating(x->dtype),
                    "requires_grad_: expected a floating tensor, got ", x->dtype, " ", x->shape);
  if (on && x->set_aside) {  // the same leaf again, so older graphs deliver their gradients here
    x->node = std::move(x->set_aside);
    x->node->dtype = x->dtype;  // the tensor may have been converted while it was frozen
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
                    "set_grad: expected a gradient of the tensor's shape ", shape(), ", got ",
                    grad.defined() ? grad.shape() : Shape());
  check<DTypeError>(!grad.defined() || grad.dtype() == dtype(), "set_grad: expected a gradient of ",
                    "the tensor's dtype ", dtype(), ", got ",
                    grad.defined() ? grad.dtype() : dtype());
  Tensor own;  // a copy without a graph, because later gradients are added to it in place
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
      "register_post_accumulate_grad_hook: expected a leaf, which accumulates gradients, got the ",
      "result of ", node->name());
  if (!node->hooks) node->hooks = std::make_unique<NodeHooks>();
  return add_hook(node->hooks->post_accumulate, std::move(hook));
}

}  // namespace vitro
