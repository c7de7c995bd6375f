// LanguageModel: the interface through which training, generation and checkpoints use any model.
//
// Your own model is a struct that implements the functions without a default, and one line that
// adds its type to the list: register_model in model_types.h.
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

// The last ids of a text that grows; the model sees only these.
struct Window {
  std::span<const int64_t> ids;  // at least one
  size_t start;                  // the position of the first id in the text
  bool ended;                    // the text is complete: its logits are not used
};

// Reads several texts as they grow, side by side.
class Reader {
 public:
  virtual ~Reader() = default;
  // The logits (V) of the token after each window.  Those of an ended text may be anything, also
  // undefined.
  virtual std::vector<Tensor> next_logits(std::span<const Window> windows) = 0;
  virtual void forget() {}  // forgets everything that was read
};

// forward maps ids (..., T) to logits (..., T, V): logits[..., t, :] scores every token as the one
// that follows ids[..., 0..t].
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
  // A reader of `texts` texts, whose windows have at most `capacity` tokens.  Do not allocate that
  // many: it is INT64_MAX if nothing limits them.  By default the reader computes every window from
  // the start; a model with a cache should override this.  The model must outlive the reader.
  virtual std::unique_ptr<Reader> make_reader(int64_t texts, int64_t capacity);
  virtual int64_t cache_bytes() const { return 0; }  // a reader's cache for one full context

  // The logits of a residual stream (B, T, C) that enters layer `layer`, as if the layers before
  // had made it.  ValueError for a model without a residual stream.
  virtual Tensor forward_from(int64_t layer, const Tensor& stream);
  // Sets the probability of every Dropout, and the one in the configuration.
  virtual void set_dropout(double p);

  // The metadata that a checkpoint stores in addition to weights and configuration, and gives to
  // the model when it is loaded.
  using Metadata = std::map<std::string, std::string>;
  virtual Metadata metadata() const { return {}; }  // to store
  virtual void take_metadata(const Metadata&) {}    // gets all metadata of the checkpoint
  virtual std::optional<int64_t> eos_token_id() const { return {}; }  // of the end, if it has one
  // The options that the makers of the model recommend.  IoError for one that vitro cannot follow.
  virtual GenerateOptions generate_options() const { return {.eos_token_id = eos_token_id()}; }
};

// A reader for any model, without a cache: it computes every window from the start.
std::unique_ptr<Reader> make_window_reader(LanguageModel& model);

}  // namespace models
}  // namespace vitro
