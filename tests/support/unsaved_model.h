// A language model for tests that cannot be saved in a checkpoint.
#pragma once
#include "vitro.h"

namespace vitro::testing {

struct UnsavedModel : models::LanguageModel {
  explicit UnsavedModel(int64_t vocabulary) : vocabulary_(vocabulary) {}
  int64_t vocab_size() const override { return vocabulary_; }
  int64_t context() const override { return 1; }
  std::string config_json() const override { return "{}"; }

 private:
  int64_t vocabulary_;
};

}  // namespace vitro::testing
