// Tests what worked cells say, which cells are refused, and the tests' own calculator.
#include <catch2/catch.hpp>
#include <random>

#include "models/proof/hand.h"
#include "tests/support/gpts.h"
#include "tests/support/tensors.h"
#include "tests/support/worked.h"

using namespace vitro;
using namespace vitro::testing;
using Catch::Contains;
using proof::Cell;
using proof::Trace;
using proof::worked_cell;
using Where = std::vector<int64_t>;

TEST_CASE("cells: probability and loss") {
  manual_seed(7);
  for (int64_t vocabulary : {12, 300}) {
    models::MiniLM model({.vocab_size = vocabulary, .n_embd = 5, .n_hidden = 9});
    const Tensor ids = randint(0, vocabulary, {2, 4}, kInt64),
                 targets = randint(0, vocabulary, {2, 4}, kInt64);
    const Trace trace = proof::run_traced(model, ids, {.targets = targets});
    NoGradGuard unrecorded;
    const Tensor p = softmax(model(ids).to(kFloat64), -1),
                 losses = cross_entropy(model(ids).to(kFloat64), targets,
                                        {.reduction = Reduction::kNone});
    for (int64_t v : {int64_t{0}, int64_t{3}, vocabulary - 1}) {
      const Cell cell = worked_cell(trace, "probability", {1, 2, v});
      check_cell(cell, 1e-3);
      CHECK(cell.by_hand == Approx(p[1][2][v].item()).epsilon(1e-5));
      CHECK((cell.text.find("the other") != cell.text.npos) == (vocabulary > 16));
    }
    const Cell loss = worked_cell(trace, "loss", {0, 3});
    check_cell(loss, 1);
    CHECK(loss.by_hand == Approx(losses.reshape({2, 4})[0][3].item()).epsilon(1e-5));
  }
}

TEST_CASE("cells: the attention text says what the head sees") {
  models::GPT model = noisy_gpt(small_llama(), 0.3);
  const Trace trace = proof::run_traced(model, small_gpt_ids(1, 6), {.dy = ones({1, 6, 19})});
  CHECK_THAT(worked_cell(trace, "h.0.attn", {0, 3, 5}).text,
             Contains("Positions 4 to 5 come later") && Contains("rope turns") &&
                 Contains("2 heads of q share") && Contains("hook_z[0,3,") &&
                 Contains("h.0.attn.c_proj[0,3,5] = the sum over k"));
  CHECK_THAT(worked_cell(trace, "h.0.attn.hook_pattern", {0, 1, 2, 4}).text, Contains("mask"));
  CHECK(worked_cell(trace, "h.0.attn.hook_attn_scores", {0, 1, 2, 4}).by_hand == -HUGE_VAL);
  CHECK(std::isnan(worked_cell(trace, "h.0.attn.hook_pattern", {0, 1, 4, 2}).model));
  CHECK_THAT(worked_cell(trace, "h.1", {0, 3, 5}).text, Contains("h.1.mlp[0,3,5] is"));
  models::MiniLM mini({.vocab_size = 9, .n_embd = 4, .n_hidden = 5, .context = 3});
  const Trace run = proof::run_traced(mini, randint(0, 9, {1, 4}, kInt64), {.dy = ones({1, 4, 9})});
  CHECK_THAT(worked_cell(run, "hidden", {0, 1, 2}).text,
             Contains("numbers 0 to 3: zeros") && Contains("numbers 8 to 11: embed of position 1"));
  CHECK_THAT(worked_cell(run, "", {0, 1, 2}).text, Contains("head[0,1,2]"));
}

namespace {

struct CellDoubled : nn::Module {
  Tensor forward(const Tensor& x) override { return x * 2; }
};
struct CellNet : nn::Module {
  nn::Linear first{3, 4}, unused{3, 4};
  nn::HookPoint point;
  CellDoubled doubled;
  void members(nn::Visitor& v) override {
    v("first", first), v("unused", unused), v("point", point), v("doubled", doubled);
  }
  Tensor forward(const Tensor& x) override { return doubled(point(first(x))); }
};

}  // namespace

TEST_CASE("cells: modules of unknown formula") {
  manual_seed(1);
  CellNet net;
  const Trace trace = proof::run_traced(net, randn({2, 3}), {.dy = ones({2, 4})});
  const Cell cell = worked_cell(trace, "doubled", {1, 2});
  CHECK_THAT(cell.text,
             Contains("formula is unknown") && Contains("x[1,:] is") && Contains("y[1,:] is"));
  CHECK(cell.model == Approx(2 * worked_cell(trace, "first", {1, 2}).by_hand).epsilon(1e-5));
  CHECK_THAT(worked_cell(trace, "", {1, 2}).text, Contains("first") && Contains("doubled"));
  proof::by_hand<CellNet>("y = 2 (x W^T + b)",
                          [](CellNet&, proof::Hand&, const proof::Array& x) { return x; });
  CHECK_THAT(worked_cell(trace, "", {1, 2}).text, Contains("its formula, y = 2 (x W^T + b)"));
}

