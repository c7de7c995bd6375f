// What `vitro activations` and `vitro gradients` share: the model, its input, and tables of
// numbers.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace vitro::cli {

// A model and the tokens that it reads.
struct Look {
  std::unique_ptr<models::LanguageModel> model;  // in eval mode if it was loaded
  std::vector<int64_t> ids;
  std::string introduction;  // what the model is, and what it reads
};
// The model that the options name, and the ids of the prompt.  A model without a tokenizer gets
// random ids.  The last `targets` tokens are not read, so the prompt may be longer by them than the
// context.  UsageError without a prompt; ValueError for a longer one.
Look open_look(const LookOptions& options, int64_t targets = 0);

// The module that --module names and all modules inside it, or else all modules of the model.
// UsageError for an unknown path.
nn::NamedModules looked_at(nn::Module& model, const std::string& path);

// The statistics of a tensor.  NaN and infinite numbers are only counted.
struct Statistics {
  int64_t count = 0, nans = 0, infinite = 0;  // of all numbers
  double mean = 0, deviation = 0;             // of the finite numbers; deviation^2: mean of squares
  double largest = 0;                         // largest |x| of the finite numbers
  double zeros = 0;                           // the share of zeros among all numbers
};
Statistics statistics_of(const Tensor& x);

// A row of the table.
struct Looked {
  std::string path;  // of a module or parameter; "" is the whole model
  Shape shape;
  std::optional<Statistics> statistics = {};  // no value: there is no gradient
};
// The table has one line per row.  `what` is the title of the first column.
std::string look_table(const std::string& what, const std::vector<Looked>& rows);
nlohmann::ordered_json look_json(const std::vector<Looked>& rows);
// The part of the JSON that describes model and input.
nlohmann::ordered_json look_json(const LookOptions& options, const Look& look);

}  // namespace vitro::cli
