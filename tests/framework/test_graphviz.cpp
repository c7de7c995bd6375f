// graph_to_dot: what the picture of a graph names.
#include "framework/autograd/graphviz.h"

#include <catch2/catch.hpp>

#include "framework/tensor/random.h"
#include "models/language/mini_lm.h"

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
  REQUIRE(leaves == 5);  // each parameter once
}

TEST_CASE("a shared node is drawn once, with an edge per use") {
  Tensor x = ones({2}).requires_grad_();
  std::string dot = graph_to_dot(x * x);
  REQUIRE_THAT(dot, Contains("n1 [") && !Contains("n2 ["));
  REQUIRE(dot.find("n1 -> n0") != dot.rfind("n1 -> n0"));
}

TEST_CASE("a tensor without a graph has no picture") {
  REQUIRE_THROWS_AS(graph_to_dot(ones({2})), GraphError);
  NoGradGuard no_grad;
  models::MiniLM model({.vocab_size = 5, .n_embd = 3, .n_hidden = 4});
  REQUIRE_THROWS_AS(graph_to_dot(model(tensor({0}))), GraphError);
}
