// Gradient descent by hand: compute the loss, call backward, subtract rate * gradient, repeat.
#include <vitro/vitro.h>

#include <cstdio>

using namespace vitro;

int main() {
  manual_seed(4);
  // The model predicts each next character of a line of text from the one before it.
  const std::string text = "the cat sat on the mat and the rat ran at the cat ";
  auto tokenizer = text::CharTokenizer::fit(text);
  const std::vector<int64_t> all = tokenizer.encode(text);
  const std::span<const int64_t> ids(all);
  Tensor inputs = from_span(ids.first(ids.size() - 1)), targets = from_span(ids.subspan(1));
  models::MiniLM model(
      {.vocab_size = tokenizer.vocab_size(), .n_embd = 16, .n_hidden = 32, .context = 2});

  const double rate = 0.2;
  double first = 0, last = 0;
  for (int step = 0; step <= 100; ++step) {
    Tensor loss = cross_entropy(model(inputs), targets);
    last = loss.item();
    if (step == 0) first = last;
    if (step % 20 == 0) std::printf("step %3d  loss %.4f\n", step, last);

    model.zero_grad();
    loss.backward();
    NoGradGuard unrecorded;  // the update itself is not differentiated
    for (Tensor& p : model.parameters()) p.sub_(p.grad() * rate);
  }
  std::printf("\"the c\" goes on: \"%s\"\n",
              models::generate_text(model, tokenizer, "the c", {.max_new_tokens = 20}).c_str());
  return last < first / 4 ? 0 : 1;
}
