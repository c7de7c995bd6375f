// A picture of a recorded graph.
#pragma once
#include <string>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// The graph that made `output` in Graphviz's DOT language: op names, shapes, dtypes, parameter
// names, and the paths of the modules that recorded them; numbers and ids that have no gradient, as
// long as the graph keeps them: until backward ran.  GraphError if nothing was recorded.
std::string graph_to_dot(const Tensor& output);

}  // namespace vitro
