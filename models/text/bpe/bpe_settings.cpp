// Reads and writes the settings files of Hugging Face in the folder of a vocabulary.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <unordered_map>

#include "framework/io/config_fields.h"
#include "framework/io/file.h"
#include "framework/io/json.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/tokenizer_file.h"

namespace vitro::text {

namespace {

constexpr const char *kConfig = "tokenizer_config.json", *kMap = "special_tokens_map.json",
                     *kAdded = "added_tokens.json";

// Classes that encode as GPT-2's tokenizer does, or as tokenizer.json says.
constexpr std::string_view kClasses[] = {
    "GPT2Tokenizer",    "GPT2TokenizerFast",    "PreTrainedTokenizerFast", "TokenizersBackend",
    "CodeGenTokenizer", "CodeGenTokenizerFast", "GPTNeoXTokenizer",        "GPTNeoXTokenizerFast"};
// Fields that change ids if they are true.  If a file has them, they must be false.
constexpr const char* kFalse[] = {"add_eos_token", "split_special_tokens", "do_lower_case"};
constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr const char* kMoreRoles[] = {"additional_special_tokens", "extra_special_tokens"};

std::optional<ConfigFields> fields_of(const std::string& folder, const char* name) {
  const std::string path = std::filesystem::path(folder) / name;
  if (!file_exists(path)) return {};
  return ConfigFields(read_file(path, kMaxTokenizerBytes), "tokenizer " + path);
}

// Applies the settings of the files, one file after another.
class Settings {
 public:
  explicit Settings(BpeParts& parts) : parts_(parts) {
    for (const auto& [token, id] : parts.ids) ids_.emplace(token, id);
    for (size_t i = 0; i < parts.added.size(); ++i) places_.emplace(parts.added[i].text, i);
  }

  void read_added(ConfigFields& fields) {
    for (const auto& [text, id] : fields.all().items()) {
      if (!id.is_number_unsigned())
        fields.refuse("expected an id for token ", JsonEvents::excerpt(text), ", got ",
                      JsonEvents::excerpt(id.dump()));
      AddedPart part{.text = text, .id = id.get<uint64_t>(), .special = false, .normalized = true};
      const std::optional<uint64_t> known = id_of(text);
      if (known && *known != part.id)
        fields.refuse("expected id ", *known, " for token ", JsonEvents::excerpt(text), ", got ",
                      part.id);
      if (!find(text)) put(std::move(part));
    }
  }

  void read_decoder(ConfigFields& fields) {
    if (!fields.has("added_tokens_decoder")) return;
    const nlohmann::json& all = fields.value("added_tokens_decoder");
    if (!all.is_object())
      fields.refuse("expected an object for added_tokens_decoder, got ",
                    JsonEvents::excerpt(all.dump()));
    has_decoder_ = true;
    for (const auto& [key, value] : all.items()) {
      AddedPart part = described(fields, "added_tokens_decoder", value, /*special=*/false);
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), part.id);
      if (error != std::errc() || end != key.data() + key.size())
        fields.refuse("expected an id in added_tokens_decoder, got ", JsonEvents::excerpt(key));
      put(std::move(part));
    }
  }

  void read_roles(ConfigFields& fields) {
    for (const char* role : kRoles)
      if (fields.has(role)) take_role(fields, role, fields.value(role));
    for (const char* role : kMoreRoles) {
      if (!fields.has(role)) continue;
      const nlohmann::json& all = fields.value(role);
      if (!all.is_structured())
        fields.refuse("expected a list for ", role, ", got ", JsonEvents::excerpt(all.dump()));
      for (const nlohmann::json& one : all) take_role(fields, role, one);
    }
    if (fields.has("bos_token"))
      bos_ = described(fields, "bos_token", fields.value("bos_token"), /*special=*/true).text;
  }

  void read_flags(ConfigFields& fields) {
    if (fields.has("tokenizer_class"))
      if (const std::string given = fields.text("tokenizer_class");
          std::ranges::count(kClasses, given) == 0)
        fields.refuse("expected GPT2Tokenizer or a class like it for tokenizer_class, got ",
                      JsonEvents::excerpt(given));
    for (const char* field : kFalse)
      if (fields.has(field) && fields.boolean(field))
        fields.refuse("expected false for ", field, ", got true");
    if (fields.has("add_prefix_space"))
      parts_.add_prefix_space = fields.boolean("add_prefix_space");
    if (!fields.has("add_bos_token")) return;
    parts_.bos_id.reset();
    if (!fields.boolean("add_bos_token")) return;
    parts_.bos_id = id_of(bos_);
    if (!parts_.bos_id)
      fields.refuse(
          "expected a token of the vocabulary for bos_token, which add_bos_token needs, got ",
          JsonEvents::excerpt(bos_));
  }

