// graph_to_dot draws a recorded graph.
#pragma once
#include <string>

#include "../tensor/tensor.h"

namespace [[gnu::visibility("default")]] vitro {

// The graph that made `output`, in Graphviz's DOT language: op names, shapes, dtypes, names of
// parameters, and paths of the modules that recorded the ops.  Constant numbers and ids are shown
// too, until a backward releases the graph.  GraphError if `output` has no graph.
std::string graph_to_dot(const Tensor& output);

}  // namespace vitro
