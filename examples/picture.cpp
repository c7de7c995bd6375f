// Draws a whole language model with all its numbers, in Graphviz's DOT language.
//
//   picture | dot -Tsvg > forward.svg
//
// The model has 3 characters and 27 weights and has learnt "catcatcat...".  Its weights are rounded
// to two decimals, so that every number in the picture can be computed again on paper.
#include <vitro/vitro.h>

#include <cmath>
#include <cstdio>

using namespace vitro;

namespace {

using Names = std::vector<std::string>;

// Draws a box: its title, its formula, and the numbers of x (rows, columns), with names if given.
void draw(const char* id, const char* title, const char* formula, const Tensor& x,
          const char* color, const Names& rows = {}, const Names& columns = {}) {
  const Tensor table = x.rank() == 1 ? x.unsqueeze(0) : x;
  std::printf("  %s [label=<<table border='0' cellborder='0' cellspacing='3'>\n", id);
  const int width = static_cast<int>(table.size(1)) + (rows.empty() ? 0 : 1);
  std::printf("    <tr><td colspan='%d'><b>%s</b></td></tr>\n", width, title);
  std::printf("    <tr><td colspan='%d'><font point-size='11'>%s</font></td></tr>\n", width,
              formula);
  if (!columns.empty()) {
    std::printf("    <tr><td></td>");
    for (const std::string& name : columns)
      std::printf("<td align='right'><font color='gray40'>%s</font></td>", name.c_str());
    std::printf("</tr>\n");
  }
  for (int64_t i = 0; i < table.size(0); ++i) {
    std::printf("    <tr>");
    if (!rows.empty())
      std::printf("<td><font color='gray40'>%s</font></td>", rows[static_cast<size_t>(i)].c_str());
    for (int64_t j = 0; j < table.size(1); ++j)
      std::printf("<td align='right'>%.2f</td>", table[i][j].item());
    std::printf("</tr>\n");
  }
  std::printf("    </table>>, fillcolor=\"%s\"];\n", color);
}

void round_to_hundredths(Tensor p) {
  NoGradGuard unrecorded;
  float* numbers = p.mutable_data<float>();
  for (int64_t i = 0; i < p.numel(); ++i) numbers[i] = std::round(numbers[i] * 100) / 100;
}

}  // namespace

int main() {
  manual_seed(7);
  const auto tokenizer = text::CharTokenizer::fit("catcatcat");
  models::MiniLM model({.vocab_size = tokenizer.vocab_size(),
                        .n_embd = 2,
                        .n_hidden = 3,
                        .activation = Activation::kTanh});
  optim::Adam opt(model.named_parameters(), {.lr = 3e-2});
  const Tensor cycle = from_span(tokenizer.encode("cat")),
               next = from_span(tokenizer.encode("atc"));
  for (int step = 0; step < 80; ++step) {
    Tensor loss = cross_entropy(model(cycle), next);
    opt.zero_grad();
    loss.backward();
    opt.step();
  }
  for (Tensor& p : model.parameters()) round_to_hundredths(p);

  // The forward pass of "ca", stage by stage.
  NoGradGuard unrecorded;
  const std::vector<int64_t> ids = tokenizer.encode("ca");
  const Tensor x = model.embed(from_span(ids)), z = model.hidden(x), h = tanh(z),
               logits = model.head(h), p = softmax(logits, -1);
  const int64_t chosen = argmax(p[-1]).item<int64_t>();
  const Names text{"c", "a"};
  Names vocabulary;
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id) vocabulary.push_back(tokenizer.token(id));

  std::printf("digraph forward {\n  nodesep=0.25; ranksep=0.4; bgcolor=white;\n");
  std::printf("  node [shape=box, style=\"filled,rounded\", fontname=Helvetica, fontsize=13];\n");
  const char *activation = "#eaf2ff", *weight = "#fff4df";
  std::printf("  text [label=\"text\\n\\\"ca\\\"\\n\\nids\\n%d %d\", fillcolor=white];\n",
              static_cast<int>(ids[0]), static_cast<int>(ids[1]));
  draw("x", "x", "rows of E", x, activation, text);
  draw("z", "z", "x W<sup>T</sup> + b", z, activation, text);
  draw("h", "h", "tanh(z)", h, activation, text);
  draw("y", "logits", "h V<sup>T</sup> + d", logits, activation, text, vocabulary);
  draw("p", "p", "softmax(logits)", p, activation, text, vocabulary);
  std::printf(
      "  next [label=\"largest of the\\nlast row: %.2f\\n\\nnext token\\n\\\"%s\\\"\","
      " fillcolor=white];\n",
      p[-1][chosen].item(), tokenizer.token(chosen).c_str());
  draw("E", "E", "embedding", model.embed.weight, weight, vocabulary);
  draw("W", "W", "hidden.weight", model.hidden.weight, weight);
  draw("b", "b", "hidden.bias", model.hidden.bias, weight);
  draw("V", "V", "head.weight", model.head.weight, weight);
  draw("d", "d", "head.bias", model.head.bias, weight);
  std::printf(
      "  {rank=same; text -> x -> z -> h -> y -> p -> next [weight=9]}\n"
      "  E -> x; W -> z; b -> z; V -> y; d -> y;\n}\n");
  return tokenizer.token(chosen) == "t" ? 0 : 1;
}
