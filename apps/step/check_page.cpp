// Checks one gradient on the page of `vitro step`: the chain rule, and a finite difference.
#include <cmath>

#include "apps/cli/output.h"
#include "apps/step/shown.h"
#include "apps/step/step.h"

namespace vitro::cli {

namespace {

std::string weight_name(const Step& step) {
  return numbered("hidden.weight", step.row, step.column);
}

std::string chain_text(const Step& step) {
  const HandBackward& b = step.backward;
  const Decimal &slope = b.slopes[step.row].value, &x = step.forward.x[step.column],
                &dz = b.dz[step.row], &g = b.gradients.hidden[step.row][step.column];
  std::string terms;
  for (size_t i = 0; i < b.dlogits.size(); ++i)
    terms +=
        (i == 0 ? "" : " + ") + shown(b.dlogits[i]) + " * " + shown(step.before.head[i][step.row]);
  const std::string name = numbered("z", step.row), a = numbered("a", step.row),
                    tail = " * " + shown(slope) + " * " + shown(x), next = "= ";
  return "\n11. The chain rule for one weight, w = " + weight_name(step) + " = " +
         shown(step.before.hidden[step.row][step.column]) + "\n\n" +
         line_of("w changes " + name + ", " + name + " changes " + a + ", and " + a +
                 " changes every logit:") +
         line_of("dL/dw = sum over i of dL/dl[i] * dl[i]/d" + a + " * d" + a + "/d" + name +
                 " * d" + name + "/dw") +
         line_of(next + "sum over i of dl[i] * " + "head.weight[i," + std::to_string(step.row) +
                 "] * f'(" + name + ") * " + numbered("x", step.column)) +
         line_of(next + '(' + terms + ')' + tail) + line_of(next + shown(b.da[step.row]) + tail) +
         line_of(next + shown(dz) + " * " + shown(x)) + line_of(next + shown(g));
}

// The loss after w was moved.  Only z of one unit changes, so each logit changes by one product.
std::string moved_text(const Step& step, const std::string& what, const HandMoved& moved) {
  const std::string z = numbered("z", step.row), a = numbered("a", step.row);
  const Decimals& old = step.forward.head.y;
  Decimals weight = step.before.hidden[step.row], terms = moved.products;
  weight[step.column] = moved.weight;
  std::vector<ColumnRow> products = {{z, {}}}, changes;
  std::string exps;
  for (size_t k = 0; k < terms.size(); ++k)
    products[0].texts.push_back(product_text(step.forward.x[k], weight[k], terms[k]));
  terms.push_back(step.before.hidden_bias[0][step.row]);
  for (size_t i = 0; i < old.size(); ++i) {
    const Decimal& w = step.before.head[i][step.row];
    changes.push_back({numbered("l", i),
                       {product_text(moved.difference, w, moved.changes[i]),
                        sum_text({old[i], moved.changes[i]}) + " = " + shown(moved.logits[i])}});
    exps += line_of("exp(" + shown(moved.logits[i]) + ") = " + shown(moved.exps[i]));
  }
  const auto target = static_cast<size_t>(step.input.target);
  return "\n   " + what + " = " + shown(moved.weight) + '\n' + in_columns(products) +
         line_of(z + " = " + sum_text(terms) + " = " + shown(moved.z)) +
         in_columns({{a, moved.a.steps}}) +
         line_of(a + " changes by " +
                 difference_text({moved.a.value, step.forward.a[step.row].value}) + " = " +
                 shown(moved.difference)) +
         in_columns(changes) + exps +
         line_of("sum = " + sum_text(moved.exps) + " = " + shown(moved.sum)) +
         line_of("p of the target = " + shown(moved.exps[target]) + " / " + shown(moved.sum) +
                 " = " + shown(moved.p)) +
         line_of("L = -log(" + shown(moved.p) + ") = " + shown(moved.loss));
}

}  // namespace

std::string check_page(const Step& step) {
  const Decimal& g = step.backward.gradients.hidden[step.row][step.column];
  const double model = number_at(step.running.gradients, "hidden.weight", step.row, step.column,
                                 step.before.hidden[0].size());
  return chain_text(step) +
         format("   The running model has %.8f; it differs by %s.\n", model,
                small(std::abs(model - g.value())).c_str()) +
         "\n12. Check with a finite difference: the loss with w + h and with w - h, for h = " +
         shown(step.h) + ". Only\n    " + numbered("z", step.row) +
         " changes, so each logit changes by (new a - old a) * its weight\n" +
         moved_text(step, "w + h", step.above) + moved_text(step, "w - h", step.below) + "\n   " +
         shown(step.above.loss) + " - " + shown(step.below.loss) + " = " + shown(step.rise) +
         ", 2 h = " + shown(step.width) + ", " + shown(step.rise) + " / " + shown(step.width) +
         " = " + shown(step.slope) + "\n   The chain rule gave " + shown(g) + "; they differ by " +
         small(std::abs(step.slope.value() - g.value())) + ".\n";
}

}  // namespace vitro::cli
