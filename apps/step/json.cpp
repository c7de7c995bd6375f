// The JSON of `vitro step`: the numbers of the page.
#include <nlohmann/json.hpp>

#include "apps/cli/output.h"
#include "apps/step/step.h"

namespace vitro::cli {

namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Decimals& row) {
  ordered_json all = ordered_json::array();
  for (const Decimal& x : row) all.push_back(x.value());
  return all;
}
ordered_json json_of(const HandParameters& parameters) {
  ordered_json all = ordered_json::object();
  for (const auto& [name, rows] : named_rows(parameters)) {
    ordered_json matrix = ordered_json::array();
    for (const Decimals& row : *rows) matrix.push_back(json_of(row));
    all[name] = name.ends_with("bias") ? matrix[0] : matrix;
  }
  return all;
}
ordered_json json_of(const HandForward& f) {
  return {
      {"x", json_of(f.x)},           {"z", json_of(f.hidden.y)}, {"a", json_of(f.activations())},
      {"logits", json_of(f.head.y)}, {"exp", json_of(f.exps)},   {"sum", f.sum.value()},
      {"p", json_of(f.p)},           {"loss", f.loss.value()}};
}
ordered_json json_of(const HandUpdate& u) {
  return {{"m", u.m.value()},
          {"m_hat", u.m_hat.value()},
          {"v_times_10000", u.v.value()},
          {"v_hat_times_10000", u.v_hat.value()},
          {"move", u.move.value()},
          {"decay", u.decay.value()},
          {"new_weight", u.exact.value()}};
}
// The numbers of the running model, in the form of the numbers by hand.
ordered_json json_of(const NamedTensors& tensors) {
  ordered_json all = ordered_json::object();
  for (const auto& [name, x] : tensors) {
    const Tensor plain = x.contiguous();
    const float* p = plain.data<float>();
    all[name] = ordered_json::array();
    if (plain.rank() == 1) all[name] = std::vector(p, p + plain.numel());
    else
      for (int64_t i = 0; i < plain.size(0); ++i)
        all[name].push_back(std::vector(p + i * plain.size(1), p + (i + 1) * plain.size(1)));
  }
  return all;
}

}  // namespace

void print_json(const Step& step) {
  const HandBackward& b = step.backward;
  const StepOptions& o = step.options;
  write_json({{"prompt", o.prompt},
              {"ids", step.input.ids},
              {"target", step.input.target},
              {"parameters", json_of(step.before)},
              {"forward", json_of(step.forward)},
              {"backward",
               {{"logits", json_of(b.dlogits)},
                {"a", json_of(b.da)},
                {"z", json_of(b.dz)},
                {"x", json_of(b.dx)},
                {"parameters", json_of(b.gradients)}}},
              {"weight",
               {{"name", "hidden.weight"},
                {"index", {step.row, step.column}},
                {"value", step.before.hidden[step.row][step.column].value()},
                {"gradient", b.gradients.hidden[step.row][step.column].value()}}},
              {"finite_difference",
               {{"h", step.h.value()},
                {"loss_above", step.above.loss.value()},
                {"loss_below", step.below.loss.value()},
                {"gradient", step.slope.value()}}},
              {"adamw", json_of(step.update)},
              {"new_parameters", json_of(step.after)},
              {"new_forward", json_of(step.again)},
              {"model",
               {{"loss", step.running.loss},
                {"gradients", json_of(step.running.gradients)},
                {"new_parameters", json_of(step.running.updated)},
                {"new_loss", step.running.new_loss}}},
              {"seed", o.seed},
              {"options",
               {{"context", o.context},
                {"n_embd", o.n_embd},
                {"n_hidden", o.n_hidden},
                {"activation", o.activation},
                {"learning_rate", o.lr},
                {"weight_decay", o.weight_decay},
                {"beta1", o.beta1},
                {"beta2", o.beta2}}}});
}

}  // namespace vitro::cli
