// Reads and writes tokenizer.json of Hugging Face's tokenizers.  The reader takes tokens and
// merges, and compares everything else with the settings of GPT-2.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "framework/io/json.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/tokenizer_file.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// A path outside vocabulary and merges that may have a value, and its possible values.
struct Setting {
  std::string_view path, values;  // separated by bars; empty if any value is allowed
};
constexpr Setting kSettings[] = {
    {"version", ""},
    {"truncation", ""},
    {"padding", ""},
    {"normalizer", "null"},
    {"pre_tokenizer.type", "\"ByteLevel\"|\"Sequence\""},
    {"pre_tokenizer.add_prefix_space", "false|true"},
    {"pre_tokenizer.trim_offsets", ""},
    {"pre_tokenizer.use_regex", "true"},
    // The split and the byte table as two steps.  The second must not add a space to each piece.
    {"pre_tokenizer.pretokenizers[0].type", "\"Split\""},
    {"pre_tokenizer.pretokenizers[0].pattern.Regex", ""},
    {"pre_tokenizer.pretokenizers[0].behavior", "\"Isolated\""},
    {"pre_tokenizer.pretokenizers[0].invert", "false"},
    {"pre_tokenizer.pretokenizers[1].type", "\"ByteLevel\""},
    {"pre_tokenizer.pretokenizers[1].add_prefix_space", "false"},
    {"pre_tokenizer.pretokenizers[1].trim_offsets", ""},
    {"pre_tokenizer.pretokenizers[1].use_regex", "false"},
    {"post_processor", "null"},
    {"post_processor.type", "\"ByteLevel\"|\"TemplateProcessing\"|\"Sequence\""},
    {"post_processor.add_prefix_space", ""},
    {"post_processor.trim_offsets", ""},
    {"post_processor.use_regex", ""},
    {"post_processor.processors[0].type", "\"ByteLevel\""},
    {"post_processor.processors[0].add_prefix_space", ""},
    {"post_processor.processors[0].trim_offsets", ""},
    {"post_processor.processors[0].use_regex", ""},
    {"post_processor.processors[1].type", "\"TemplateProcessing\""},
    {"decoder", "null"},
    {"decoder.type", "\"ByteLevel\""},
    {"decoder.add_prefix_space", ""},
    {"decoder.trim_offsets", ""},
    {"decoder.use_regex", ""},
    {"model.type", "\"BPE\""},
    {"model.dropout", "null"},
    {"model.unk_token", ""},
    {"model.continuing_subword_prefix", "null|\"\""},
    {"model.end_of_word_suffix", "null|\"\""},
    {"model.fuse_unk", ""},
    {"model.byte_fallback", ""},
    {"model.ignore_merges", "false"},
    {"added_tokens[].id", ""},
    {"added_tokens[].content", ""},
    {"added_tokens[].special", "false|true"},
    {"added_tokens[].single_word", "false"},
    {"added_tokens[].lstrip", "false|true"},
    {"added_tokens[].rstrip", "false|true"},
    {"added_tokens[].normalized", "false|true"},
};

// A TemplateProcessing may leave a text, A, unchanged, or put one token before it.
constexpr Setting kTemplate[] = {
    {".single[0].SpecialToken.id", ""},  {".single[0].SpecialToken.type_id", ""},
    {".single[0].Sequence.id", "\"A\""}, {".single[0].Sequence.type_id", ""},
    {".single[1].Sequence.id", "\"A\""}, {".single[1].Sequence.type_id", ""}};

// GPT-2's pattern, and an equivalent form with joined alternatives.
constexpr std::string_view kPatterns[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};

class TokenizerJsonReader final : public JsonEvents {
 public:
  explicit TokenizerJsonReader(const std::string& name) : JsonEvents("GPT-2 tokenizer", name) {
    parts_.names_special = true;
  }

  BpeParts take() {
    need({"model.vocab", "model.merges", "pre_tokenizer.type"});
    const std::string split = "pre_tokenizer.pretokenizers";
    if (says("pre_tokenizer.type", "\"Sequence\""))
      need({split + "[0].type", split + "[0].pattern.Regex", split + "[0].behavior",
            split + "[1].type", split + "[1].use_regex"});
    else if (seen_.contains(split))
      refuse(
          "expected \"Sequence\" for pre_tokenizer.type, which has pretokenizers, got another "
          "type");
    parts_.add_prefix_space = says("pre_tokenizer.add_prefix_space", "true");
    if (says("post_processor.type", "\"Sequence\""))
      need({"post_processor.processors[0].type", "post_processor.processors[1].type"});
    for (const std::string at : {"post_processor", "post_processor.processors[1]"})
      if (says(at + ".type", "\"TemplateProcessing\"")) take_template(at);
    return std::move(parts_);
  }

