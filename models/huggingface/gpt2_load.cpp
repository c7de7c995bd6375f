// Loading GPT-2 from Hugging Face's layout.
#include <cstring>
#include <filesystem>
#include <set>

#include "framework/io/file.h"
#include "framework/io/safetensors_file.h"
#include "framework/nn/walk.h"
#include "framework/tensor/loops.h"
#include "models/huggingface/gpt2_config.h"
#include "models/huggingface/gpt2_tensors.h"
#include "models/huggingface/layout.h"

namespace vitro::models {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostConfigBytes = int64_t{16} << 20;

std::string weights_path(const std::string& directory) {
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
    if (const fs::path path = fs::path(directory) / name; file_exists(path)) return path;
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    check<IoError>(
        !file_exists(fs::path(directory) / name),
        "from_pretrained: model.safetensors expected: ", directory, " has ", name,
        ", a Python pickle, which runs code and is not read; transformers convert it: "
        "AutoModelForCausalLM.from_pretrained(d).save_pretrained(d, safe_serialization=True)");
  fail<IoError>("from_pretrained: model.safetensors or model.safetensors.index.json expected: ",
                directory, " has neither");
}

// The tensors of a directory, in the order of their bytes.
struct Weights {
  struct Found {
    std::string name;  // without prefix
    const SafetensorsFile* file;
    const TensorEntry* entry;
  };
  std::string path;
  std::vector<SafetensorsFile> files;
  std::vector<Found> all;

  const TensorEntry* find(std::string_view name) const {
    for (const Found& x : all)
      if (x.name == name) return x.entry;
    return nullptr;
  }
  DType dtype() const {  // which all have, or are converted to
    const TensorEntry* const wte = find("wte.weight");
    return wte ? wte->dtype : kFloat32;
  }
  int64_t positions() const {  // the rows of wpe; 1 where there is none, which check_fit tells
    const TensorEntry* const wpe = find("wpe.weight");
    return wpe && wpe->shape.rank() == 2 ? std::max<int64_t>(wpe->shape[0], 1) : 1;
  }

  explicit Weights(const std::string& directory)
      : path(weights_path(directory)), files(open_safetensors(path)) {
    for (const SafetensorsFile& file : files)
      for (const TensorEntry& entry : file.entries())
        all.push_back({std::string(without_prefix(entry.name)), &file, &entry});
  }
};

// What does not fit, all of it in one error.
class Misfits {
 public:
  template <class... Parts>
  void add(const char* kind, const Parts&... parts) {
    if (++count_ > kMost) return;
    text_ << "\n  " << kind << ": ";
    (text_ << ... << parts);
  }
  void check_none(const std::string& path) {
    if (count_ > kMost) text_ << "\n  and " << count_ - kMost << " more";
    check<IoError>(count_ == 0,
                   "from_pretrained: the weights that config.json describes expected: ", path,
                   text_.str());
  }

