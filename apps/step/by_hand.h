// One training step of a MiniLM, calculated with decimal numbers as a person would do it.
//
// Each result follows from the digits of the numbers before it, and is rounded to kDigits decimals
// (AdamW's numbers: kStepDigits).  So a reader with a calculator finds the same digits.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "framework/base/activation.h"
#include "models/proof/decimal.h"

namespace vitro::cli {

using proof::Decimal;
using Decimals = std::vector<Decimal>;
using DecimalRows = std::vector<Decimals>;  // a matrix

constexpr int kWeightDigits = 2;  // of the initial weights, so that they are quick to type
constexpr int kDigits = 8;        // of the forward and the backward pass
constexpr int kStepDigits = 12;   // of AdamW, whose mean of squares is small

inline Decimal zero(int digits = kDigits) { return Decimal::rounded(0, digits); }
// x with other decimals, rounded.  With more of them the value is the same.
inline Decimal with_digits(const Decimal& x, int digits) { return Decimal::rounded(1, digits) * x; }
// The product, the quotient and the sum, rounded to `digits` decimals.
inline Decimal times(const Decimal& a, const Decimal& b, int digits = kDigits) {
  return with_digits(a, digits) * b;
}
inline Decimal over(const Decimal& a, const Decimal& b, int digits = kDigits) {
  return with_digits(a, digits) / b;
}
Decimal sum_of(const Decimals& terms);

// The parameters of a MiniLM, or their gradients.
struct HandParameters {
  DecimalRows embed;                             // (V, E)
  DecimalRows hidden, head;                      // (H, k E), (V, H)
  DecimalRows hidden_bias = {}, head_bias = {};  // one row each: (1, H), (1, V)
};

// The tokens that the model reads.
struct HandInput {
  std::vector<int64_t> ids;  // k tokens
  int64_t target;            // the token that follows them
  Activation activation;     // tanh, relu or gelu
};

// y = x W^T + b: products_ij = x_j W_ij, y_i = sum_j products_ij + b_i.
struct HandLinear {
  DecimalRows products;
  Decimals y;
};
HandLinear linear_by_hand(const Decimals& x, const DecimalRows& weight, const Decimals& bias);

// A number and the steps that lead to it, such as "tanh(0.10) = 0.09966799".
struct Shown {
  Decimal value;
  std::vector<std::string> steps;
};
Shown activate_by_hand(Activation activation, const Decimal& z);
// The derivative of the activation at z, where a is the activation's value.
Shown slope_by_hand(Activation activation, const Decimal& z, const Decimal& a);
std::string activation_formula(Activation activation);  // "a = tanh(z)"
std::string slope_formula(Activation activation);       // "f'(z) = 1 - a^2"

struct HandForward {
  Decimals x;         // (k E): the embeddings of the tokens side by side
  HandLinear hidden;  // z
  std::vector<Shown> a;
  HandLinear head;  // logits
  Decimals exps, p;
  Decimal sum = zero(), loss = zero();
  Decimals activations() const;  // the values of a
};
// Fills in exps, sum, p and loss from the logits.  ValueError for numbers that a page cannot show.
void finish_forward(HandForward& forward, int64_t target);
HandForward forward_by_hand(const HandParameters& parameters, const HandInput& input);

struct HandBackward {
  Decimals dlogits;           // p - onehot
  DecimalRows da_products;    // [j][i] = dlogits_i W_ij of the head
  Decimals da;                // (H)
  std::vector<Shown> slopes;  // f'(z)
  Decimals dz;                // (H)
  DecimalRows dx_products;    // [k][j] = dz_j W_jk of hidden
  Decimals dx;                // (k E)
  HandParameters gradients;
};
HandBackward backward_by_hand(const HandParameters& parameters, const HandInput& input,
                              const HandForward& forward);

// AdamW's constants, without zeros at their end.
struct HandRates {
  Decimal lr, weight_decay, beta1, beta2, eps;
  Decimal rest1, rest2, shrink;  // 1 - beta1, 1 - beta2, lr * weight_decay
};
HandRates rates_by_hand(double lr, double weight_decay, double beta1, double beta2);

// AdamW's first step for one parameter w with gradient g.  Before it, m and v are 0.  v is so small
// that kStepDigits decimals would be too few, so the calculation has 10000 v, from 100 g.
struct HandUpdate {
  Decimal m, m_hat;                               // m' = m / (1 - beta1)
  Decimal scaled, square, v, v_hat, scaled_root;  // 100 g, its square, 10000 v, 10000 v', its root
  Decimal root, divisor, quotient, move;          // sqrt(v'), + eps, m' / this, lr times this
  Decimal decay, exact;                           // lr weight_decay w, w - decay - move
  Decimal updated;                                // exact, rounded to kDigits
};
HandUpdate update_by_hand(const HandRates& rates, const Decimal& w, const Decimal& g);
HandParameters updated_by_hand(const HandRates& rates, const HandParameters& parameters,
                               const HandParameters& gradients);

// The loss when one weight of the hidden layer is moved by h.  Only one z changes.
struct HandMoved {
  Decimal weight, z;
  Decimals products;  // of the z that changes
  Shown a;
  Decimal difference;        // new a - old a
  Decimals changes, logits;  // change_i = difference W_ij of the head
  Decimals exps;
  Decimal sum, p, loss;  // p of the target
};
HandMoved moved_by_hand(const HandParameters& parameters, const HandInput& input,
                        const HandForward& forward, size_t row, size_t column, const Decimal& h);

}  // namespace vitro::cli