 private:
  static constexpr size_t kMostDepth = 8;

  // An object or array that is not closed yet.
  struct Open {
    std::string path;
    bool is_array;
    std::unordered_set<std::string> names = {};
    size_t items = 0;  // of an array: the number of items that have begun
  };

  bool says(const std::string& path, std::string_view value) const {
    const auto found = seen_.find(path);
    return found != seen_.end() && found->second == value;
  }
  void need(std::initializer_list<std::string> paths) const {
    for (const std::string& path : paths)
      if (!seen_.contains(path)) refuse("expected a value for ", path, ", got none");
  }
  // Reads from a template the token that begins every text, if there is one.
  void take_template(const std::string& at) {
    const bool is_plain = seen_.contains(at + ".single[0].Sequence.id"),
               begins = seen_.contains(at + ".single[0].SpecialToken.id"),
               goes_on = seen_.contains(at + ".single[1].Sequence.id");
    if (is_plain == begins || begins != goes_on)
      refuse("expected a text, or a token and a text, for ", at, ".single, got something else");
    if (!begins) return;
    const auto found = template_ids_.find(at + ".special_tokens." + template_token_ + ".ids");
    if (found == template_ids_.end() || found->second.size() != 1)
      refuse("expected one id in ", at, ".special_tokens for ", excerpt(template_token_),
             ", got none or several");
    parts_.bos_id = found->second[0];
  }
  static bool is_in_template(std::string_view path, std::string_view part) {
    for (const std::string_view at : {"post_processor", "post_processor.processors[1]"})
      if (path.starts_with(at) && path.substr(at.size()).starts_with(part)) return true;
    return false;
  }
  static bool is_template_object(const std::string& at) {
    static const std::unordered_set<std::string_view> kParts = {
        ".single",    ".single[0]",         ".single[0].SpecialToken", ".single[0].Sequence",
        ".single[1]", ".single[1].Sequence"};
    return std::ranges::any_of(kParts, [&](std::string_view part) {
      return is_in_template(at, part) && at.ends_with(part);
    });
  }

  // Returns the path of the next value, such as "model.dropout" or "added_tokens[].id".
  std::string path() const {
    if (open_.empty()) return "";
    const Open& in = open_.back();
    if (in.is_array) {
      const bool is_counted = in.path.starts_with("p");  // in pre_tokenizer and post_processor
      return in.path + '[' + (is_counted ? std::to_string(in.items) : "") + ']';
    }
    return in.path.empty() ? name_ : in.path + '.' + name_;
  }
  // Returns whether a path has only settings of batches, which do not change the tokens of a text.
  static bool is_of_batches(std::string_view path) {
    return path == "truncation" || path == "padding" || is_in_template(path, ".pair");
  }
  bool is_skipped() const {
    return std::ranges::any_of(open_, [](const Open& in) { return is_of_batches(in.path); });
  }
  bool is_in(std::string_view place) const { return !open_.empty() && open_.back().path == place; }

