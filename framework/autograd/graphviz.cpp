// graph_to_dot: walks a graph and writes it as DOT text.
#include "framework/autograd/graphviz.h"

#include <map>
#include <sstream>

#include "framework/autograd/node.h"

namespace vitro {

static std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

static std::string label(const Node& node) {
  std::ostringstream text;
  if (node.is_leaf) text << (node.path ? escaped(interned(node.path)) : "leaf");
  else text << node.name();
  text << "\\n" << node.dtype << ' ' << node.shape;
  if (!node.is_leaf && node.path) text << "\\n" << escaped(interned(node.path));
  return text.str();
}

static bool is_integral(DType dtype) { return !is_floating(dtype) && dtype != kBool; }

// A scalar is shown by its value, a tensor of integers by its first ids, dtype and shape, and any
// other tensor by dtype and shape.  If a tensor was changed after it was saved, no value is shown.
static std::string constant_label(const SavedTensor& saved) {
  constexpr int64_t kMost = 16;
  const Tensor& x = saved.value;
  std::ostringstream text;
  const bool is_shown = x.version() == saved.version && (x.rank() == 0 || is_integral(x.dtype()));
  if (is_shown) {
    const Tensor numbers = x.to(kFloat64).contiguous();
    for (int64_t i = 0; i < std::min(numbers.numel(), kMost); ++i)
      text << (i ? " " : "") << numbers.data<double>()[i];
    if (numbers.numel() > kMost) text << " ...";
  }
  if (!is_shown || x.rank() > 0) text << (is_shown ? "\\n" : "") << x.dtype() << ' ' << x.shape();
  return text.str();
}

// The constant to show for input i, which has no node: the value saved for input i, or else the
// first extra tensor of integers (ids).  Null if there is neither.
static const SavedTensor* constant(const Node& node, size_t i) {
  const SavedTensor* ids = nullptr;
  for (const SavedTensor& saved : node.saved()) {
    if (saved.slot == i) return &saved;
    if (saved.slot > node.inputs.size() && is_integral(saved.value.dtype()) && !ids) ids = &saved;
  }
  return ids;
}

std::string graph_to_dot(const Tensor& output) {
  check<GraphError>(
      output.requires_grad(),
      "graph_to_dot: expected a tensor with a graph, got one without; it was detached, or computed "
      "under no-grad");
  std::map<const Node*, size_t> ids;
  std::vector<const Node*> found{output.impl()->node.get()};
  ids[found[0]] = 0;
  std::ostringstream nodes, edges;
  for (size_t i = 0; i < found.size(); ++i) {
    const Node& node = *found[i];
    nodes << "  n" << i << " [label=\"" << label(node) << "\""
          << (node.is_leaf ? ", shape=box, style=filled, fillcolor=\"#e8f0fe\"" : "") << "];\n";
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      if (const Node* input = node.inputs[k].get()) {
        auto [it, fresh] = ids.emplace(input, found.size());
        if (fresh) found.push_back(input);
        edges << "  n" << it->second << " -> n" << i << ";\n";
      } else if (const SavedTensor* saved = constant(node, k)) {
        const std::string name = "c" + std::to_string(i) + '_' + std::to_string(k);
        nodes << "  " << name << " [label=\"" << constant_label(*saved)
              << "\", shape=plaintext];\n";
        edges << "  " << name << " -> n" << i << ";\n";
      }
    }
  }
  return "digraph vitro {\n  rankdir=BT;\n  node [fontname=\"Helvetica\", shape=ellipse];\n" +
         nodes.str() + edges.str() + "}\n";
}

}  // namespace vitro
