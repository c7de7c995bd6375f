// Reads generation_config.json.
#include "models/huggingface/generation_config.h"

#include <cmath>
#include <limits>

#include "framework/io/config_fields.h"

namespace vitro::models {

namespace {

// Fields of generation methods that vitro does not have.  A field is accepted only with its neutral
// value, null, false or an empty list.
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr struct {
  const char* field;
  double neutral;
} kNeutral[] = {{"num_beams", 1},
                {"num_beam_groups", 1},
                {"num_return_sequences", 1},
                {"min_length", 0},
                {"min_new_tokens", 0},
                {"no_repeat_ngram_size", 0},
                {"encoder_no_repeat_ngram_size", 0},
                {"encoder_repetition_penalty", 1},
                {"diversity_penalty", 0},
                {"penalty_alpha", 0},
                {"typical_p", 1},
                {"epsilon_cutoff", 0},
                {"eta_cutoff", 0},
                {"min_p", 0},
                {"top_h", kNone},
                {"guidance_scale", 1},
                {"bad_words_ids", kNone},
                {"force_words_ids", kNone},
                {"constraints", kNone},
                {"suppress_tokens", kNone},
                {"begin_suppress_tokens", kNone},
                {"sequence_bias", kNone},
                {"forced_bos_token_id", kNone},
                {"forced_eos_token_id", kNone},
                {"forced_decoder_ids", kNone},
                {"exponential_decay_length_penalty", kNone},
                {"watermarking_config", kNone},
                {"dola_layers", kNone},
                {"max_time", kNone},
                {"token_healing", kNone}};

// Fields that are ignored: they change no token, or they matter only together with a field of the
// table above.
constexpr const char* kFree[] = {"_from_model_config",
                                 "transformers_version",
                                 "bos_token_id",
                                 "pad_token_id",
                                 "decoder_start_token_id",
                                 "use_cache",
                                 "cache_implementation",
                                 "cache_config",
                                 "return_legacy_cache",
                                 "return_dict_in_generate",
                                 "output_attentions",
                                 "output_hidden_states",
                                 "output_scores",
                                 "output_logits",
                                 "length_penalty",
                                 "early_stopping",
                                 "low_memory",
                                 "renormalize_logits",
                                 "remove_invalid_values",
                                 "prefill_chunk_size",
                                 "compile_config",
                                 "disable_compile",
                                 "is_assistant",
                                 "num_assistant_tokens",
                                 "num_assistant_tokens_schedule",
                                 "assistant_confidence_threshold",
                                 "assistant_early_exit",
                                 "assistant_lookbehind",
                                 "target_lookbehind",
                                 "prompt_lookup_num_tokens",
                                 "max_matching_ngram_size"};

// The value of top_k in transformers if do_sample is true and top_k is not given.
constexpr int64_t kDefaultTopK = 50;
// The default of max_length in transformers.  Older files contain it although nobody chose it.
constexpr int64_t kDefaultMaxLength = 20;

void check_neutral(ConfigFields& fields) {
  for (const auto& [field, neutral] : kNeutral) {
    if (!fields.has(field)) continue;
    const nlohmann::json& given = fields.value(field);
    const bool is_neutral = given == false || (given.is_structured() && given.empty()) ||
                            (given.is_number() && given.get<double>() == neutral);
    if (is_neutral) continue;
    if (std::isnan(neutral))
      fields.refuse("expected no field ", field,
                    ", which vitro does not support, got one; leave it out");
    fields.refuse("expected ", neutral, " for ", field, ", got ", given.dump());
  }
}

EndTokens end_tokens(ConfigFields& fields) {
  constexpr const char* kField = "eos_token_id";
  if (!fields.has(kField)) return {};
  const nlohmann::json& given = fields.value(kField);
  std::vector<int64_t> ids;
  for (const nlohmann::json& id : given.is_array() ? given : nlohmann::json::array({given})) {
    const bool fits = id.is_number_integer() &&
                      !(id.is_number_unsigned() && id.get<uint64_t>() > uint64_t{INT64_MAX});
    if (!fits)
      fields.refuse("expected a token's id, or a list of ids, for ", kField, ", got ",
                    given.dump());
    ids.push_back(id.get<int64_t>());
  }
  return ids;
}

std::vector<std::string> stop_strings(ConfigFields& fields) {
  constexpr const char* kField = "stop_strings";
  if (!fields.has(kField)) return {};
  const nlohmann::json& given = fields.value(kField);
  std::vector<std::string> all;
  for (const nlohmann::json& text : given.is_array() ? given : nlohmann::json::array({given})) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty())
      fields.refuse("expected a text, or a list of texts, for ", kField, ", got ", given.dump());
    all.push_back(text.get<std::string>());
  }
  return all;
}

GenerateOptions generation_of(ConfigFields& fields) {
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  const auto number = [&](const char* field, double from, double below) {
    return fields.has(field) ? std::optional(fields.number(field, from, below)) : std::nullopt;
  };
  check_neutral(fields);
  GenerateOptions o;
  o.do_sample = fields.has("do_sample") && fields.boolean("do_sample");
  o.temperature = number("temperature", 0, kEndless).value_or(1);
  if (fields.has("top_k")) o.top_k = fields.size("top_k", 0);
  else if (o.do_sample) o.top_k = kDefaultTopK;
  if (o.top_k == 0) o.top_k.reset();
  constexpr double kLeast = std::numeric_limits<double>::min();
  o.top_p = number("top_p", kLeast, std::nextafter(1.0, 2.0));
  o.repetition_penalty = number("repetition_penalty", kLeast, kEndless).value_or(1);
  const bool has_length = fields.has("max_new_tokens");
  if (has_length) o.max_new_tokens = fields.size("max_new_tokens", 0);
  if (fields.has("max_length") && !has_length && fields.size("max_length") != kDefaultMaxLength)
    fields.refuse("expected no max_length, got one; use max_new_tokens");
  o.eos_token_id = end_tokens(fields);
  o.stop_strings = stop_strings(fields);
  return o;
}

}  // namespace

GenerateOptions parse_generation_config(const std::string& json, const std::string& name) {
  ConfigFields fields(json, name);
  const GenerateOptions options = generation_of(fields);
  fields.holds("max_length");
  for (const char* field : kFree) fields.holds(field);
  fields.check_no_others();
  return options;
}

GenerateOptions generation_of_config(const std::string& json, const std::string& name) {
  ConfigFields fields(json, name);
  return generation_of(fields);
}

}  // namespace vitro::models
