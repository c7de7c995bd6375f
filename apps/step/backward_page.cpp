// The backward pass on the page of `vitro step`.
#include "apps/cli/output.h"
#include "apps/step/shown.h"
#include "apps/step/step.h"

namespace vitro::cli {

namespace {

std::string logits_text(const Step& step) {
  std::string lines;
  for (size_t i = 0; i < step.forward.p.size(); ++i)
    lines += line_of(numbered("dl", i) + " = " + shown(step.forward.p[i]) +
                     (i == static_cast<size_t>(step.input.target) ? " - 1 = " : " - 0 = ") +
                     shown(step.backward.dlogits[i]));
  return "\n7. Backward. dl means dL/dl: how L changes if a logit grows a little. dl = p - "
         "onehot,\n"
         "   where onehot is 1 for the target and 0 for the other tokens\n\n" +
         lines;
}

// The products and sums of dx = dy W; factors are dy and the columns of W.
std::string input_text(const std::string& name, const Decimals& dy, const DecimalRows& weight,
                       const DecimalRows& products, const Decimals& sums) {
  std::vector<ColumnRow> rows;
  std::string totals;
  for (size_t j = 0; j < products.size(); ++j) {
    ColumnRow& row = rows.emplace_back(ColumnRow{numbered(name, j), {}});
    for (size_t i = 0; i < dy.size(); ++i)
      row.texts.push_back(product_text(dy[i], weight[i][j], products[j][i]));
    totals += line_of(numbered(name, j) + " = " + sum_text(products[j]) + " = " + shown(sums[j]));
  }
  return in_columns(rows) + totals;
}

std::string weight_text(const std::string& name, const Decimals& dy, const Decimals& x,
                        const DecimalRows& gradient) {
  std::vector<ColumnRow> rows;
  for (size_t i = 0; i < dy.size(); ++i) {
    ColumnRow& row = rows.emplace_back(ColumnRow{numbered(name, i), {}});
    for (size_t j = 0; j < x.size(); ++j)
      row.texts.push_back(product_text(dy[i], x[j], gradient[i][j]));
  }
  return in_columns(rows);
}

std::string embedding_gradient_text(const Step& step) {
  const std::vector<int64_t>& ids = step.input.ids;
  std::string text = "   dx is the gradient of row " + std::to_string(ids[0]) + " of embed.weight";
  if (ids.size() == 1) return text + "; the other rows have the gradient 0.\n";
  if (ids[0] != ids[1])
    return "   The halves of dx are the gradients of rows " + std::to_string(ids[0]) + " and " +
           std::to_string(ids[1]) + " of embed.weight; the\n   other rows have the gradient 0.\n";
  std::string sums;
  const size_t size = step.backward.dx.size() / 2;
  const Decimals& gradient = step.backward.gradients.embed[static_cast<size_t>(ids[0])];
  for (size_t e = 0; e < size; ++e)
    sums += line_of(sum_text({step.backward.dx[e], step.backward.dx[size + e]}) + " = " +
                    shown(gradient[e]));
  return "   Both tokens read row " + std::to_string(ids[0]) +
         " of embed.weight, so its gradient is the sum of the halves of dx:\n" + sums +
         "   The other rows have the gradient 0.\n";
}

}  // namespace

std::string backward_page(const Step& step) {
  const HandBackward& b = step.backward;
  std::vector<ColumnRow> slopes, products;
  for (size_t j = 0; j < b.dz.size(); ++j) {
    slopes.push_back({numbered("f'", j), b.slopes[j].steps});
    products.push_back({numbered("dz", j), {product_text(b.da[j], b.slopes[j].value, b.dz[j])}});
  }
  return logits_text(step) +
         "\n8. Head: dW = dl^T a, which is dW[i,j] = dl[i] * a[j]; db = dl; da = dl W\n\n" +
         weight_text("dW", b.dlogits, step.forward.activations(), b.gradients.head) + '\n' +
         input_text("da", b.dlogits, step.before.head, b.da_products, b.da) +
         "\n9. Activation: dz = da * f'(z), " + slope_formula(step.input.activation) + "\n\n" +
         in_columns(slopes) + in_columns(products) +
         "\n10. Hidden layer: dW = dz^T x, db = dz, dx = dz W\n\n" +
         weight_text("dW", b.dz, step.forward.x, b.gradients.hidden) + '\n' +
         input_text("dx", b.dz, step.before.hidden, b.dx_products, b.dx) +
         embedding_gradient_text(step) +
         "   The gradients of the running model differ by at most " +
         small(difference(b.gradients, step.running.gradients)) + ".\n";
}

}  // namespace vitro::cli
