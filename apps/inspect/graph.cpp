// `vitro graph`: the forward graph of the model on a prompt, in Graphviz's language.
#include "apps/cli/model_options.h"
#include "apps/cli/output.h"

namespace vitro::cli {

int graph(const GraphOptions& options) {
  const Source source = read_source(options.model.text);
  const std::vector<int64_t> ids = encode_prompt(*source.tokenizer, options.prompt);
  models::MiniLM model =
      make_model(options.model, *source.tokenizer, static_cast<int64_t>(ids.size()));
  const std::string dot = graph_to_dot(model(from_span(ids)));
  if (options.out.empty()) write_out(dot);
  else write_file(options.out, dot);
  return 0;
}

}  // namespace vitro::cli
