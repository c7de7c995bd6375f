// Reads and writes config.json of GPT-2.
#include "models/huggingface/gpt2_config.h"

#include <algorithm>

#include "framework/io/config_fields.h"
#include "models/huggingface/layout.h"

namespace vitro::models {

namespace {

// Fields that must have this value, if the file has them.
constexpr struct {
  const char *field, *value;
} kFixed[] = {{"scale_attn_weights", "true"},       {"scale_attn_by_inverse_layer_idx", "false"},
              {"reorder_and_upcast_attn", "false"}, {"add_cross_attention", "false"},
              {"is_encoder_decoder", "false"},      {"pruned_heads", "{}"},
              {"quantization_config", "null"}};

// Most sizes have a second name.  If n_positions is missing, n_ctx or the weights give block_size.
constexpr struct {
  const char *name, *other;
  int64_t GPTConfig::*size;
} kSizes[] = {{"n_positions", "max_position_embeddings", &GPTConfig::block_size},
              {"vocab_size", nullptr, &GPTConfig::vocab_size},
              {"n_layer", "num_hidden_layers", &GPTConfig::n_layer},
              {"n_head", "num_attention_heads", &GPTConfig::n_head},
              {"n_embd", "hidden_size", &GPTConfig::n_embd}};

constexpr std::string_view kTanhForms[] = {"gelu_new", "gelu_pytorch_tanh", "gelu_fast"},
                           kErfForm = "gelu";

void check_architecture(ConfigFields& fields) {
  const bool is_named = fields.has("model_type");
  if (is_named && fields.text("model_type") != "gpt2")
    fields.refuse("expected gpt2 for model_type, got ", fields.text("model_type"));
  if (!fields.has("architectures")) {
    if (!is_named) fields.refuse("expected a field model_type, got none");
    return;
  }
  const nlohmann::json& all = fields.value("architectures");
  if (!all.is_array()) fields.refuse("expected a list for architectures, got ", all.dump());
  for (const auto& one : all)
    if (one == "GPT2LMHeadModel" || one == "GPT2Model") return;
  fields.refuse("expected GPT2LMHeadModel or GPT2Model in architectures, got ", all.dump());
}

// The value of bos_token_id and eos_token_id in transformers if the fields are missing.
constexpr int64_t kDefaultEnd = 50256;

double probability(ConfigFields& fields, const char* name) {
  return fields.has(name) ? fields.number(name, 0, 1) : 0.1;  // transformers' own default
}

}  // namespace

GPTConfig parse_gpt2_config(const std::string& json, const std::string& name) {
  ConfigFields fields(json, name);
  check_architecture(fields);
  for (const auto& [field, value] : kFixed)
    if (fields.holds(field) && fields.value(field).dump() != value)
      fields.refuse("expected ", value, " for ", field, ", got ", fields.value(field).dump());
  GPTConfig config;
  for (const auto& [field, other, size] : kSizes) {
    const bool by_other = other && !fields.has(field) && fields.has(other);
    if (size == &GPTConfig::block_size && !by_other && !fields.has(field))
      config.block_size = fields.has("n_ctx") ? fields.size("n_ctx") : 0;
    else config.*size = fields.size(by_other ? other : field);
  }
  if (fields.has("n_inner")) config.n_inner = fields.size("n_inner");
  if (config.n_embd % config.n_head != 0)
    fields.refuse("expected a divisor of n_embd (", config.n_embd, ") for n_head, got ",
                  config.n_head);
  if (fields.has("activation_function")) {
    const std::string f = fields.text("activation_function");
    if (f == kErfForm) config.mlp = MLPKind::kGeluErf;
    else if (std::ranges::count(kTanhForms, f) == 0)
      fields.refuse("expected gelu_new or gelu for activation_function, got ", f);
  }
  config.norm_eps =
      fields.has("layer_norm_epsilon") ? fields.number("layer_norm_epsilon", 0, 1) : 1e-5;
  config.tied_head =
      fields.has("tie_word_embeddings") ? fields.boolean("tie_word_embeddings") : true;
  config.dropout = probability(fields, "resid_pdrop");
  const auto if_another = [&](const char* field) {
    const double p = probability(fields, field);
    return p == config.dropout ? std::nullopt : std::optional(p);
  };
  config.embd_pdrop = if_another("embd_pdrop");
  config.attn_pdrop = if_another("attn_pdrop");
  return config;
}

std::string gpt2_config_json(const GPTConfig& config, DType dtype, const std::string& before,
                             std::optional<int64_t> end_of_text) {
  nlohmann::ordered_json json;
  if (before.empty()) {
    json = {{"activation_function", nullptr},
            {"architectures", {"GPT2LMHeadModel"}},
            {"model_type", "gpt2"},
            {"torch_dtype", nullptr}};
    json["bos_token_id"] = json["eos_token_id"] = nullptr;
  } else {
    json = nlohmann::ordered_json::parse(before);
  }
  const std::string type(dtype_name(dtype));
  GPTConfig was;
  if (!before.empty()) {
    was = parse_gpt2_config(before, "config.json");
    if (was.block_size == 0) was.block_size = config.block_size;
  }
  bool is_same = !before.empty() && was == config;
  for (const char* field : {"torch_dtype", "dtype"})
    if (json.contains(field) && json[field] != type) json[field] = type, is_same = false;
  for (const char* field : {"bos_token_id", "eos_token_id"}) {
    const bool is_named =
        json.contains(field) ? !json[field].is_null() : end_of_text == kDefaultEnd;
    if (end_of_text && !is_named) json[field] = *end_of_text, is_same = false;
  }
  if (is_same) return before;
  for (const auto& [field, other, size] : kSizes) {
    json[field] = config.*size;
    if (other) json.erase(other);
  }
  json["n_inner"] = nullptr;
  if (config.n_inner) json["n_inner"] = config.n_inner;
  if (before.empty() || was.mlp != config.mlp)
    json["activation_function"] = config.mlp == MLPKind::kGeluErf ? kErfForm : kTanhForms[0];
  json["layer_norm_epsilon"] = config.norm_eps;
  json["tie_word_embeddings"] = config.tied_head;
  json["resid_pdrop"] = config.dropout;
  json["embd_pdrop"] = config.embd_dropout();
  json["attn_pdrop"] = config.attn_dropout();
  if (json.contains("n_ctx")) json["n_ctx"] = config.block_size;
  return json.dump(2) + '\n';
}

}  // namespace vitro::models
