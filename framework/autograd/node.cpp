// Nodes: records them, saves tensors with their versions, and destroys graphs without recursion.
#include "framework/autograd/node.h"

#include "framework/autograd/op_names.h"

namespace vitro {

constinit thread_local bool t_grad_enabled = true;
constinit thread_local NameId t_module_path = 0;

namespace {
constinit thread_local uint64_t t_last_number = 0;
constinit thread_local Node* t_dying = nullptr;  // worklist of destroy_node
constinit thread_local bool t_draining = false;
}  // namespace

static std::vector<std::string_view>& op_list() {
  static auto* const list = new std::vector<std::string_view>;
  return *list;
}
const std::vector<std::string_view>& op_names() { return op_list(); }
bool list_op(std::string_view name) {
  op_list().push_back(name);
  return true;
}

Node::~Node() = default;

// Frees a chain of nodes by a loop, because recursion would overflow the stack.  The nodes that
// only the freed node pointed to are put on a worklist.
void destroy_node(Node* node) {
  node->next = std::exchange(t_dying, node);
  if (std::exchange(t_draining, true)) return;
  while (Node* dying = t_dying) {
    t_dying = dying->next;
    for (NodePtr& input : dying->inputs) {
      Node* n = input.detach();
      if (n && n->refs.drop()) n->next = std::exchange(t_dying, n);
    }
    delete dying;
  }
  t_draining = false;
}

void add_edge(Node* node, const Tensor& x) {
  const NodePtr none;
  const NodePtr& edge = x.defined() ? x.impl()->node : none;
  if (edge && edge->number > node->number) node->number = edge->number;
  node->inputs.push_back(edge);
  if (!edge && x.defined() && x.rank() == 0) node->save_input(node->inputs.size() - 1, x);
}

void attach(Node* node, const Tensor& y) {
  t_last_number = std::max(t_last_number, node->number) + 1;
  node->number = t_last_number;
  node->shape = y.shape();
  node->dtype = y.dtype();
  node->path = t_module_path;
  y.impl()->node = NodePtr(node);
}

const NodePtr& Node::edge(size_t i) const {
  if (i >= inputs.size()) [[unlikely]]
    fail<GraphError>(name(), ": expected an input below ", inputs.size(), ", got ", i);
  return inputs[i];
}
size_t Node::extra_slot(size_t i) const {
  constexpr size_t kMost = 1 << 16;
  if (i >= kMost) [[unlikely]]
    fail<GraphError>(name(), ": expected an extra tensor below ", kMost, ", got ", i);
  return inputs.size() + 1 + i;
}

void Node::save_input(size_t i, const Tensor& x) { edge(i), save(i, x); }
void Node::save_output(const Tensor& y) { save(inputs.size(), y); }
void Node::save_extra(size_t i, const Tensor& x) { save(extra_slot(i), x); }
Tensor Node::input(size_t i) const { return saved(i, edge(i)); }
Tensor Node::output() const { return saved(inputs.size(), NodePtr(const_cast<Node*>(this))); }
Tensor Node::extra(size_t i) const { return saved(extra_slot(i), nullptr); }

void Node::save(size_t slot, const Tensor& x) {
  if (!x.defined()) return;
  for (const SavedTensor& s : saved_)
    if (s.slot == slot) return;  // a scalar that add_edge has saved
  saved_.push_back({x.detach(), x.version(), static_cast<uint32_t>(slot)});
}

Tensor Node::saved(size_t slot, const NodePtr& edge) const {
  for (const SavedTensor& s : saved_) {
    if (s.slot != slot) continue;
    if (s.value.version() != s.version) {
      const size_t n = inputs.size(), i = slot < n ? slot : slot - n - 1;
      fail<VersionError>(
          name(), ": expected its ",
          slot == n ? "output" : (slot < n ? "input " : "extra tensor ") + std::to_string(i),
          " of shape ", s.value.shape(),
          edge && edge->path ? " (" + interned(edge->path) + ")" : "", " as saved at version ",
          s.version, ", got version ", s.value.version(), ": it was changed in place");
    }
    if (!grad_enabled() || !edge) return s.value;
    Tensor value = s.value.detach();
    value.impl()->node = edge;
    return value;
  }
  fail<GraphError>(name(), ": expected a saved tensor in slot ", slot, ", got none");
}

void Node::release() {
  saved_.clear();
  hooks.reset();
  released = true;
}

}  // namespace vitro