 private:
  // Reads a token with its flags.  If `value` is only the token's text, the flags have defaults.
  static AddedPart described(ConfigFields& fields, const char* field, const nlohmann::json& value,
                             bool special) {
    AddedPart part{.special = special, .normalized = !special};
    if (value.is_string()) part.text = value.get<std::string>();
    else if (value.is_object() && value.contains("content") && value["content"].is_string())
      part.text = value["content"].get<std::string>();
    if (part.text.empty())
      fields.refuse("expected the text of a token for ", field, ", got ",
                    JsonEvents::excerpt(value.dump()));
    if (value.is_string()) return part;
    const auto flag = [&](const char* name, bool otherwise) {
      if (!value.contains(name) || value[name].is_null()) return otherwise;
      if (!value[name].is_boolean())
        fields.refuse("expected true or false for ", name, " of token ",
                      JsonEvents::excerpt(part.text), ", got ",
                      JsonEvents::excerpt(value[name].dump()));
      return value[name].get<bool>();
    };
    part.special = flag("special", special) || special;
    part.lstrip = flag("lstrip", false);
    part.rstrip = flag("rstrip", false);
    part.normalized = flag("normalized", !part.special);
    if (flag("single_word", false))
      fields.refuse("expected single_word false for token ", JsonEvents::excerpt(part.text),
                    ", got true");
    return part;
  }

  AddedPart* find(const std::string& text) {
    const auto found = places_.find(text);
    return found == places_.end() ? nullptr : &parts_.added[found->second];
  }
  std::optional<uint64_t> id_of(const std::string& text) {
    if (const AddedPart* const part = find(text)) return part->id;
    const auto found = ids_.find(text);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  void put(AddedPart part) {
    if (AddedPart* const known = find(part.text)) {
      *known = std::move(part);
      return;
    }
    places_.emplace(part.text, parts_.added.size());
    parts_.added.push_back(std::move(part));
  }

  // Makes the token of a role special.  Its flags come from added_tokens_decoder, or else `value`.
  void take_role(ConfigFields& fields, const char* role, const nlohmann::json& value) {
    AddedPart part = described(fields, role, value, /*special=*/true);
    const std::optional<uint64_t> id = id_of(part.text);
    if (!id)
      fields.refuse("expected a token of the vocabulary for ", role, ", got ",
                    JsonEvents::excerpt(part.text));
    part.id = *id;
    AddedPart* const known = find(part.text);
    if (!known || (!has_decoder_ && value.is_object())) put(std::move(part));
    else if (!known->special) known->special = true, known->normalized = false;
  }

  BpeParts& parts_;
  std::unordered_map<std::string, uint64_t> ids_;
  std::unordered_map<std::string, size_t> places_;  // in parts_.added
  bool has_decoder_ = false;
  std::string bos_ = BpeTokenizer::kEndOfText;
};

}  // namespace

void add_folder_settings(const std::string& folder, BpeParts& to) {
  std::optional<ConfigFields> config = fields_of(folder, kConfig), map = fields_of(folder, kMap),
                              added = fields_of(folder, kAdded);
  if (!config && !map && !added) return;
  Settings settings(to);
  if (added) settings.read_added(*added);
  if (config) settings.read_decoder(*config);
  if (map) settings.read_roles(*map);
  if (config) settings.read_roles(*config), settings.read_flags(*config);
}

std::string tokenizer_config_json(const BpeVocabulary& vocabulary, const std::string& end_of_text) {
  nlohmann::ordered_json config = {{"tokenizer_class", "GPT2Tokenizer"},
                                   {"add_prefix_space", vocabulary.add_prefix_space}};
  const auto text_of = [&](int32_t id) { return vocabulary.tokens[static_cast<size_t>(id)]; };
  if (vocabulary.bos_id) config["add_bos_token"] = true;
  if (!end_of_text.empty())
    for (const char* role : {"bos_token", "eos_token", "unk_token"}) config[role] = end_of_text;
  if (vocabulary.bos_id) config["bos_token"] = text_of(*vocabulary.bos_id);
  for (const AddedToken& token : vocabulary.added)
    config["added_tokens_decoder"][std::to_string(token.id)] = {
        {"content", text_of(token.id)}, {"lstrip", token.lstrip}, {"normalized", token.normalized},
        {"rstrip", token.rstrip},       {"single_word", false},   {"special", token.special}};
  return config.dump(2) + '\n';
}

}  // namespace vitro::text
