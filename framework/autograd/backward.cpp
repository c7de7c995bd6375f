// backward(), grad() and vjp(): the functions through which users call the engine.
#include "framework/autograd/run.h"

namespace vitro {

void Tensor::backward(const Tensor& gradient, bool retain_graph) const try {
  Run run(retain_graph);
  AutoGradMode off(false);
  run.seed(*this, gradient);
  run.execute();
} catch (const std::bad_alloc&) { fail_memory(); }

// Marks the nodes through which an output depends on one of the inputs.  Other nodes do not run.
void Run::mark_useful(const std::vector<Tensor>& inputs) {
  uint64_t oldest = ~uint64_t{0};
  for (size_t i = 0; i < inputs.size(); ++i) {
    check<GraphError>(inputs[i].requires_grad(),
                      "grad: expected inputs that require grad, got input ", i,
                      ", which does not require grad");
    useful_.emplace(inputs[i].impl()->node.get(), static_cast<int>(i));
    oldest = std::min(oldest, inputs[i].impl()->node->number);
  }
  results_.resize(inputs.size());
  std::vector<Node*> found;
  std::unordered_map<const Node*, bool> seen;
  for (const NodePtr& root : roots_)
    if (seen.emplace(root.get(), true).second) found.push_back(root.get());
  for (size_t i = 0; i < found.size(); ++i)
    for (const NodePtr& input : found[i]->inputs)
      if (input && input->number >= oldest && seen.emplace(input.get(), true).second)
        found.push_back(input.get());
  std::sort(found.begin(), found.end(),
            [](const Node* a, const Node* b) { return a->number < b->number; });
  for (Node* node : found)
    for (const NodePtr& input : node->inputs)
      if (input && useful_.contains(input.get())) useful_.emplace(node, -1);
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) try {
  check<GraphError>(!outputs.empty() && !inputs.empty(),
                    "grad: expected at least one output and one input, got ", outputs.size(),
                    " and ", inputs.size());
  check<GraphError>(options.grad_outputs.empty() || options.grad_outputs.size() == outputs.size(),
                    "grad: expected ", outputs.size(), " grad_outputs, one per output, got ",
                    options.grad_outputs.size());
  Run run(options.retain_graph || options.create_graph);
  AutoGradMode mode(options.create_graph);
  for (size_t i = 0; i < outputs.size(); ++i)
    run.seed(outputs[i], options.grad_outputs.empty() ? Tensor() : options.grad_outputs[i]);
  run.mark_useful(inputs);
  run.execute();
  std::vector<Tensor> results = std::move(run.results());
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (size_t j = 0; j < i; ++j)  // the same tensor may be given twice
      if (inputs[i].impl()->node == inputs[j].impl()->node) results[i] = results[j];
    check<GraphError>(results[i].defined() || options.allow_unused,
                      "grad: expected an output that depends on input ", i, " of shape ",
                      inputs[i].shape(),
                      ", got none; pass allow_unused = true to get an undefined gradient");
  }
  return results;
} catch (const std::bad_alloc&) { fail_memory(); }

std::vector<Tensor> grad(const Tensor& output, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  return grad(std::vector<Tensor>{output}, inputs, options);
}

namespace {
// y = x   =>   dx = dy
struct Alias final : Op<Alias> {
  static constexpr std::string_view kName = "alias";
  TensorList backward(const Tensor& dy) override { return {dy}; }
};
}  // namespace

TensorList vjp(const Definition& f, const std::vector<Tensor>& xs, const Tensor& dy) {
  bool create_graph = grad_enabled();
  AutoGradMode on(true);
  std::vector<Tensor> fresh, wanted;
  for (const Tensor& x : xs) {
    Tensor y = x.defined() ? x.detach() : x;
    if (x.defined() && is_floating(x.dtype())) {
      if (!record<Alias>(y, x)) y.requires_grad_();
      wanted.push_back(y);
    }
    fresh.push_back(y);
  }
  std::vector<Tensor> found =
      grad({f(fresh)}, wanted,
           {.grad_outputs = {dy}, .create_graph = create_graph, .allow_unused = true});
  TensorList gradients;
  size_t next = 0;
  for (const Tensor& x : xs)
    gradients.push_back(x.defined() && is_floating(x.dtype()) ? found[next++] : Tensor());
  return gradients;
}

}  // namespace vitro