  bool open(bool is_array) {
    std::string at = path();
    static const std::unordered_set<std::string_view> kObjects = {
        "",
        "pre_tokenizer",
        "pre_tokenizer.pretokenizers[0]",
        "pre_tokenizer.pretokenizers[0].pattern",
        "pre_tokenizer.pretokenizers[1]",
        "post_processor",
        "post_processor.processors[0]",
        "post_processor.processors[1]",
        "decoder",
        "model",
        "model.vocab",
        "added_tokens[]"};
    static const std::unordered_set<std::string_view> kArrays = {
        "added_tokens", "model.merges", "model.merges[]", "pre_tokenizer.pretokenizers",
        "post_processor.processors"};
    const bool is_known = (is_array ? kArrays : kObjects).contains(at) || is_template_object(at) ||
                          is_in_template(at, ".special_tokens");
    if (!is_skipped() && !is_of_batches(at) && !is_known)
      return refuse_value(is_array ? "an array" : "an object");
    if (open_.size() == kMostDepth)
      refuse("expected at most ", kMostDepth, " levels of nesting, got more");
    if (at == "model.merges[]") parts_.merges.emplace_back(), halves_ = 0;
    if (at == "added_tokens[]") parts_.added.emplace_back();
    seen_.emplace(at, "");
    if (!open_.empty()) ++open_.back().items;
    open_.push_back({std::move(at), is_array});
    return true;
  }
  bool start_object(size_t) override { return open(/*is_array=*/false); }
  bool start_array(size_t) override { return open(/*is_array=*/true); }
  bool key(std::string& name) override {
    if (!open_.back().names.insert(name).second)
      refuse("expected each field once, got ", excerpt(name), " twice");
    name_ = std::move(name);
    return true;
  }
  bool end_object() override {
    if (is_in("added_tokens[]") &&
        (parts_.added.back().text.empty() || parts_.added.back().id == UINT64_MAX ||
         !open_.back().names.contains("special")))
      refuse("expected id, content and special in every added token, got one without them");
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    if (is_in("model.merges[]") && halves_ != 2)
      refuse("expected two tokens in each merge, got ", halves_);
    open_.pop_back();
    return true;
  }

  bool string(std::string& value) override {
    if (is_in("model.merges")) {
      const size_t space = value.find(' ');
      if (space == std::string::npos || value.find(' ', space + 1) != std::string::npos)
        refuse("expected two tokens with one space between in each merge, got ", excerpt(value));
      parts_.merges.emplace_back(value.substr(0, space), value.substr(space + 1));
      return true;
    }
    if (is_in("model.merges[]")) {
      if (halves_ == 2) refuse("expected two tokens in each merge, got more");
      (halves_++ ? parts_.merges.back().second : parts_.merges.back().first) = std::move(value);
      return true;
    }
    if (is_in("added_tokens[]") && name_ == "content") {
      parts_.added.back().text = std::move(value);
      return true;
    }
    const std::string at = path();
    if (at == "pre_tokenizer.pretokenizers[0].pattern.Regex" &&
        std::ranges::count(kPatterns, value) == 0)
      refuse("expected GPT-2's pattern for ", at, ", got ", excerpt(value));
    if (is_in_template(at, ".single[0].SpecialToken.id")) template_token_ = value;
    return setting(excerpt(value));
  }
  bool number_unsigned(uint64_t value) override {
    if (is_in("model.vocab")) {
      parts_.ids.emplace_back(name_, value);
      return true;
    }
    if (is_in("added_tokens[]") && name_ == "id") {
      parts_.added.back().id = value;
      return true;
    }
    if (!open_.empty() && is_in_template(open_.back().path, ".special_tokens"))
      template_ids_[open_.back().path].push_back(value);
    return setting(std::to_string(value));
  }
  bool boolean(bool value) override {
    if (is_in("added_tokens[]")) {
      AddedPart& part = parts_.added.back();
      for (const auto& [name, flag] : {std::pair{"special", &part.special},
                                       {"lstrip", &part.lstrip},
                                       {"rstrip", &part.rstrip},
                                       {"normalized", &part.normalized}})
        if (name_ == name) *flag = value;
    }
    return setting(value ? "true" : "false");
  }
  bool null() override { return setting("null"); }

  // Checks and stores a single value that is not a token.  `shown` is the value's JSON.
  bool setting(const std::string& shown) {
    if (is_skipped()) return true;
    const std::string at = path();
    if (is_in("model.vocab") || is_in("model.merges") || is_in("model.merges[]") ||
        at == "added_tokens[].id" || at == "added_tokens[].content")
      return refuse_value(shown);
    if (is_in_template(at, ".special_tokens")) return true;
    const Setting* found = nullptr;
    for (const Setting& known : kSettings)
      if (known.path == at) found = &known;
    for (const Setting& known : kTemplate)
      if (is_in_template(at, known.path) && at.ends_with(known.path)) found = &known;
    if (!found) return refuse_value(shown);
    if (!found->values.empty() &&
        ('|' + std::string(found->values) + '|').find('|' + shown + '|') == std::string::npos)
      refuse("expected ", found->values, " for ", at, ", got ", shown);
    seen_.insert_or_assign(at, shown);
    return true;
  }
  bool refuse_value(std::string_view kind) const override {
    if (is_skipped()) return true;
    if (open_.empty()) refuse("expected an object, got ", kind);
    if (is_in("model.vocab")) refuse("expected an id for token ", excerpt(name_), ", got ", kind);
    std::string at = path();
    refuse("expected a field and a value of a GPT-2 tokenizer, got ", kind, " for ",
           at.size() > 100 ? at.substr(0, 100) + "..." : at);
  }

