// Runs the model without hooks.
#include "models/proof/plain_run.h"

#include "framework/autograd/engine.h"
#include "models/language/language_model.h"
#include "models/proof/members.h"
#include "ops/ops.h"

namespace vitro::proof {

PlainRun run_plain(const Run& run) {
  const EvalMode eval(run.model);
  std::vector<Tensor> parameters;
  for (const Tensor& parameter : run.model.parameters())
    if (parameter.requires_grad()) parameters.push_back(parameter);
  PlainRun all;
  Tensor loss;
  GradOptions how{.allow_unused = true};
  if (!run.options.targets.defined()) {
    loss = run.model(run.input), how.grad_outputs = {run.dy};
    all.output = loss.detach();
  } else {
    {
      NoGradGuard unrecorded;
      all.output = run.model(run.input);
    }
    // The loss of a language model may use kernels that its forward does not use.
    auto* language = dynamic_cast<models::LanguageModel*>(&run.model);
    const Tensor& targets = run.options.targets;
    loss = language && run.input.rank() == 2 ? language->loss(run.input, targets)
                                             : vitro::cross_entropy(run.model(run.input), targets);
    all.loss = loss.item();
  }
  if (parameters.empty() || !loss.requires_grad()) return all;
  const std::vector<Tensor> gradients = grad(loss, parameters, how);
  for (size_t i = 0; i < parameters.size(); ++i)
    if (gradients[i].defined()) all.gradients[parameters[i].impl()] = gradients[i];
  return all;
}

}  // namespace vitro::proof
