// The local comparison: each call of a module, from the input that it really had.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "models/proof/compare.h"
#include "models/proof/trace.h"
#include "models/proof/work.h"

namespace vitro::proof {

// What is compared.  Each is the module's own: its parent's and children's numbers are given.
enum class Compared {
  kOutput,         // y
  kChildInput,     // the input that it gives to a child
  kInputGradient,  // dL/dx
  kChildGradient   // the dL/dy that it gives to a child
};

// One comparison of one call.
struct Finding {
  const Call* call;  // of the module that computes the numbers
  Compared what;
  const Call* child = nullptr;  // for kChildInput and kChildGradient
  int64_t time = 0;             // when the numbers were computed; later in backward
  Difference difference;
};
using OnFinding = std::function<void(Finding)>;

// The sums of the gradients of parameters by hand.
using Gradients = std::map<const Tensor*, Array>;  // by the module's handle

// Whether the call has called the child.
bool calls(const Call& call, const nn::Module& child);

// Gives each child what it really gave, and compares what it really got.
class LocalHand final : public WorkHand {
 public:
  // `on_finding` may be empty: then nothing is compared.
  LocalHand(const Call& call, Work& work, OnFinding on_finding, Gradients* gradients,
            const Moved* moved = nullptr);
  Array operator()(nn::Module& child, const Array& x) override;
  Array backward(nn::Module& child, const Array& dy) override;
  void gradient(const Tensor& parameter, Array d) override;
  bool is_recorded(const nn::Module& child) const override { return calls(call_, child); }

  // Runs forward and compares the output.
  void forward();
  // Runs backward, compares dL/dx, and returns it.
  Array backward();

 private:
  void find(Compared what, const Call* child, int64_t time, const Tensor& model, const Array& hand);

  const Call& call_;
  OnFinding on_finding_;
  Gradients* gradients_;
  CallCursor cursor_;
  std::map<const Work*, const Call*> recorded_;  // the real call of each child's work
};

// Adds d to the sum.
void add_to(Array& sum, Array d);

}  // namespace vitro::proof
