// Optimizer: one pass that updates all parameters, and the state dict.
#include "framework/optim/optim.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/autograd/node.h"
#include "framework/optim/rules.h"
#include "framework/tensor/loops.h"

namespace vitro::optim {

// The work of one step on one parameter.
struct Optimizer::Work {
  Slot* slot;
  Tensor grad;
  int64_t begin;  // index of its first element when all parameters are counted as one array
  simd::Rule rule;
};

namespace {

constexpr int64_t kGrain = 8192;  // elements; Adam updates them in about 10 us

template <class T>
T* at(const Tensor& x, int64_t i) {
  return x.defined() ? raw<T>(x) + i : nullptr;
}

// Updates elements [begin, end) of one parameter.  bfloat16 is converted to float32 and back.
template <class States>
void update(const simd::Rule& rule, const Tensor& p, const Tensor& g, const States& state,
            int64_t begin, int64_t end) {
  auto arrays = [&]<class T>(T* q, const T* dq, int64_t i) {
    return simd::StepArrays<T>{q, dq, {at<T>(state[0], i), at<T>(state[1], i), at<T>(state[2], i)}};
  };
  if (p.dtype() == kFloat32)
    return simd::update(rule, arrays(raw<float>(p) + begin, raw<float>(g) + begin, begin),
                        end - begin);
  if (p.dtype() == kFloat64)
    return simd::update(rule, arrays(raw<double>(p) + begin, raw<double>(g) + begin, begin),
                        end - begin);
  constexpr int64_t kRoom = 512;
  float q[kRoom], dq[kRoom];
  for (int64_t n; begin < end; begin += n) {
    n = std::min(kRoom, end - begin);
    simd::to_float(raw<BFloat16>(p) + begin, q, n);
    simd::to_float(raw<BFloat16>(g) + begin, dq, n);
    simd::update(rule, arrays(q, static_cast<const float*>(dq), begin), n);
    simd::to_bfloat16(q, raw<BFloat16>(p) + begin, n);
  }
}

}  // namespace

Optimizer::Optimizer() = default;
Optimizer::~Optimizer() = default;

NamedTensors numbered(const std::vector<Tensor>& parameters) {
  NamedTensors named;
  for (const Tensor& p : parameters) named.emplace_back(std::to_string(named.size()), p);
  return named;
}

void Optimizer::add_parameters(const NamedTensors& parameters) {
  check<ValueError>(!parameters.empty(),
                    "optimizer: expected a group of at least one parameter, got none");
  std::set<const TensorImpl*> known = known_;
  for (const auto& [name, p] : parameters) {
    check<GraphError>(p.defined() && p.is_leaf(), "optimizer: expected a leaf, got ", name,
                      p.defined() ? ", which is the result of an op" : ", which is undefined");
    check<ShapeError>(p.is_contiguous(), "optimizer: expected a contiguous parameter, got ", name,
                      ", which is not");
    check<DTypeError>(is_floating(p.dtype()), "optimizer: expected a floating parameter, got ",
                      name, ", which is ", p.dtype());
    check<ValueError>(known.insert(p.impl()).second && !find(name),
                      "optimizer: expected each parameter once, got ", name, " twice");
  }
  known_ = std::move(known);
  for (const auto& [name, p] : parameters) slots_.push_back({name, p, group_count_});
  work_.reserve(slots_.size());
  ++group_count_;
}

Optimizer::Slot* Optimizer::find(const std::string& name) {
  auto found = std::find_if(slots_.begin(), slots_.end(), [&](auto& s) { return s.name == name; });
  return found == slots_.end() ? nullptr : &*found;
}

// Checks the gradient, and makes the state arrays that do not exist yet.
void Optimizer::begin(Slot& slot, const Tensor& grad) {
  const Tensor& p = slot.parameter;
  check<ShapeError>(grad.shape() == p.shape() && grad.dtype() == p.dtype(),
                    "optimizer: expected a gradient like ", slot.name, ", ", p.dtype(), ' ',
                    p.shape(), ", got ", grad.dtype(), ' ', grad.shape());
  const StateNames names = state_names(slot.group);
  for (size_t i = 0; i < kMostStates; ++i)
    if (names[i] && !slot.state[i].defined())
      slot.state[i] =
          full(p.shape(), i == 0 ? initial_state(slot.group) : 0, accumulation_dtype(p.dtype()));
}

// Does everything that may throw, before step() changes the first number.
int64_t Optimizer::prepare() {
  int64_t total = 0;
  for (Slot& slot : slots_) {
    Tensor grad = slot.parameter.grad();
    if (!grad.defined()) continue;
    if (!grad.is_contiguous()) {
      Tensor dense = empty(grad.shape(), grad.dtype());
      copy_into(dense, grad);
      grad = dense;
    }
    begin(slot, grad);
    const Work* last = work_.empty() ? nullptr : &work_.back();
    const bool alike = last && last->slot->group == slot.group && last->slot->step == slot.step;
    work_.push_back({&slot, grad, total, alike ? last->rule : rule(slot.group, slot.step + 1)});
    total += slot.parameter.numel();
  }
  return total;
}

void Optimizer::step() try {
  NoGradGuard unrecorded;
  int64_t total = 0;
  try {
    total = prepare();
  } catch (...) {
    work_.clear();
    for (Slot& slot : slots_)
      if (slot.step == 0) slot.state = {};
    throw;
  }
  for (const Work& w : work_) {
    ++w.slot->step;
    ++w.slot->parameter.impl()->storage->version;
  }
  parallel_for(total, kGrain, [&](int64_t from, int64_t to) {
    auto after = std::upper_bound(work_.begin(), work_.end(), from,
                                  [](int64_t i, const Work& w) { return i < w.begin; });
    for (auto w = after - (after != work_.begin()); w != work_.end() && w->begin < to; ++w)
      update(w->rule, w->slot->parameter, w->grad, w->slot->state,
             std::max(from - w->begin, int64_t{0}),
             std::min(to - w->begin, w->slot->parameter.numel()));
  });
  work_.clear();
} catch (const std::bad_alloc&) { fail_memory(); }

void Optimizer::zero_grad() {
  for (Slot& slot : slots_) slot.parameter.zero_grad();
}

NamedTensors Optimizer::named_parameters() const {
  NamedTensors all;
  for (const Slot& slot : slots_) all.emplace_back(slot.name, slot.parameter);
  return all;
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors dict;
  for (const Slot& slot : slots_) {
    if (slot.step == 0) continue;
    dict.emplace_back(slot.name + ".step", full({}, static_cast<double>(slot.step), kInt64));
    const StateNames names = state_names(slot.group);
    for (size_t i = 0; i < kMostStates; ++i)
      if (names[i]) dict.emplace_back(slot.name + '.' + names[i], slot.state[i]);
  }
  return dict;
}

void Optimizer::load_state_dict(const NamedTensors& dict) {
  std::map<std::string, Tensor> given(dict.begin(), dict.end());
  std::vector<Slot> loaded = slots_;
  auto take = [&](const std::string& name, const Shape& shape, DType dtype) {
    auto found = given.find(name);
    check<ValueError>(found != given.end(), "load_state_dict: expected ", name, ", got none");
    const Tensor& x = found->second;
    check<ShapeError>(x.shape() == shape, "load_state_dict: expected ", name, " of shape ", shape,
                      ", got ", x.shape());
    check<DTypeError>(x.dtype() == dtype, "load_state_dict: expected ", name, " of ", dtype,
                      ", got ", x.dtype());
    Tensor own = empty(shape, dtype);
    copy_into(own, x);
    given.erase(found);
    return own;
  };
  for (Slot& slot : loaded) {
    slot.step = 0, slot.state = {};
    if (!given.contains(slot.name + ".step")) continue;
    slot.step = take(slot.name + ".step", {}, kInt64).item<int64_t>();
    check<ValueError>(slot.step > 0, "load_state_dict: expected ", slot.name, ".step > 0, got ",
                      slot.step);
    const StateNames names = state_names(slot.group);
    for (size_t i = 0; i < kMostStates; ++i)
      if (names[i])
        slot.state[i] = take(slot.name + '.' + names[i], slot.parameter.shape(),
                             accumulation_dtype(slot.parameter.dtype()));
  }
  check<ValueError>(given.empty(),
                    "load_state_dict: expected only the state of parameters of this ",
                    "optimizer, got ", given.empty() ? "" : given.begin()->first);
  slots_ = std::move(loaded);
}

}  // namespace vitro::optim
