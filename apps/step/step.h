// The whole training step: by hand, and by the running model.
#pragma once
#include <string>
#include <vector>

#include "apps/cli/options.h"
#include "apps/step/by_hand.h"

namespace vitro::cli {

// The same step, computed in float32 by MiniLM, backward and optim::AdamW.
struct RunningStep {
  double loss = 0, new_loss = 0;
  NamedTensors gradients, updated;  // of the parameters, by name
};

// The matrices of a HandParameters with the names of the model's parameters.
struct NamedRows {
  std::string name;
  const DecimalRows* rows;
};
std::vector<NamedRows> named_rows(const HandParameters& parameters);
// The largest |by hand - model|.
double difference(const HandParameters& by_hand, const NamedTensors& model);
// The model's number at [i][j], counted in rows of the length that the calculation by hand has.
double number_at(const NamedTensors& model, const std::string& name, size_t i, size_t j,
                 size_t columns);

struct Step {
  const StepOptions& options;
  std::vector<std::string> tokens;  // of the vocabulary, in quotes
  HandInput input;
  HandRates rates;
  HandParameters before, after;  // the parameters
  HandForward forward, again;    // again: with the parameters after the step
  HandBackward backward;
  size_t row, column;  // the weight of hidden whose gradient and update are shown in full
  Decimal h;           // of the finite difference
  HandMoved above, below;
  Decimal rise, width, slope;  // rise = L(w + h) - L(w - h), width = 2 h, slope = rise / width
  HandUpdate update;
  RunningStep running;
};

std::string page_of(const Step& step);  // the page of text
void print_json(const Step& step);

// The parts of the page, which page_of joins.
std::string forward_page(const Step& step);
std::string backward_page(const Step& step);
std::string check_page(const Step& step);   // the chain rule and the finite difference
std::string update_page(const Step& step);  // AdamW
std::string after_page(const Step& step);   // all parameters, and the loss, after the step

}  // namespace vitro::cli
