// The defaults of LanguageModel, and the reader without a cache.
#include "models/language/language_model.h"

#include "framework/tensor/factories.h"
#include "models/layers/layers.h"

namespace vitro::models {

namespace {

class WindowReader final : public Reader {
 public:
  explicit WindowReader(LanguageModel& model) : model_(model) {}
  std::vector<Tensor> next_logits(std::span<const Window> windows) override {
    std::vector<Tensor> logits(windows.size());
    for (size_t i = 0; i < windows.size(); ++i)
      if (!windows[i].ended) logits[i] = model_(from_span(windows[i].ids)).select(0, -1);
    return logits;
  }

 private:
  LanguageModel& model_;
};

}  // namespace

Tensor LanguageModel::loss(const Tensor& ids, const Tensor& targets,
                           const CrossEntropyOptions& options) {
  return cross_entropy((*this)(ids), targets, options);
}

std::unique_ptr<Reader> LanguageModel::make_reader(int64_t, int64_t) {
  return make_window_reader(*this);
}

Tensor LanguageModel::forward_from(int64_t, const Tensor&) {
  fail<ValueError>("forward_from: expected a model with a residual stream, got ", describe());
}

void LanguageModel::set_dropout(double p) {
  for (nn::Module* part : modules())
    if (auto* dropout = dynamic_cast<nn::Dropout*>(part)) dropout->p = p;
}

std::unique_ptr<Reader> make_window_reader(LanguageModel& model) {
  return std::make_unique<WindowReader>(model);
}

}  // namespace vitro::models
