// Writes GPT's configuration as JSON, and reads it.
#include "models/language/gpt_config.h"

#include <algorithm>
#include <array>

#include "framework/io/config_fields.h"
#include "models/language/model_types.h"

namespace vitro::models {

namespace {

constexpr std::array kNorms = {"layer_norm", "rms_norm"};     // in the order of NormKind
constexpr std::array kPositions = {"learned", "rotary"};      // of PositionKind
constexpr std::array kMLPs = {"gelu", "swiglu", "gelu_erf"};  // of MLPKind

// The square of this block_size, times the sizes of a layer, fits into 64 bits.
constexpr int64_t kMostContext = int64_t{1} << 24;

// Lists the fields, for both reading and writing.
template <class Fields, class Config>
void visit(Fields&& fields, Config& c) {
  fields.size("block_size", c.block_size, 1);
  fields.size("vocab_size", c.vocab_size, 1);
  fields.size("n_layer", c.n_layer, 1);
  fields.size("n_head", c.n_head, 1);
  fields.size("n_embd", c.n_embd, 1);
  fields.number("dropout", c.dropout, 0, 1);
  fields.boolean("bias", c.bias);
  fields.size("n_kv_head", c.n_kv_head, 0);
  fields.size("n_inner", c.n_inner, 0);
  fields.choice("norm", c.norm, kNorms);
  fields.choice("position", c.position, kPositions);
  fields.choice("mlp", c.mlp, kMLPs);
  fields.boolean("tied_head", c.tied_head);
  fields.number("norm_eps", c.norm_eps, 0, 1);
  fields.number("rope_base", c.rope_base, 1, 1e12);
  fields.optional("embd_pdrop", c.embd_pdrop, 0, 1);
  fields.optional("attn_pdrop", c.attn_pdrop, 0, 1);
}

struct ConfigWriter {
  nlohmann::ordered_json json = {{"model_type", "gpt"}};
  void size(const char* name, int64_t n, int64_t) { json[name] = n; }
  void number(const char* name, double x, double, double) { json[name] = x; }
  void optional(const char* name, std::optional<double> x, double, double) {
    if (x) json[name] = *x;
  }
  void boolean(const char* name, bool b) { json[name] = b; }
  template <class Enum, size_t N>
  void choice(const char* name, Enum kind, const std::array<const char*, N>& names) {
    json[name] = names[static_cast<size_t>(kind)];
  }
};

struct ConfigReader {
  ConfigFields fields;
  void size(const char* name, int64_t& n, int64_t least) { n = fields.size(name, least); }
  void number(const char* name, double& x, double least, double below) {
    x = fields.number(name, least, below);
  }
  void optional(const char* name, std::optional<double>& x, double least, double below) {
    if (fields.holds(name)) x = fields.number(name, least, below);
  }
  void boolean(const char* name, bool& b) { b = fields.boolean(name); }
  template <class Enum, size_t N>
  void choice(const char* name, Enum& kind, const std::array<const char*, N>& names) {
    const std::string given = fields.text(name);
    std::string all;
    for (size_t i = 0; i < N; ++i) {
      if (given == names[i]) return void(kind = static_cast<Enum>(i));
      all += (i ? ", " : "") + std::string(names[i]);
    }
    fields.refuse("expected one of ", all, " for ", name, ", got ", given);
  }
};

}  // namespace

std::string to_json(const GPTConfig& config) {
  ConfigWriter writer;
  visit(writer, config);
  return writer.json.dump();
}

GPTConfig gpt_config(const std::string& json) {
  ConfigReader reader{{json, "config"}};
  if (reader.fields.text("model_type") != "gpt")
    reader.fields.refuse("expected model_type gpt, got ", reader.fields.text("model_type"));
  GPTConfig c;
  visit(reader, c);
  reader.fields.check_no_others();
  if (c.block_size > kMostContext)
    reader.fields.refuse("expected a block_size of at most 2^24, got ", c.block_size);
  if (c.n_embd % c.n_head != 0)
    reader.fields.refuse("expected an n_head that divides n_embd (", c.n_embd, "), got ", c.n_head);
  if (c.n_head % c.kv_heads() != 0)
    reader.fields.refuse("expected an n_kv_head that divides n_head (", c.n_head, "), got ",
                         c.n_kv_head);
  if (c.position == PositionKind::kRotary && c.n_embd / c.n_head % 2 != 0)
    reader.fields.refuse("expected an even n_embd / n_head for rotary positions, got ",
                         c.n_embd / c.n_head);
  return c;
}

double parameter_count(const GPTConfig& config) {
  const auto c = static_cast<double>(config.n_embd), v = static_cast<double>(config.vocab_size),
             inner = static_cast<double>(config.inner()),
             kv = c / static_cast<double>(config.n_head) * static_cast<double>(config.kv_heads());
  const double bias = config.bias ? 1 : 0, gates = config.mlp == MLPKind::kSwiGLU ? 2 : 1,
               norm = config.norm == NormKind::kRMSNorm ? c : (1 + bias) * c;
  const double attention = (c + bias) * (c + 2 * kv) + (c + bias) * c,
               mlp = gates * (c + bias) * inner + (inner + bias) * c;
  const double wpe =
      config.position == PositionKind::kLearned ? static_cast<double>(config.block_size) * c : 0;
  return (config.tied_head ? 1 : 2) * v * c + wpe + norm +
         static_cast<double>(config.n_layer) * (2 * norm + attention + mlp);
}

// Counts the state of training, and for each token the activations that backward needs and the
// logits with their gradients.  Only in float64 are more than kMostLogits logits stored.
double training_bytes(const GPTConfig& c, int64_t tokens, DType dtype) {
  const double embd = static_cast<double>(c.n_embd), inner = static_cast<double>(c.inner()),
               layers = static_cast<double>(c.n_layer), vocab = static_cast<double>(c.vocab_size);
  const double each = static_cast<double>(tokens), most = GPT::kMostLogits,
               logits = dtype == kFloat64 ? each * vocab : std::min(each * vocab, most),
               activations = each * (layers * (10 * embd + 3 * inner) + 4 * embd) + 2 * logits;
  return state_bytes(parameter_count(c), dtype) +
         static_cast<double>(item_size(dtype)) * activations;
}

}  // namespace vitro::models
