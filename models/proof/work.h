// Work: one call of a module as it is computed by hand, from its input to its gradients.
#pragma once
#include <memory>
#include <vector>

#include "models/proof/hand.h"
#include "models/proof/replayed.h"

namespace vitro::proof {

// A parameter of which one number is changed, for a finite difference.
struct Moved {
  const TensorImpl* parameter = nullptr;
  int64_t place = 0;  // in row-major order
  double value = 0;   // in place of the parameter's number
};

// One call.
struct Work {
  nn::Module* module = nullptr;
  Array x = {}, y = {}, dx = {};
  std::vector<std::unique_ptr<Work>> children = {};  // in the order of their calls
  bool went_back = false;                            // whether backward has passed the call
  std::unique_ptr<Replayed> replay = {};             // for a module without functions by hand

  Work& add_child(nn::Module& child, Array input);
  // The last call of the child that backward has not passed.  ValueError if there is none.
  Work& last_open(nn::Module& child) const;
};

// The Hand of one call.
class WorkHand : public Hand {
 public:
  // `real` is the recorded call, or null.
  WorkHand(Work& work, const Moved* moved, const Call* real)
      : work_(work), moved_(moved), real_(real) {}
  Rows rows(const Tensor& parameter) const override;
  const Array& input(nn::Module& child) const override { return work_.last_open(child).x; }
  const Array& output(nn::Module& child) const override { return work_.last_open(child).y; }

  // Fills work.y from work.x, by the functions of the module's kind or by a replay.
  void run_forward();
  // Returns dL/dx.
  Array run_backward(const Array& dy);

 protected:
  Work& work_;
  const Moved* moved_;
  const Call* real_;
};

// Whether the module's gradients come from a replay of its own forward.
bool is_replayed(const nn::Module& m);

}  // namespace vitro::proof
