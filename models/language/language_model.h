// LanguageModel: what training, generation and checkpoints ask of a model, whatever it is made of.
//
// A model of one's own is a struct that answers the questions without a default, and one line that
// names its kind: register_model in model_types.h.
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

enum class InitialValues { kRandom, kNone };  // kNone: for who loads them

// What a model is given of a text that grows: its last ids.
struct Window {
  std::span<const int64_t> ids;
  size_t start;  // the place in the text of the first of them
  bool ended;    // nobody asks for more of this text
};

// Reads texts as they grow, side by side.
class Reader {
 public:
  virtual ~Reader() = default;
  // The logits (V) behind the last id of each window; of a text that has ended they mean nothing.
  virtual std::vector<Tensor> next_logits(std::span<const Window> windows) = 0;
  virtual void forget() {}  // all that was read
};

// forward maps ids (..., T) to logits (..., T, V): logits[..., t, :] scores every token as the one
// that follows ids[..., 0..t].
struct LanguageModel : nn::Module {
  virtual int64_t vocab_size() const = 0;
  virtual int64_t context() const = 0;  // how many tokens back it looks
  // {"model_type": ..., ...}, of which make_model makes a model of the same structure.
  virtual std::string config_json() const = 0;

  // The most tokens that forward takes at once; none: any number.
  virtual std::optional<int64_t> max_length() const { return {}; }
  // cross_entropy of the logits; ids and targets (B, T).
  virtual Tensor loss(const Tensor& ids, const Tensor& targets,
                      const CrossEntropyOptions& options = {});
  // A reader of so many texts, whose windows have at most `capacity` tokens; INT64_MAX where
  // nothing bounds them, so it is no size to allocate.  This one computes each window anew; a model
  // that can keep what it has read does better.  The model must outlive it.
  virtual std::unique_ptr<Reader> make_reader(int64_t texts, int64_t capacity);
  virtual int64_t cache_bytes() const { return 0; }  // what a reader keeps of one whole context

  // The logits of a residual stream (B, T, C) that enters layer `layer`, as if the layers before
  // had made it.  ValueError for a model that has none.
  virtual Tensor forward_from(int64_t layer, const Tensor& stream);
  // The probability of every Dropout, and what its configuration says of it.
  virtual void set_dropout(double p);

  // What a checkpoint keeps of it beside weights and configuration, and gives back.
  using Metadata = std::map<std::string, std::string>;
  virtual Metadata metadata() const { return {}; }
  virtual void take_metadata(const Metadata&) {}
  virtual std::optional<int64_t> eos_token_id() const { return {}; }  // if it knows one
  // How its makers want it to generate.  IoError for what they want and vitro cannot do.
  virtual GenerateOptions generate_options() const { return {.eos_token_id = eos_token_id()}; }
};

// A reader that computes each window anew, of any model.
std::unique_ptr<Reader> make_window_reader(LanguageModel& model);

}  // namespace models
}  // namespace vitro
