// A language model that cannot be saved in a checkpoint, for tests.
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
