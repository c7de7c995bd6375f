// Tests the names, values and edges in the output of graph_to_dot.
#include "framework/autograd/graphviz.h"

#include <catch2/catch.hpp>

#include "framework/tensor/random.h"
#include "models/language/mini_lm.h"
#include "ops/indexing.h"

using namespace vitro;
using Catch::Matchers::Contains;

TEST_CASE("the DOT of MiniLM names ops, shapes, dtypes, parameters and module paths") {
  models::MiniLM model({.vocab_size = 5, .n_embd = 3, .n_hidden = 4});
  Tensor logits = model(tensor({{0, 1}}));
  std::string dot = graph_to_dot(logits);
  for (const char* part :
       {"digraph", "linear\\nfloat32 (1, 2, 5)\\nhead", "gelu", "embedding", "hidden.weight",
        "head.bias", "embed.weight\\nfloat32 (5, 3)", "shape=box"})
    REQUIRE_THAT(dot, Contains(part));
  size_t leaves = 0;
  for (size_t at = dot.find("shape=box"); at != std::string::npos;
       at = dot.find("shape=box", at + 1))
    ++leaves;
  REQUIRE(leaves == 5);  // each parameter occurs once
}

TEST_CASE("a shared node is drawn once, with an edge per use") {
  Tensor x = ones({2}).requires_grad_();
  std::string dot = graph_to_dot(x * x);
  REQUIRE_THAT(dot, Contains("n1 [") && !Contains("n2 ["));
  REQUIRE(dot.find("n1 -> n0") != dot.rfind("n1 -> n0"));
}

TEST_CASE("numbers and ids without a gradient are drawn with their values") {
  const Tensor x = ones({2, 3}).requires_grad_();
  const Tensor ids = tensor({{0, 2, 1}, {1, 1, 0}});
  const struct {
    Tensor y;
    const char* label;
  } table[] = {{x * 2.5, "2.5"},
               {x + 1.25, "1.25"},
               {x - 3.0, "3"},
               {-7.5 - x, "-7.5"},
               {x / 4.0, "4"},
               {0.5 / x, "0.5"},
               {maximum(x, full({}, 0.125)), "0.125"},
               {x.to(kFloat64) * 2.5, "2.5"},
               {x.to(kBFloat16) + 1.25, "1.25"},
               {embedding(tensor({5, 3, 1}), ones({6, 2}).requires_grad_()), "5 3 1\\nint64 (3,)"},
               {embedding(zeros({17}, kInt64), ones({6, 2}).requires_grad_()),
                "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ...\\nint64 (17,)"},
               {gather(x, 1, ids), "0 2 1 1 1 0\\nint64 (2, 3)"},
               {cross_entropy(x, tensor({2, 0})), "2 0\\nint64 (2,)"},
               {x * full({3}, 2), "float32 (3,)"}};
  for (const auto& [y, label] : table) {
    const std::string dot = graph_to_dot(y);
    INFO(dot);
    CHECK_THAT(dot, Contains("[label=\"" + std::string(label) + "\", shape=plaintext]"));
  }
}

TEST_CASE("a tensor without a graph has no picture") {
  REQUIRE_THROWS_AS(graph_to_dot(ones({2})), GraphError);
  NoGradGuard no_grad;
  models::MiniLM model({.vocab_size = 5, .n_embd = 3, .n_hidden = 4});
  REQUIRE_THROWS_AS(graph_to_dot(model(tensor({0}))), GraphError);
}
