// The same work in libtorch.  Plain functions hide libtorch, because one file cannot include both
// its headers and vitro's.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace torch_peer {

std::string version();
void set_threads(int n);

// One run.  A training step returns its loss, a forward 0.
using Run = std::function<double()>;

struct Parameter {
  std::vector<int64_t> shape;
  const float* data;
};
// Embedding, Linear, gelu and Linear, with these weights in order: embed.weight, hidden.weight,
// hidden.bias, head.weight, head.bias.
struct MiniLM {
  std::vector<Parameter> parameters;
  const int64_t *ids, *targets;  // (batch, time)
  int64_t batch, time;
};
Run forward(const MiniLM& model);        // without a graph
Run training_step(const MiniLM& model);  // cross-entropy, backward, AdamW with defaults

// 100 chained additions of 8 floats, with a graph, without one, or with a backward too.
enum class Record { kYes, kNo, kAndBackward };
Run chained_adds(Record record);

// x W^T + b of these sizes, without a graph.
Run linear(int64_t m, int64_t n, int64_t k);

}  // namespace torch_peer
