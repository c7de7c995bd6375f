// The accumulated comparison: a whole model by hand, from its input down to the smallest module.
#pragma once
#include <optional>

#include "models/proof/local.h"
#include "models/proof/work.h"

namespace vitro::proof {

// How a whole model is computed.
struct WholeOptions {
  // Is called before each module is computed.  It may throw, to stop.
  std::function<void()> begin = [] {};
  Gradients* gradients = nullptr;  // gets the gradients of parameters, if not null
  const Moved* moved = nullptr;    // a parameter's number that is changed
  // With a value, each number that a module gives is moved up or down by about the rounding error
  // that it has in this dtype.  This shows how far rounding moves the model's result.
  std::optional<DType> rounds_like = {};
  Generator* signs = nullptr;  // decides between up and down
};

// Computes each child by hand too.
class WholeHand final : public WorkHand {
 public:
  WholeHand(Work& work, const WholeOptions& options)
      : WorkHand(work, options.moved, nullptr), options_(options) {}
  Array operator()(nn::Module& child, const Array& x) override;
  Array backward(nn::Module& child, const Array& dy) override;
  void gradient(const Tensor& parameter, Array d) override;
  bool wants_size() const override { return options_.rounds_like.has_value(); }
  bool is_recorded(const nn::Module& child) const override {
    return !is_identity(child) || child.is_hooked();
  }

 private:
  void disturb(Array& x) const;

  const WholeOptions& options_;
};

}  // namespace vitro::proof
