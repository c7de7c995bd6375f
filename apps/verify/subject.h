// The model that `vitro verify` proves, and the tokens that it reads.
#pragma once
#include <memory>
#include <string>

#include "apps/cli/options.h"

namespace vitro::cli {

struct Subject {
  std::unique_ptr<models::LanguageModel> model;
  Tensor ids, targets;       // (B, T); the target of each token is the next token of the text
  std::string introduction;  // says in sentences which model and text
};

// Loads the model that the options name, or makes one with random weights.
Subject subject_of(const VerifyOptions& options);

}  // namespace vitro::cli