 private:
  static constexpr int64_t kMost = 50;  // that are told
  int64_t count_ = 0;
  std::ostringstream text_;
};

void check_weight(const FileTensor& expected, const TensorEntry& entry, DType dtype,
                  Misfits& misfits) {
  if (entry.shape != expected.shape)
    misfits.add("mismatched", entry.name, ": config.json asks for ", expected.shape,
                ", the file has ", entry.shape);
  else if (!is_floating(entry.dtype))
    misfits.add("mismatched", entry.name, ": floating numbers expected: ", entry.dtype);
  else if (entry.dtype != dtype)
    misfits.add("mismatched", entry.name, ": ", dtype,
                " expected, as wte.weight has: ", entry.dtype, "; with .dtype they are converted");
}

// Whether the file holds the model that the configuration describes, before anything is made.
void check_fit(const GPTConfig& config, const Weights& weights, bool converts) {
  Misfits misfits;
  std::map<std::string_view, const TensorEntry*> given;
  const DType dtype = weights.dtype();
  for (const auto& [name, file, entry] : weights.all)
    if (!given.emplace(name, entry).second)
      misfits.add("mismatched", entry->name, ": the same is there with another prefix");
  // n_layer comes from an untrusted file.  Check at most as many layers as the file has tensors
  // for; the rest are reported as missing.
  const int64_t most_layers = std::ssize(given) / kTensorsPerLayer + 1;
  for (const FileTensor& expected : gpt2_tensors(config, std::min(config.n_layer, most_layers))) {
    const auto found = given.find(expected.name);
    const bool may_lack = config.tied_head && expected.name == kHead;
    if (found != given.end()) {
      check_weight(expected, *found->second, converts ? found->second->dtype : dtype, misfits);
      given.erase(found);
    } else if (!may_lack) {
      misfits.add("missing", expected.name);
    }
  }
  if (config.n_layer > most_layers)
    misfits.add("missing", "some of layers ", most_layers, " to ", config.n_layer - 1);
  for (const auto& [name, entry] : given) {
    const std::optional<int64_t> layer = layer_of(name);
    const bool is_beyond = layer && most_layers <= *layer && *layer < config.n_layer;
    if (!is_beyond && !is_mask(name, config.n_layer)) misfits.add("unexpected", entry->name);
  }
  misfits.check_none(weights.path);
}

// Parameters that nobody has given values yet, of another dtype.
void retype(GPT& model, DType dtype) {
  for (auto& [name, x] : nn::all_tensors(model))
    if (x->dtype() != dtype) *x = empty(x->shape(), dtype).requires_grad_();
  if (model.config.tied_head) model.lm_head.weight = model.wte.weight;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(raw_bytes(a), raw_bytes(b),
                     static_cast<size_t>(a.numel()) * item_size(a.dtype())) == 0;
}

void read_weight(const Weights::Found& from, const Tensor& x, bool is_transposed) {
  if (!is_transposed && from.entry->dtype == x.dtype()) return from.file->read_into(x, *from.entry);
  const Tensor stored = from.file->read({from.entry, 1})[0];
  copy_into(x, is_transposed ? stored.t() : stored);
}

// A head that is tied and in the file must be the embedding.
void check_head(const Weights::Found& from, const Tensor& embedding) {
  const Tensor head = empty(embedding.shape(), embedding.dtype());
  read_weight(from, head, false);
  check<IoError>(same_bits(head, embedding), "from_pretrained: ", kHead,
                 " expected to be wte.weight, to which config.json ties it: ", from.file->path(),
                 " holds other values; \"tie_word_embeddings\": false unties them");
}

// The mask must be the causal one, with which GPT computes; masked_bias is the number that older
// code puts in its place.  `last` is the one before, which is kept once where they are equal.
void read_mask(const Weights::Found& from, bool is_number, int64_t block_size, Tensor& last) {
  const Tensor mask = from.file->read({from.entry, 1})[0];
  if (last.defined() && same_bits(last, mask)) return;
  const Shape square{1, 1, block_size, block_size};
  const bool is_right =
      is_number ? mask.numel() == 1
                : mask.shape() == square && same_bits(mask, tril(ones(square)).to(mask.dtype()));
  check<IoError>(is_right, "from_pretrained: a causal mask ", square,
                 ", and one number for a masked_bias, expected: ", from.file->path(), ": ",
                 from.entry->name, " is another");
  last = mask;
}

void read_weights(GPT& model, const Weights& weights, PretrainedLayout& layout) {
  std::map<std::string, Tensor*> parameters;
  for (auto& [name, x] : nn::all_tensors(model)) parameters.emplace(name, x);
  std::set<std::string> transposed;
  for (const FileTensor& x : gpt2_tensors(model.config, model.config.n_layer))
    if (x.is_transposed) transposed.insert(x.name);
  const Weights::Found* head = nullptr;
  Tensor mask, masked_bias;
  for (const Weights::Found& from : weights.all) {
    if (is_mask(from.name, model.config.n_layer)) {
      const bool is_number = from.name.ends_with(".masked_bias");
      Tensor& last = is_number ? masked_bias : mask;
      read_mask(from, is_number, model.config.block_size, last);
      layout.masks.emplace_back(from.name, last);
    } else if (from.name == kHead && model.config.tied_head) {
      head = &from;  // compared when the embedding is there
    } else {
      read_weight(from, *parameters.at(from.name), transposed.contains(from.name));
      if (from.name == "wte.weight")
        layout.has_prefix = from.entry->name.find(kPrefix) != std::string::npos;
    }
  }
  if (head) check_head(*head, model.wte.weight);
  layout.has_head = head;
}

}  // namespace

GPT GPT::from_pretrained(const std::string& directory, const PretrainedOptions& options) {
  check<DTypeError>(
      !options.dtype || is_floating(*options.dtype),
      "from_pretrained: a floating dtype expected: ", options.dtype.value_or(kFloat32));
  check<IoError>(is_directory(directory), "from_pretrained: a directory expected: ", directory,
                 "; nothing is downloaded");
  const std::string config_path = fs::path(directory) / "config.json";
  auto layout = std::make_shared<PretrainedLayout>();
  layout->config_json = read_file(config_path, kMostConfigBytes);
  if (const std::string path = fs::path(directory) / "generation_config.json"; file_exists(path))
    layout->generation_json = read_file(path, kMostConfigBytes);
  GPTConfig config = parse_gpt2_config(layout->config_json, "from_pretrained: " + config_path);
  if (options.dropout)
    config.dropout = *options.dropout, config.embd_pdrop = config.attn_pdrop = {};
  const Weights weights(directory);
  if (config.block_size == 0) config.block_size = weights.positions();
  check_fit(config, weights, options.dtype.has_value());

  GPT model(config, InitialValues::kNone);
  retype(model, options.dtype.value_or(weights.dtype()));
  read_weights(model, weights, *layout);
  layout->metadata.clear();
  for (const SafetensorsFile& file : weights.files)
    layout->metadata.insert(file.metadata().begin(), file.metadata().end());
  model.layout = std::move(layout);
  model.eval();
  return model;
}

}  // namespace vitro::models
