// The end of the page of `vitro step`: AdamW, the new parameters and the new loss.
#include <cmath>

#include "apps/cli/output.h"
#include "apps/step/shown.h"
#include "apps/step/step.h"

namespace vitro::cli {

namespace {

constexpr double kFar = 1e-6;  // more than the rounding of the calculations explains

std::string equation(const std::string& left, const Decimal& right) {
  return left + " = " + shown(right);
}
std::string product(const Decimal& a, const Decimal& b, const Decimal& c) {
  return shown(a) + " * " + shown(b) + " = " + shown(c);
}
std::string quotient(const Decimal& a, const Decimal& b, const Decimal& c) {
  return shown(a) + " / " + shown(b) + " = " + shown(c);
}

std::string new_parameters(const Step& step) {
  std::vector<std::vector<std::string>> lines = {{"parameter", "old", " gradient", " new"}};
  const std::vector<NamedRows> old = named_rows(step.before),
                               gradients = named_rows(step.backward.gradients),
                               updated = named_rows(step.after);
  for (size_t n = 0; n < old.size(); ++n)
    for (size_t i = 0; i < old[n].rows->size(); ++i)
      for (size_t j = 0; j < (*old[n].rows)[i].size(); ++j)
        lines.push_back(
            {old[n].name.ends_with("bias") ? numbered(old[n].name, j) : numbered(old[n].name, i, j),
             aligned((*old[n].rows)[i][j]), aligned((*gradients[n].rows)[i][j]),
             aligned((*updated[n].rows)[i][j])});
  return text::table(lines, 3);
}

}  // namespace

std::string update_page(const Step& step) {
  const HandRates& r = step.rates;
  const HandUpdate& u = step.update;
  const Decimal hundred = Decimal::rounded(100, 0);
  const Decimal &w = step.before.hidden[step.row][step.column],
                &g = step.backward.gradients.hidden[step.row][step.column];
  const double model = number_at(step.running.updated, "hidden.weight", step.row, step.column,
                                 step.before.hidden[0].size());
  return "\n13. AdamW's update of this weight: w = " + shown(w) + ", gradient g = " + shown(g) +
         ". Results have 12 decimals\n\n   learning rate lr = " + shown(r.lr) + ", weight decay " +
         shown(r.weight_decay) + ", beta1 = " + shown(r.beta1) + ", beta2 = " + shown(r.beta2) +
         ", eps = " + shown(r.eps) + ",\n   1 - " + shown(r.beta1) + " = " + shown(r.rest1) +
         " and 1 - " + shown(r.beta2) + " = " + shown(r.rest2) +
         ". m and v are 0 before the first step, so\n"
         "   m = beta1 * 0 + (1 - beta1) g, and v = beta2 * 0 + (1 - beta2) g^2.\n"
         "   m' = m / (1 - beta1^1) and v' = v / (1 - beta2^1) correct this start at 0.\n"
         "   v is very small, so the page calculates with 10000 v.\n\n" +
         table({{"m = (1 - beta1) g", product(r.rest1, g, u.m)},
                {"m' = m / (1 - beta1)", quotient(u.m, r.rest1, u.m_hat)},
                {"100 g", product(g, hundred, u.scaled)},
                {"10000 g^2", product(u.scaled, u.scaled, u.square)},
                {"10000 v", product(r.rest2, u.square, u.v)},
                {"10000 v'", quotient(u.v, r.rest2, u.v_hat)},
                {"100 sqrt(v')", equation("sqrt(" + shown(u.v_hat) + ")", u.scaled_root)},
                {"sqrt(v')", quotient(u.scaled_root, hundred, u.root)},
                {"sqrt(v') + eps", equation(sum_text({u.root, r.eps}), u.divisor)},
                {"q = m' / (sqrt(v') + eps)", quotient(u.m_hat, u.divisor, u.quotient)},
                {"move = lr q", product(r.lr, u.quotient, u.move)},
                {"lr * weight decay", product(r.lr, r.weight_decay, r.shrink)},
                {"decay = this * w", product(r.shrink, w, u.decay)},
                {"new w = w - decay - move",
                 equation(difference_text({w, u.decay, u.move}), u.exact)}},
               3) +
         "   In the first step, m' / sqrt(v') is g / |g|: 1 or -1. So each weight moves by about "
         "lr.\n" +
         format("   The running model has the new weight %.8f; it differs by %s.\n", model,
                small(std::abs(model - u.exact.value())).c_str());
}

std::string after_page(const Step& step) {
  const HandForward& f = step.again;
  std::vector<std::string> x;
  for (const Decimal& number : f.x) x.push_back(aligned(number));
  std::vector<ColumnRow> activations;
  for (size_t i = 0; i < f.a.size(); ++i) activations.push_back({numbered("a", i), f.a[i].steps});
  const double apart = difference(step.after, step.running.updated);
  const bool is_smaller = f.loss.value() < step.forward.loss.value();
  const Decimal change = f.loss - step.forward.loss;
  return "\n14. All parameters after the step, each by the same formulas, rounded to 8 "
         "decimals\n\n" +
         new_parameters(step) + "   The new parameters of the running model differ by at most " +
         small(apart) +
         (apart > kFar
              ? ":\n   a very small gradient has few of its digits here, and AdamW divides "
                "by its size"
              : "") +
         ".\n\n15. The new loss: the forward pass again, with the new parameters\n\n" +
         in_columns({{"x", x}}) +
         linear_text("z", f.x, step.after.hidden, step.after.hidden_bias[0], f.hidden) +
         in_columns(activations) +
         linear_text("l", f.activations(), step.after.head, step.after.head_bias[0], f.head) +
         softmax_text(f.head.y, f, step.input.target, step.tokens) +
         format("   The running model has L = %.8f; it differs by %s.\n", step.running.new_loss,
                small(std::abs(step.running.new_loss - f.loss.value())).c_str()) +
         "\nThe step changed the loss from " + shown(step.forward.loss) + " to " + shown(f.loss) +
         ": " + equation(difference_text({f.loss, step.forward.loss}), change) + ".\n" +
         (is_smaller ? "The new loss is smaller, so the step was good.\n"
                     : "The new loss is not smaller: the learning rate is too large for this "
                       "step.\n");
}

}  // namespace vitro::cli
