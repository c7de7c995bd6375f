// tokenizer.json of Hugging Face's tokenizers, event by event: tokens and merges are taken as they
// come, everything else is held against what GPT-2's own file says.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "framework/io/json.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/tokenizer_file.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// A single value outside vocabulary and merges: where it may stand, and what it may be.
struct Setting {
  std::string_view path, values;  // values between bars; empty: any
};
constexpr Setting kSettings[] = {
    {"version", ""},
    {"truncation", ""},
    {"padding", ""},
    {"normalizer", "null"},
    {"pre_tokenizer.type", "\"ByteLevel\""},
    {"pre_tokenizer.add_prefix_space", "false"},
    {"pre_tokenizer.trim_offsets", ""},
    {"pre_tokenizer.use_regex", "true"},
    {"post_processor", "null"},
    {"post_processor.type", "\"ByteLevel\""},
    {"post_processor.add_prefix_space", ""},
    {"post_processor.trim_offsets", ""},
    {"post_processor.use_regex", ""},
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
    {"added_tokens[].special", "true"},
    {"added_tokens[].single_word", "false"},
    {"added_tokens[].lstrip", "false"},
    {"added_tokens[].rstrip", "false"},
    {"added_tokens[].normalized", ""},
};

class TokenizerJsonReader final : public JsonEvents {
 public:
  explicit TokenizerJsonReader(const std::string& name) : JsonEvents("a GPT-2 tokenizer", name) {
    parts_.names_special = true;
  }

  BpeVocabulary take() {
    for (const char* path : {"model.vocab", "model.merges", "pre_tokenizer.type"})
      if (!seen_.contains(path)) refuse(path, " is missing");
    try {
      return bpe_vocabulary(parts_);
    } catch (const ValueError& error) { refuse(error.what()); }
  }

 private:
  static constexpr size_t kMostDepth = 8;

  // A container that is not closed yet.
  struct Open {
    std::string path;
    bool is_array;
    std::unordered_set<std::string> names = {};
  };

  // Where the value that comes stands: "model.dropout", "added_tokens[].id".
  std::string path() const {
    if (open_.empty()) return "";
    const Open& in = open_.back();
    if (in.is_array) return in.path + "[]";
    return in.path.empty() ? name_ : in.path + '.' + name_;
  }
  // What is below is about batches, and changes no text's tokens.
  static bool is_of_batches(std::string_view path) {
    return path == "truncation" || path == "padding";
  }
  bool is_skipped() const { return open_.size() > 1 && is_of_batches(open_[1].path); }
  bool is_in(std::string_view place) const { return !open_.empty() && open_.back().path == place; }

  bool open(bool is_array) {
    std::string at = path();
    static const std::unordered_set<std::string_view> kObjects = {
        "", "pre_tokenizer", "post_processor", "decoder", "model", "model.vocab", "added_tokens[]"};
    static const std::unordered_set<std::string_view> kArrays = {"added_tokens", "model.merges",
                                                                 "model.merges[]"};
    if (!is_skipped() && !is_of_batches(at) && !(is_array ? kArrays : kObjects).contains(at))
      return refuse_value(is_array ? "an array" : "an object");
    if (open_.size() == kMostDepth) refuse("at most ", kMostDepth, " levels expected");
    if (at == "model.merges[]") parts_.merges.emplace_back(), halves_ = 0;
    if (at == "added_tokens[]") parts_.special.emplace_back("", UINT64_MAX);
    seen_.insert(at);
    open_.push_back({std::move(at), is_array});
    return true;
  }
  bool start_object(size_t) override { return open(/*is_array=*/false); }
  bool start_array(size_t) override { return open(/*is_array=*/true); }
  bool key(std::string& name) override {
    if (!open_.back().names.insert(name).second) refuse("field ", excerpt(name), " is given twice");
    name_ = std::move(name);
    return true;
  }
  bool end_object() override {
    if (is_in("added_tokens[]") &&
        (parts_.special.back().first.empty() || parts_.special.back().second == UINT64_MAX ||
         !open_.back().names.contains("special")))
      refuse("id, content and special expected of every added token");
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    if (is_in("model.merges[]") && halves_ != 2) refuse("two tokens expected in each merge");
    open_.pop_back();
    return true;
  }

