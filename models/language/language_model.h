// LanguageModel: the interface through which training, generation and checkpoints use any model.
//
// To add your own model, write a struct that implements the functions without a default, and add
// its type to the list with register_model (model_types.h).
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "../../framework/nn/module.h"
#include "../../ops/ops.h"
#include "generate_options.h"

namespace [[gnu::visibility("default")]] vitro {
namespace models {

// Whether a new model gets initial values.
enum class InitialValues {
  kRandom,  // as the model's documentation says
  kNone     // undefined, for a caller that loads the weights
};

// The last ids of a growing text.  The model sees only these ids.
struct Window {
  std::span<const int64_t> ids;  // at least one
  size_t start;                  // the position of the first id in the text
  bool ended;                    // the text is complete: its logits are not used
};

// Reads several growing texts at the same time.
class Reader {
 public:
  virtual ~Reader() = default;
  // Returns the logits (V) of the token after each window.  For a text that has ended, the tensor
  // may have any values or be undefined.
  virtual std::vector<Tensor> next_logits(std::span<const Window> windows) = 0;
  virtual void forget() {}  // forgets everything that was read
};

// forward maps ids (..., T) to logits (..., T, V): logits[..., t, :] has a score of each token as
// the successor of ids[..., 0..t].
struct LanguageModel : nn::Module {
  virtual int64_t vocab_size() const = 0;  // V
  virtual int64_t context() const = 0;     // how many of the last tokens the logits depend on
  // {"model_type": ..., ...}, from which make_model makes a model of the same structure.
  virtual std::string config_json() const = 0;

  // The most tokens that forward takes at once; no value: any number.
  virtual std::optional<int64_t> max_length() const { return {}; }
  // cross_entropy of forward(ids); ids and targets (B, T).
  virtual Tensor loss(const Tensor& ids, const Tensor& targets,
                      const CrossEntropyOptions& options = {});
  // Returns a reader of `texts` texts with windows of at most `capacity` tokens.  Before allocating
  // memory, limit `capacity`: it may be INT64_MAX.  The default reader computes every window from
  // the start; a model with a cache should override this function.  The model must outlive the
  // reader.
  virtual std::unique_ptr<Reader> make_reader(int64_t texts, int64_t capacity);
  virtual int64_t cache_bytes() const { return 0; }  // of a reader's cache for one full context

  // Returns the logits of a residual stream (B, T, C) that enters layer `layer`, as if the layers
  // before had computed the stream.  ValueError for a model without a residual stream.
  virtual Tensor forward_from(int64_t layer, const Tensor& stream);
  // Sets the probability of every Dropout.  Models override it to change their configuration too.
  virtual void set_dropout(double p);

  // The metadata that a checkpoint stores in addition to weights and configuration.  A loaded model
  // gets it back through take_metadata.
  using Metadata = std::map<std::string, std::string>;
  virtual Metadata metadata() const { return {}; }  // to store
  virtual void take_metadata(const Metadata&) {}    // gets all metadata of the checkpoint
  virtual std::optional<int64_t> eos_token_id() const { return {}; }  // the token that ends texts
  // The options that the makers of the model recommend.  IoError for one that vitro does not have.
  virtual GenerateOptions generate_options() const { return {.eos_token_id = eos_token_id()}; }
};

// Returns a reader for any model, without a cache: it computes every window from the start.
std::unique_ptr<Reader> make_window_reader(LanguageModel& model);

}  // namespace models
}  // namespace vitro
