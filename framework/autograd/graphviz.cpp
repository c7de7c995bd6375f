// graph_to_dot.
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

std::string graph_to_dot(const Tensor& output) {
  check<GraphError>(
      output.requires_grad(),
      "graph_to_dot: the tensor has no graph; it was detached, or computed under no-grad");
  std::map<const Node*, size_t> ids;
  std::vector<const Node*> found{output.impl()->node.get()};
  ids[found[0]] = 0;
  std::ostringstream nodes, edges;
  for (size_t i = 0; i < found.size(); ++i) {
    const Node& node = *found[i];
    nodes << "  n" << i << " [label=\"" << label(node) << "\""
          << (node.is_leaf ? ", shape=box, style=filled, fillcolor=\"#e8f0fe\"" : "") << "];\n";
    for (const NodePtr& input : node.inputs) {
      if (!input) continue;
      auto [it, fresh] = ids.emplace(input.get(), found.size());
      if (fresh) found.push_back(input.get());
      edges << "  n" << it->second << " -> n" << i << ";\n";
    }
  }
  return "digraph vitro {\n  rankdir=BT;\n  node [fontname=\"Helvetica\", shape=ellipse];\n" +
         nodes.str() + edges.str() + "}\n";
}

}  // namespace vitro