  BpeParts parts_;
  std::vector<Open> open_;
  std::string name_;                                   // the last key
  int halves_ = 0;                                     // the number of tokens read of an open merge
  std::unordered_map<std::string, std::string> seen_;  // path to single value; "" for a container
  std::string template_token_;
  std::map<std::string, std::vector<uint64_t>> template_ids_;
};

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

std::string added_json(const BpeVocabulary& vocabulary) {
  std::vector<AddedToken> all = vocabulary.added;
  for (const int32_t id : vocabulary.special)
    if (std::ranges::count(vocabulary.added, id, &AddedToken::id) == 0) all.push_back({.id = id});
  std::ranges::sort(all, {}, &AddedToken::id);
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  std::string json;
  for (const AddedToken& token : all)
    json += (json.empty() ? "\n{\"id\": " : ",\n{\"id\": ") + std::to_string(token.id) +
            ", \"content\": " + quoted(vocabulary.tokens[static_cast<size_t>(token.id)]) +
            ", \"single_word\": false, \"lstrip\": " + flag(token.lstrip) +
            ", \"rstrip\": " + flag(token.rstrip) + ", \"normalized\": " + flag(token.normalized) +
            ", \"special\": " + flag(token.special) + '}';
  return json;
}

std::string template_json(const BpeVocabulary& vocabulary) {
  const std::string id = std::to_string(*vocabulary.bos_id),
                    token = quoted(vocabulary.tokens[static_cast<size_t>(*vocabulary.bos_id)]),
                    begin = R"({"SpecialToken": {"id": )" + token + R"(, "type_id": 0}}, )";
  return R"({"type": "TemplateProcessing",
"single": [)" +
         begin + R"({"Sequence": {"id": "A", "type_id": 0}}],
"pair": [)" +
         begin + R"({"Sequence": {"id": "A", "type_id": 0}}, )" + begin +
         R"({"Sequence": {"id": "B", "type_id": 1}}],
"special_tokens": {)" +
         token + R"(: {"id": )" + token + R"(, "ids": [)" + id + R"(], "tokens": [)" + token +
         "]}}}";
}

}  // namespace

BpeParts parse_tokenizer_parts(std::string_view json, const std::string& name) {
  TokenizerJsonReader reader(name);
  read_json(reader, json);
  return reader.take();
}

BpeVocabulary parse_tokenizer_json(std::string_view json, const std::string& name) {
  try {
    return bpe_vocabulary(parse_tokenizer_parts(json, name));
  } catch (const ValueError& error) { fail<IoError>("GPT-2 tokenizer ", name, ": ", error.what()); }
}

std::string tokenizer_json(const BpeVocabulary& vocabulary) {
  const std::string byte_level = std::string(R"({"type": "ByteLevel", "add_prefix_space": )") +
                                 (vocabulary.add_prefix_space ? "true" : "false") +
                                 R"(, "trim_offsets": true, "use_regex": true})";
  std::string json = R"({
"version": "1.0",
"truncation": null,
"padding": null,
"added_tokens": [)";
  json += added_json(vocabulary) + "],\n\"normalizer\": null,\n\"pre_tokenizer\": " + byte_level +
          ",\n\"post_processor\": " + (vocabulary.bos_id ? template_json(vocabulary) : byte_level) +
          ",\n\"decoder\": " + byte_level + R"(,
"model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
"end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
"vocab": )" +
          bpe_ids_json(vocabulary) + ",\n\"merges\": [";
  for (size_t i = 0; i < vocabulary.merges.size(); ++i) {
    const BpeMerge& merge = vocabulary.merges[i];
    json += (i ? ",\n" : "\n") +
            quoted(to_byte_characters(vocabulary.tokens[static_cast<size_t>(merge.left)]) + ' ' +
                   to_byte_characters(vocabulary.tokens[static_cast<size_t>(merge.right)]));
  }
  return json + "]}\n}\n";
}

}  // namespace vitro::text
