// One fused step of each optimizer: it reads and writes parameter, gradient and state once.
#pragma once
#include <cstdint>
#include <variant>

namespace vitro::simd {

// In all rules p is the parameter, g the gradient and lr the learning rate.  First weight_decay * p
// is added to g; if decoupled, p is shrunk by lr * weight_decay * p instead.  `state` names the
// arrays of StepArrays::state in order.

// b = momentum b + keep g;  p -= lr (nesterov ? g + momentum b : b).            state: b
struct Sgd {
  double lr, momentum, keep, weight_decay;
  bool nesterov;
};

// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  w = amsgrad ? max(w, v) : v;
// p -= lr / (1 - beta1^t) m / (sqrt(w / (1 - beta2^t)) + eps), t the step.       state: m, v, w
struct Adam {
  double lr, beta1, beta2, eps, weight_decay;
  double correction1, correction2;  // 1 - beta^t
  bool decoupled, amsgrad;
};

// s = alpha s + (1 - alpha) g^2;  centered: a = alpha a + (1 - alpha) g, s' = s - a^2;
// u = g / (sqrt(s') + eps);  b = momentum b + u;  p -= lr b.                     state: s, b, a
struct RmsProp {
  double lr, alpha, eps, weight_decay, momentum;
  bool centered;
};

// s += g^2;  p -= lr g / (sqrt(s) + eps).                                        state: s
struct Adagrad {
  double lr, eps, weight_decay;
};

using Rule = std::variant<Sgd, Adam, RmsProp, Adagrad>;

template <class T>
struct StepArrays {
  T* p;
  const T* g;
  T* state[3];  // null if the rule has no such array
};
void update(const Rule& rule, const StepArrays<float>& x, int64_t n);
void update(const Rule& rule, const StepArrays<double>& x, int64_t n);

}  // namespace vitro::simd
