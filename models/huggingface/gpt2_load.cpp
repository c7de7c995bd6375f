// Loads GPT-2 from Hugging Face's layout.
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
        !file_exists(fs::path(directory) / name), "from_pretrained: expected model.safetensors in ",
        directory, ", got ", name,
        ", a Python pickle, which is not read because it can run code; convert it with "
        "transformers: "
        "AutoModelForCausalLM.from_pretrained(d).save_pretrained(d, safe_serialization=True)");
  fail<IoError>("from_pretrained: expected model.safetensors or model.safetensors.index.json in ",
                directory, ", got neither");
}

// The tensors in a directory, in the order of their bytes.
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
  // The dtype of wte.weight.  Unless all weights are converted, check_fit refuses other dtypes.
  DType dtype() const {
    const TensorEntry* const wte = find("wte.weight");
    return wte ? wte->dtype : kFloat32;
  }
  // The number of rows of wpe.weight.  If wpe.weight is missing, the result is 1, and check_fit
  // reports the missing tensor.
  int64_t positions() const {
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

// Collects everything that does not fit, for one error.
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
    check<IoError>(
        count_ == 0,
        "from_pretrained: expected the weights that config.json describes, got others in ", path,
        text_.str());
  }

 private:
  static constexpr int64_t kMost = 50;  // listed misfits
  int64_t count_ = 0;
  std::ostringstream text_;
};

void check_weight(const FileTensor& expected, const TensorEntry& entry, DType dtype,
                  Misfits& misfits) {
  if (entry.shape != expected.shape)
    misfits.add("mismatched", entry.name, ": config.json needs ", expected.shape, ", the file has ",
                entry.shape);
  else if (!is_floating(entry.dtype))
    misfits.add("mismatched", entry.name, ": its dtype ", entry.dtype, " is not floating");
  else if (entry.dtype != dtype)
    misfits.add("mismatched", entry.name, ": wte.weight has ", dtype, ", this has ", entry.dtype,
                "; pass .dtype to convert");
}

// Checks that the files have the tensors that the configuration needs, before the model is made.
void check_fit(const GPTConfig& config, const Weights& weights, bool converts) {
  Misfits misfits;
  std::map<std::string_view, const TensorEntry*> given;
  const DType dtype = weights.dtype();
  for (const auto& [name, file, entry] : weights.all)
    if (!given.emplace(name, entry).second)
      misfits.add("mismatched", entry->name, ": the file has the same name with another prefix");
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

// Sets the dtype of all parameters, which have no values yet.
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

// Checks that a tied head in the file equals the embedding.
void check_head(const Weights::Found& from, const Tensor& embedding) {
  const Tensor head = empty(embedding.shape(), embedding.dtype());
  read_weight(from, head, false);
  check<IoError>(same_bits(head, embedding),
                 "from_pretrained: expected the values of wte.weight, as config.json says, for ",
                 kHead, ", got other values in ", from.file->path(),
                 "; set \"tie_word_embeddings\": false to untie them");
}

// Reads a mask and checks that it is the causal mask, because GPT has no other mask.  masked_bias
// is the number that older code writes into the masked places.  `last` is the mask of the previous
// layer; equal masks share one tensor.
void read_mask(const Weights::Found& from, bool is_number, int64_t block_size, Tensor& last) {
  const Tensor mask = from.file->read({from.entry, 1})[0];
  if (last.defined() && same_bits(last, mask)) return;
  const Shape square{1, 1, block_size, block_size};
  const bool is_right =
      is_number ? mask.numel() == 1
                : mask.shape() == square && same_bits(mask, tril(ones(square)).to(mask.dtype()));
  check<IoError>(is_right, "from_pretrained: expected a causal mask ", square,
                 ", and one number for a masked_bias, got other values for ", from.entry->name,
                 " in ", from.file->path());
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
      head = &from;  // compared after the embedding has been read
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
  check<DTypeError>(!options.dtype || is_floating(*options.dtype),
                    "from_pretrained: expected a floating dtype, got ",
                    options.dtype.value_or(kFloat32));
  check<IoError>(is_directory(directory), "from_pretrained: expected a directory, got ", directory,
                 "; nothing is downloaded");
  const std::string config_path = fs::path(directory) / "config.json";
  auto layout = std::make_shared<PretrainedLayout>();
  layout->config_json = read_file(config_path, kMostConfigBytes);
  if (const std::string path = fs::path(directory) / "generation_config.json"; file_exists(path))
    layout->generation_json = read_file(path, kMostConfigBytes);
  GPTConfig config =
      parse_gpt2_config(layout->config_json, "from_pretrained: config " + config_path);
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
