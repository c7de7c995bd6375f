// Plants a fault of one kind after another in each function by hand, and shows that the comparisons
// of the other tests find it.
#include "models/proof/kinds/kinds.h"
#include "tests/support/by_hand.h"

using namespace vitro;
using namespace vitro::testing;
using proof::Array;
using proof::Hand;

namespace {

constexpr double kNoticedError = 1e-11;  // above the errors that the other tests accept

enum class KindFault {
  kNone,
  kOutput,
  kSwappedRows,
  kGradient,
  kLostGradient,
  kParameter,
  kLostParameter
};

Array slightly_scaled(Array x) {
  for (double& number : x.value) number *= 1 + 1e-9;
  return x;
}
Array first_twice(Array x) {
  if (x.rows() > 1) std::copy_n(x.row(1), x.width(), x.row(0));
  return x;
}

// A Hand that passes everything on, but for the gradients of parameters.
class FaultyHand final : public Hand {
 public:
  FaultyHand(Hand& hand, KindFault fault) : hand_(hand), fault_(fault) {}
  Array operator()(nn::Module& child, const Array& x) override { return hand_(child, x); }
  Array backward(nn::Module& child, const Array& dy) override { return hand_.backward(child, dy); }
  void gradient(const Tensor& parameter, Array d) override {
    if (fault_ == KindFault::kLostParameter) return;
    hand_.gradient(parameter,
                   fault_ == KindFault::kParameter ? slightly_scaled(std::move(d)) : std::move(d));
  }
  const Array& input(nn::Module& child) const override { return hand_.input(child); }
  const Array& output(nn::Module& child) const override { return hand_.output(child); }
  proof::Rows rows(const Tensor& parameter) const override { return hand_.rows(parameter); }
  bool is_recorded(const nn::Module& child) const override { return hand_.is_recorded(child); }

 private:
  Hand& hand_;
  KindFault fault_;
};

proof::Kind with_fault(const proof::Kind& right, KindFault fault) {
  return {.formula = right.formula,
          .forward =
              [right, fault](nn::Module& m, Hand& hand, const Array& x) {
                Array y = right.forward(m, hand, x);
                if (fault == KindFault::kOutput) return slightly_scaled(std::move(y));
                return fault == KindFault::kSwappedRows ? first_twice(std::move(y)) : y;
              },
          .backward =
              [right, fault](nn::Module& m, Hand& hand, const Array& x, const Array& dy) {
                FaultyHand faulty(hand, fault);
                Array dx = right.backward(m, faulty, x, dy);
                if (fault == KindFault::kLostGradient) std::ranges::fill(dx.value, 0);
                return fault == KindFault::kGradient ? slightly_scaled(std::move(dx)) : dx;
              }};
}

// Puts a fault into the kind of a class for a scope.
class PlantedInKind {
 public:
  PlantedInKind(const std::type_info& type, KindFault fault) : type_(type) {
    proof::register_kind(type_, with_fault(*proof::built_in(type_), fault));
  }
  ~PlantedInKind() { proof::register_kind(type_, *proof::built_in(type_)); }
  PlantedInKind(const PlantedInKind&) = delete;
  PlantedInKind& operator=(const PlantedInKind&) = delete;

 private:
  const std::type_info& type_;
};

void check_faults(nn::Module& m, const Tensor& x) {
  m.eval();
  INFO(m.describe());
  CHECK(error_by_hand(m, x) < kNoticedError);
  for (const auto& [path, module] : m.named_modules()) {
    const nn::Module& part = *module;
    if (!proof::built_in(typeid(part))) continue;  // a list
    // Hook points and dropouts do not compute.
    const bool computes = !proof::is_identity(part);
    size_t inside = 0;
    for (const auto& [name, child] : module->named_children()) inside += child->parameters().size();
    const bool owns = module->parameters().size() > inside;
    const bool has_dx =
        !dynamic_cast<nn::Embedding*>(module) && (path != "" || is_floating(x.dtype()));
    for (const KindFault fault :
         {KindFault::kNone, KindFault::kOutput, KindFault::kSwappedRows, KindFault::kGradient,
          KindFault::kLostGradient, KindFault::kParameter, KindFault::kLostParameter}) {
      const bool of_dx = fault == KindFault::kGradient || fault == KindFault::kLostGradient,
                 of_parameter =
                     fault == KindFault::kParameter || fault == KindFault::kLostParameter;
      INFO(path << " fault " << static_cast<int>(fault));
      const PlantedInKind planted(typeid(part), fault);
      const bool is_wrong =
          fault != KindFault::kNone && computes && (!of_dx || has_dx) && (!of_parameter || owns);
      if (is_wrong) CHECK(error_by_hand(m, x) > kNoticedError);
      else CHECK(error_by_hand(m, x) < kNoticedError);
    }
  }
}

}  // namespace

TEST_CASE("by hand: a fault in the function of any kind is found, in a model of all kinds") {
  manual_seed(40);
  for (const bool llama : {false, true}) {
    models::GPTConfig c{.block_size = 6, .vocab_size = 7, .n_layer = 2, .n_head = 2, .n_embd = 8};
    if (llama) {
      c.n_kv_head = 1, c.norm = models::NormKind::kRMSNorm, c.mlp = models::MLPKind::kSwiGLU;
      c.position = models::PositionKind::kRotary, c.tied_head = false;
    }
    models::GPT model(c);
    check_faults(roughened(model, 0.2), randint(0, 7, {2, 5}, kInt64));
  }
  models::MiniLM mini({.vocab_size = 7, .n_embd = 3, .n_hidden = 5, .context = 2});
  check_faults(roughened(mini), randint(0, 7, {2, 4}, kInt64));
  nn::Sequential layers(nn::Linear(4, 4), nn::LayerNorm(4), nn::MultiheadAttention(4, 2),
                        nn::Tanh(), nn::RMSNorm(4), nn::GELU(), nn::Sigmoid(), nn::SiLU(),
                        nn::Linear(4, 4), nn::ReLU(), nn::Linear(4, 4), nn::Softmax());
  check_faults(roughened(layers), randn({2, 3, 4}, kFloat64));
}
