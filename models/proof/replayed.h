// Replayed: a module's own forward in float64, in place of a function by hand.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "models/proof/hand.h"
#include "models/proof/replay.h"
#include "models/proof/trace.h"

namespace vitro::proof {

// Goes through the recorded children of a call, in the order of their calls.
class CallCursor {
 public:
  explicit CallCursor(const Call& call) : call_(call) {}
  const Call* next(const nn::Module& child);  // the child's next call; null if there is none more

 private:
  const Call& call_;
  std::map<const nn::Module*, size_t> at_;
};

// The replay of one call.  Nobody knows the sizes of the terms inside the module.  For a recorded
// call, it is therefore replayed a second time in the model's own dtype: the distance of the two
// replays shows what rounding does, and becomes Array::slack.
class Replayed {
 public:
  // `real` may be null: then nothing is measured.
  Replayed(nn::Module& module, const Call* real, const Moved* moved);
  Array forward(Hand& hand, const Array& x);
  // The children have run already; `output_of` gives their outputs.  Returns nothing.
  void forward(const Array& x, const std::function<Array(nn::Module&, const Array&)>& output_of);
  Array backward(Hand& hand, const Array& dy);

 private:
  Array run(const Array& x, const std::function<Array(nn::Module&, const Array&)>& child);
  void replay_model(const Array& x);
  Array measured(const Tensor& exact, const Tensor& rough, const Shape& shape) const;

  const Call* real_;
  Replay exact_;
  std::unique_ptr<Replay> rough_;  // in the model's dtype
  std::vector<const Call*> rough_calls_;
  double scale_ = 0;  // the largest |dL/dy|, in backward
};

}  // namespace vitro::proof