  bool string(std::string& value) override {
    if (is_in("model.merges")) {
      const size_t space = value.find(' ');
      if (space == std::string::npos || value.find(' ', space + 1) != std::string::npos)
        refuse("two tokens with one space between expected in each merge: ", excerpt(value));
      parts_.merges.emplace_back(value.substr(0, space), value.substr(space + 1));
      return true;
    }
    if (is_in("model.merges[]")) {
      if (halves_ == 2) refuse("two tokens expected in each merge");
      (halves_++ ? parts_.merges.back().second : parts_.merges.back().first) = std::move(value);
      return true;
    }
    if (is_in("added_tokens[]") && name_ == "content") {
      parts_.special.back().first = std::move(value);
      return true;
    }
    return setting(excerpt(value));
  }
  bool number_unsigned(uint64_t value) override {
    if (is_in("model.vocab")) {
      parts_.ids.emplace_back(name_, value);
      return true;
    }
    if (is_in("added_tokens[]") && name_ == "id") {
      parts_.special.back().second = value;
      return true;
    }
    return setting(std::to_string(value));
  }
  bool boolean(bool value) override { return setting(value ? "true" : "false"); }
  bool null() override { return setting("null"); }

  // A single value that is no token: `shown` is its JSON.
  bool setting(const std::string& shown) {
    if (is_skipped()) return true;
    const std::string at = path();
    if (is_in("model.vocab") || is_in("model.merges") || is_in("model.merges[]") ||
        at == "added_tokens[].id" || at == "added_tokens[].content")
      return refuse_value(shown);
    const auto* const found =
        std::find_if(std::begin(kSettings), std::end(kSettings),
                     [&](const Setting& setting) { return setting.path == at; });
    if (found == std::end(kSettings)) return refuse_value(shown);
    if (!found->values.empty() &&
        ('|' + std::string(found->values) + '|').find('|' + shown + '|') == std::string::npos)
      refuse(found->values, " expected for ", at, ": ", shown);
    seen_.insert(at);
    return true;
  }
  bool refuse_value(std::string_view kind) const override {
    if (is_skipped()) return true;
    if (open_.empty()) refuse("an object expected: ", kind);
    if (is_in("model.vocab")) refuse("an id expected for token ", excerpt(name_), ": ", kind);
    std::string at = path();
    refuse(kind, " is not expected for ", at.size() > 100 ? at.substr(0, 100) + "..." : at);
  }

  BpeParts parts_;
  std::vector<Open> open_;
  std::string name_;  // the last key
  int halves_ = 0;    // of the merge that is read
  std::unordered_set<std::string> seen_;
};

}  // namespace

BpeVocabulary parse_tokenizer_json(std::string_view json, const std::string& name) {
  TokenizerJsonReader reader(name);
  read_json(reader, json);
  return reader.take();
}

std::string tokenizer_json(const BpeVocabulary& vocabulary) {
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::string json = R"({
"version": "1.0",
"truncation": null,
"padding": null,
"added_tokens": [)";
  for (size_t i = 0; i < vocabulary.special.size(); ++i) {
    const auto id = static_cast<size_t>(vocabulary.special[i]);
    json += (i ? ",\n{\"id\": " : "\n{\"id\": ") + std::to_string(id) +
            ", \"content\": " + quoted(vocabulary.tokens[id]) +
            R"(, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, )"
            R"("special": true})";
  }
  const std::string byte_level =
      R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";
  json += "],\n\"normalizer\": null,\n\"pre_tokenizer\": " + byte_level +
          ",\n\"post_processor\": " + byte_level + ",\n\"decoder\": " + byte_level +
          R"(,
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