TEST_CASE("cells: wrong places are refused with what is right") {
  CellNet net;
  const Trace trace = proof::run_traced(net, randn({2, 3}), {.dy = ones({2, 4})});
  const auto refused = [&](const std::string& path, const Where& index) {
    return message_of<ValueError>([&] { worked_cell(trace, path, index); });
  };
  CHECK_THAT(refused("first", {0, 4}),
             Contains("cell: expected an index within the output (2, 4) of first, got [0,4]"));
  CHECK_THAT(refused("first", {-1, 0}), Contains("got [-1,0]"));
  CHECK_THAT(refused("first", {0}), Contains("got [0]"));
  CHECK_THAT(refused("", {0, 9}), Contains("(2, 4) of the model, got [0,9]"));
  CHECK_THAT(refused("first.weight", {0, 0}), Contains("(first), got first.weight"));
  CHECK_THAT(refused("unused", {0, 0}), Contains("unused, which was not called"));
  CHECK_THAT(refused("point", {0, 0}), Contains("point, which returns its input and has no hook"));
  CHECK_THAT(refused("loss", {0}), Contains("expected a trace with targets"));
  models::GPT gpt(kSmallGPT);
  const Trace run = proof::run_traced(gpt, small_gpt_ids(1, 5), {.dy = ones({1, 5, 19})});
  CHECK_THAT(message_of<ValueError>([&] {
               worked_cell(run, "h.x", {0, 0, 0});
             }),
             Contains("h.0.attn") && Contains(" ...), got h.x"));
  for (const char* path : {"h.0.attn.hook_z", "h.0.attn.hook_pattern", "h.0.mlp.hook_post",
                           "h.1.hook_resid_mid", "drop", "hook_pos_embed"})
    CHECK_THAT(message_of<ValueError>([&] {
                 worked_cell(run, path, {0, 99});
               }),
               Contains(std::string(" of ") + path + ", got [0,99]"));
}

TEST_CASE("cells: a planted fault shows in the last lines") {
  models::GPT model = noisy_gpt(kSmallGPT, 0.3);
  const Trace trace = proof::run_traced(
      model, small_gpt_ids(1, 5),
      {.dy = ones({1, 5, 19}), .planted = proof::Planted{.path = "h.0.ln_1", .factor = 1.01}});
  const Cell cell = worked_cell(trace, "h.0.ln_1", {0, 4, 3});
  CHECK(cell.model == Approx(1.01 * cell.by_hand).epsilon(1e-4));
}

TEST_CASE("cells: the telling cell is short and not zero") {
  manual_seed(4);
  models::MiniLM wide({.vocab_size = 60, .n_embd = 64, .n_hidden = 40, .context = 4}),
      narrow({.vocab_size = 9,
              .n_embd = 5,
              .n_hidden = 40,
              .context = 3,
              .activation = Activation::kRelu});
  models::GPT gpt = noisy_gpt(kSmallGPT, 0.1), llama = noisy_gpt(small_llama(), 0.1);
  nn::Sequential net(nn::Linear(6, 8), nn::ReLU(), nn::Linear(8, 4));
  const Tensor ids = randint(0, 9, {2, 8}, kInt64);
  const std::pair<nn::Module*, Tensor> runs[] = {
      {&wide, ids}, {&narrow, ids}, {&gpt, ids}, {&llama, ids}, {&net, randn({3, 6})}};
  for (const auto& [model, input] : runs) {
    const Trace trace = proof::run_traced(*model, input, {.dy = ones_like((*model)(input))});
    const auto [path, index] = proof::telling_cell(trace);
    const Cell cell = worked_cell(trace, path, index);
    INFO(cell.text);
    CHECK(std::count(cell.text.begin(), cell.text.end(), '\n') <= 24);
    CHECK(std::abs(cell.by_hand) > 1e-3);
    check_cell(cell, 1);
  }
}

TEST_CASE("cells: the calculator of these tests finds a wrong digit") {
  models::GPT model = noisy_gpt(small_llama(), 0.3);
  const Trace trace =
      proof::run_traced(model, small_gpt_ids(1, 6), {.targets = small_gpt_ids(1, 6)});
  std::mt19937 random(1);
  for (const auto& [path, index] :
       std::vector<std::pair<std::string, Where>>{{"h.0.attn", {0, 5, 3}},
                                                  {"h.1.mlp", {0, 5, 3}},
                                                  {"h.0.ln_1", {0, 2, 3}},
                                                  {"h.0", {0, 2, 3}},
                                                  {"probability", {0, 5, 3}},
                                                  {"loss", {0, 3}}}) {
    const std::string text = worked_cell(trace, path, index).text;
    int found = 0, changed = 0;
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      // The last digit of a number with a point.
      if (!std::isdigit(static_cast<unsigned char>(text[i])) ||
          std::isdigit(static_cast<unsigned char>(text[i + 1])) ||
          text.find_last_of('.', i) == text.npos || i - text.find_last_of('.', i) < 4 ||
          text.find_first_not_of("0123456789", text.find_last_of('.', i) + 1) != i + 1 ||
          random() % 4 != 0)
        continue;
      std::string wrong = text;
      wrong[i] = wrong[i] == '9' ? '1' : '9';
      ++changed, found += !recalculated(wrong).faults.empty();
    }
    INFO(path << ": " << found << " of " << changed);
    CHECK(changed > 3);
    CHECK(found >= 0.5 * changed);
  }
}
