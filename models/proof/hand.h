// Hand: computes modules by hand, in float64, with plain loops that call no op.
//
// Each kind of module has one function for its output and one for its gradients.  They compute what
// is the module's own, and ask the Hand for everything that a child computes.  So the same function
// serves two comparisons:
//
//   local        the Hand returns the output that the child really had, and compares the input that
//                the function gives to the child with the input that the child really got
//   accumulated  the Hand computes the child by hand too, down to the smallest module
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <typeinfo>

#include "../../framework/nn/module.h"
#include "array.h"

namespace [[gnu::visibility("default")]] vitro {
namespace proof {

// Reads a parameter in float64, row by row, without a copy of the whole.
class Rows {
 public:
  // A row is the last axis of the parameter.
  explicit Rows(const Tensor& parameter);
  int64_t count() const { return rows_; }      // rows
  int64_t width() const { return width_; }     // numbers in a row
  void read(int64_t row, double* to) const;    // writes width() numbers
  std::vector<double> row(int64_t row) const;  // the same, as a vector
  // Reads `value` at this place (row-major) instead of the parameter's own number.
  void replace(int64_t place, double value) { place_ = place, value_ = value; }

 private:
  Tensor parameter_;
  int64_t rows_ = 0, width_;
  int64_t place_ = -1;
  double value_ = 0;
};

// The functions by hand see one call of a module through a Hand.
class Hand {
 public:
  virtual ~Hand() = default;

  // --- forward ---
  // The child's output for input x.  A HookPoint, Dropout or Identity that nobody hooks returns x.
  virtual Array operator()(nn::Module& child, const Array& x) = 0;

  // Whether the model's run recorded the child.  Hook points are recorded only where a hook is
  // attached, and some hooks make the model compute in other steps.
  virtual bool is_recorded(const nn::Module& child) const = 0;

  // --- backward; children in the reverse order of their calls ---
  // dL/d(input) of the child for dL/d(output) dy.  It has no numbers if the input is no float.
  virtual Array backward(nn::Module& child, const Array& dy) = 0;
  // Adds to dL/d(parameter).  Pass the module's own handle, such as m.weight: its address tells
  // the parameter.
  virtual void gradient(const Tensor& parameter, Array d) = 0;
  // The input and output of the child's call that the next backward(child, dy) belongs to.
  virtual const Array& input(nn::Module& child) const = 0;
  virtual const Array& output(nn::Module& child) const = 0;

  // --- both ---
  virtual Rows rows(const Tensor& parameter) const = 0;        // an undefined parameter: ValueError
  std::vector<double> numbers(const Tensor& parameter) const;  // all of it; none if undefined
  virtual bool wants_size() const { return true; }             // whether Array::size is read
};

// How a kind of module is computed by hand.
struct Kind {
  std::string formula;  // such as "y = x W^T + b", for the report
  std::function<Array(nn::Module& m, Hand& hand, const Array& x)> forward = {};
  // Returns dL/dx for dL/dy, without numbers for an x that is no float.  It calls hand.gradient for
  // each parameter.  Without this function, the module's own forward is replayed in float64, and
  // the engine computes the gradients.
  std::function<Array(nn::Module& m, Hand& hand, const Array& x, const Array& dy)> backward = {};
};

// Registers a kind; a second registration of the same class replaces the first.
void register_kind(const std::type_info& type, Kind kind);
// The kind of m's class; null if it has none.
const Kind* kind_of(const nn::Module& m);

// Registers the functions by hand of the modules of class M, such as
//   Array scale_by_hand(Scale& m, Hand& hand, const Array& x)
// by proof::by_hand<Scale>("y = a x", scale_by_hand).  A third argument computes the gradients:
//   Array scale_gradients(Scale& m, Hand& hand, const Array& x, const Array& dy)
template <class M, class Forward>
void by_hand(std::string formula, Forward forward) {
  register_kind(typeid(M), {.formula = std::move(formula),
                            .forward = [forward](nn::Module& m, Hand& hand, const Array& x) {
                              return forward(static_cast<M&>(m), hand, x);
                            }});
}
template <class M, class Forward, class Backward>
void by_hand(std::string formula, Forward forward, Backward backward) {
  register_kind(
      typeid(M),
      {.formula = std::move(formula),
       .forward = [forward](nn::Module& m, Hand& hand,
                            const Array& x) { return forward(static_cast<M&>(m), hand, x); },
       .backward = [backward](
                       nn::Module& m, Hand& hand, const Array& x,
                       const Array& dy) { return backward(static_cast<M&>(m), hand, x, dy); }});
}

}  // namespace proof
}  // namespace vitro
