// Central differences of the calculation by hand.
#pragma once
#include "models/proof/local.h"
#include "models/proof/verify.h"

namespace vitro::proof {

// The index of the element at `place` in row-major order.
std::vector<int64_t> index_at(const Shape& shape, int64_t place);

// Draws the place of a number of the gradient; one that is not 0, if a few draws find one.
int64_t draw(const Array& gradient, Generator& generator);

// The number of x at `place` in row-major order.
double number_at(const Tensor& x, int64_t place);

// Fills in the slope of sum(terms_at(v)) and its bound.  The terms are subtracted one by one before
// they are added up, because most do not change.  `rounded` is the size of larger numbers that were
// rounded to compute the terms.
FiniteDifference central_difference(FiniteDifference one, double v, double rounded,
                                    const std::function<std::vector<double>(double)>& terms_at);

// Checks a few numbers of one call, drawn with `generator`: of its parameters and of its input.
// `gradients` has dL/d(parameter) of this call alone.  The loss is
// sum(y dy) + sum over its children of (input of child) (dL/d(input of child)).
std::vector<FiniteDifference> differences_within(const Call& call,
                                                 const std::vector<ParameterGradient>& parameters,
                                                 const Gradients& gradients, const Array& dx,
                                                 Generator& generator, double most_products);

}  // namespace vitro::proof
