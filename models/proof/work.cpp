// Computes one call by hand.
#include "models/proof/work.h"

#include <map>

namespace vitro::proof {

Work& Work::add_child(nn::Module& child, Array input) {
  auto& added = children.emplace_back(std::make_unique<Work>());
  added->module = &child;
  added->x = std::move(input);
  return *added;
}

Work& Work::last_open(nn::Module& child) const {
  for (size_t i = children.size(); i-- > 0;)
    if (children[i]->module == &child && !children[i]->went_back) return *children[i];
  fail<ValueError>("proof: expected a call of ", child.describe(), " in the forward by hand of ",
                   module->describe(), ", got none");
}

bool is_replayed(const nn::Module& m) {
  const Kind* kind = kind_of(m);
  return !kind || !kind->forward || !kind->backward;
}

namespace {

// A function by hand of a user may return anything.
Array checked(Array x, const nn::Module& m, const char* what) {
  const auto count = static_cast<size_t>(numel(x.shape));
  check<ShapeError>(x.value.size() == count && (x.size.empty() || x.size.size() == count) &&
                        (x.stored.empty() || x.stored.size() == count),
                    "proof: expected from the function by hand of ", m.describe(), " ", what,
                    " with ", count, " numbers, as its shape ", x.shape, " has, got ",
                    x.value.size());
  return x;
}

}  // namespace

Rows WorkHand::rows(const Tensor& parameter) const {
  Rows all(parameter);
  if (moved_ && moved_->parameter == parameter.impl()) all.replace(moved_->place, moved_->value);
  return all;
}

void WorkHand::run_forward() {
  nn::Module& module = *work_.module;
  const Kind* kind = kind_of(module);
  const bool by_hand = kind && kind->forward;
  if (by_hand) work_.y = checked(kind->forward(module, *this, work_.x), module, "an output");
  if (!is_replayed(module)) return;
  work_.replay = std::make_unique<Replayed>(module, real_, moved_);
  if (!by_hand) {
    work_.y = work_.replay->forward(*this, work_.x);
    return;
  }
  // The function by hand has called the children already.
  std::map<nn::Module*, size_t> next;
  work_.replay->forward(work_.x, [this, &next](nn::Module& child, const Array& x) {
    for (size_t& i = next[&child]; i < work_.children.size();)
      if (const Work& called = *work_.children[i++]; called.module == &child) return called.y;
    return x;
  });
}

Array WorkHand::run_backward(const Array& dy) {
  nn::Module& module = *work_.module;
  if (work_.replay) return work_.replay->backward(*this, dy);
  Array dx = kind_of(module)->backward(module, *this, work_.x, dy);
  return work_.x.is_integer ? dx : checked(std::move(dx), module, "a gradient");
}

}  // namespace vitro::proof
