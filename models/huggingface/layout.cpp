// What a model remembers of its files, in checkpoints too.
#include "models/huggingface/layout.h"

#include <nlohmann/json.hpp>

#include "models/huggingface/gpt2_config.h"
#include "models/language/config_fields.h"
#include "models/language/gpt.h"

namespace vitro::models {

namespace {

std::string layout_json(const PretrainedLayout& layout) {
  return nlohmann::ordered_json{{"config.json", layout.config_json},
                                {"has_prefix", layout.has_prefix}}
      .dump();
}

std::shared_ptr<const PretrainedLayout> parse_layout(const std::string& json) {
  ConfigFields fields(json, "layout");
  PretrainedLayout layout{.config_json = fields.text("config.json"),
                          .has_prefix = fields.boolean("has_prefix")};
  fields.check_no_others();
  if (!layout.config_json.empty()) parse_gpt2_config(layout.config_json, "layout: config.json");
  return std::make_shared<const PretrainedLayout>(std::move(layout));
}

}  // namespace

std::optional<int64_t> PretrainedLayout::eos_token_id() const {
  const auto json = nlohmann::json::parse(config_json, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("eos_token_id")) return {};
  const nlohmann::json& id = json["eos_token_id"];
  return id.is_number_integer() ? std::optional(id.get<int64_t>()) : std::nullopt;
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

}  // namespace vitro::models
