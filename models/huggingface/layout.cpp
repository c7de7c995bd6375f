// Stores the layout of a GPT's files in checkpoints, and reads generation options from the layout.
#include "models/huggingface/layout.h"

#include <nlohmann/json.hpp>

#include "framework/io/config_fields.h"
#include "models/huggingface/generation_config.h"
#include "models/huggingface/gpt2_config.h"
#include "models/language/gpt.h"

namespace vitro::models {

namespace {

std::string layout_json(const PretrainedLayout& layout) {
  nlohmann::ordered_json json = {{"config.json", layout.config_json},
                                 {"has_prefix", layout.has_prefix}};
  if (!layout.generation_json.empty()) json["generation_config.json"] = layout.generation_json;
  return json.dump();
}

std::shared_ptr<const PretrainedLayout> parse_layout(const std::string& json) {
  ConfigFields fields(json, "layout");
  PretrainedLayout layout{.config_json = fields.text("config.json"),
                          .has_prefix = fields.boolean("has_prefix")};
  if (fields.has("generation_config.json"))
    layout.generation_json = fields.text("generation_config.json");
  fields.check_no_others();
  if (!layout.config_json.empty()) parse_gpt2_config(layout.config_json, "layout: config.json");
  return std::make_shared<const PretrainedLayout>(std::move(layout));
}

}  // namespace

GenerateOptions PretrainedLayout::generate_options() const {
  const GenerateOptions of_config =
      config_json.empty() ? GenerateOptions() : generation_of_config(config_json, "config.json");
  if (generation_json.empty()) return of_config;
  GenerateOptions all = parse_generation_config(generation_json, "generation_config.json");
  if (all.eos_token_id.empty()) all.eos_token_id = of_config.eos_token_id;
  return all;
}

std::optional<int64_t> PretrainedLayout::eos_token_id() const {
  const EndTokens ends = generate_options().eos_token_id;
  return ends.empty() ? std::nullopt : std::optional(ends.ids()[0]);
}

LanguageModel::Metadata GPT::metadata() const {
  if (!layout) return {};
  return {{"layout", layout_json(*layout)}};
}

void GPT::take_metadata(const Metadata& metadata) {
  if (const auto found = metadata.find("layout"); found != metadata.end())
    layout = parse_layout(found->second);
}

std::optional<int64_t> GPT::eos_token_id() const {
  return layout ? layout->eos_token_id() : std::nullopt;
}

GenerateOptions GPT::generate_options() const {
  return layout ? layout->generate_options() : GenerateOptions();
}

}  // namespace vitro::models
