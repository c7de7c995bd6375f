// Reads and writes vocabulary files.  The reader handles JSON event by event, because a parsed
// document would have only the last of duplicate keys.  Equal vocabularies give equal bytes.
#include "models/text/word/vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/io/file.h"
#include "framework/io/json.h"
#include "models/text/tokenizer_file.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {
namespace {

constexpr uint64_t kVocabularyVersion = 1;

struct Field {
  std::string_view name, value;  // value: the required kind of value
};
constexpr std::array<Field, 5> kFields = {{{"type", "a string"},
                                           {"version", "a whole number"},
                                           {"nfc", "true or false"},
                                           {"unk", "a string"},
                                           {"vocab", "an array"}}};

// Reads one file: an object of the fields above.  vocab is an array of strings.
class VocabularyReader final : public JsonEvents {
 public:
  explicit VocabularyReader(const std::string& name) : JsonEvents("tokenizer", name) {}

  Vocabulary take() {
    for (size_t i = 0; i < kFields.size(); ++i) {
      if (!seen_[i]) refuse("expected a field \"", kFields[i].name, "\", got none");
    }
    return std::move(vocabulary_);
  }

 private:
  enum class Place { kOutside, kObject, kVocab };

  bool start_object(size_t) override {
    if (place_ != Place::kOutside) refuse_value("an object");
    place_ = Place::kObject;
    return true;
  }
  bool key(std::string& name) override {
    for (field_ = 0; field_ < kFields.size() && kFields[field_].name != name;) ++field_;
    if (field_ == kFields.size())
      refuse("got a field ", excerpt(name), " that vitro does not know");
    if (std::exchange(seen_[field_], true))
      refuse("expected each field once, got ", excerpt(name), " twice");
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(size_t) override {
    expect_value("an array");
    place_ = Place::kVocab;
    return true;
  }
  bool end_array() override {
    place_ = Place::kObject;
    return true;
  }
  bool string(std::string& value) override {
    if (place_ == Place::kVocab) {
      vocabulary_.tokens.push_back(std::move(value));
      return true;
    }
    expect_value("a string");
    const bool is_type = kFields[field_].name == "type";
    if (is_type && value != "char" && value != "word") {
      refuse("expected \"char\" or \"word\" for field \"type\", got ", excerpt(value));
    }
    (is_type ? vocabulary_.type : vocabulary_.unk) = std::move(value);
    return true;
  }
  bool boolean(bool value) override {
    expect_value("true or false");
    vocabulary_.nfc = value;
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    expect_value("a whole number");
    if (value != kVocabularyVersion)
      refuse("expected version ", kVocabularyVersion, ", got ", value);
    return true;
  }
  void expect_value(std::string_view kind) const {
    if (place_ != Place::kObject || kFields[field_].value != kind) refuse_value(kind);
  }
  bool refuse_value(std::string_view kind) const override {
    if (place_ == Place::kOutside) refuse("expected an object, got ", kind);
    if (place_ == Place::kVocab) {
      refuse("expected a string for token ", vocabulary_.tokens.size(), ", got ", kind);
    }
    refuse("expected ", kFields[field_].value, " for field \"", kFields[field_].name, "\", got ",
           kind);
  }

  Vocabulary vocabulary_;
  Place place_ = Place::kOutside;
  size_t field_ = 0;
  std::array<bool, kFields.size()> seen_ = {};
};

}  // namespace

const std::string& Vocabulary::token(int64_t id, std::string_view op) const {
  check<ValueError>(id >= 0 && id < size(), op, ": expected an id from 0 to ", size() - 1, ", got ",
                    id, " (the vocabulary has ", size(), " tokens)");
  return tokens[static_cast<size_t>(id)];
}

uint64_t Vocabulary::hash() const {
  std::string all = type + '\0' + (nfc ? '1' : '0') + unk + '\0';
  for (const std::string& token : tokens) all += std::to_string(token.size()) + ':' + token;
  return XXH3_64bits(all.data(), all.size());
}

void Vocabulary::check_tokens() const {
  check<ValueError>(!tokens.empty(), "vocabulary: expected at least one token, got none");
  check<ValueError>(unk.empty() || tokens[0] == unk,
                    "vocabulary: expected the unknown token as token 0, got another token");
  for (size_t i = 0; i < tokens.size(); ++i) {
    check<ValueError>(!tokens[i].empty(), "vocabulary: expected text for token ", i, ", got none");
    check_utf8(tokens[i], "vocabulary");
    check<ValueError>(!nfc || tokens[i] == unk || to_nfc(tokens[i]) == tokens[i],
                      "vocabulary: expected text in NFC for token ", i, ", got text that is not");
  }
}

Vocabulary read_vocabulary(const std::string& path) {
  return parse_vocabulary(read_file(path, kMaxTokenizerBytes), path);
}

Vocabulary parse_vocabulary(std::string_view json, const std::string& name) {
  VocabularyReader reader(name);
  read_json(reader, json);
  return reader.take();
}

std::string vocabulary_json(const Vocabulary& vocabulary) {
  const nlohmann::ordered_json object = {{"type", vocabulary.type},
                                         {"version", kVocabularyVersion},
                                         {"nfc", vocabulary.nfc},
                                         {"unk", vocabulary.unk},
                                         {"vocab", vocabulary.tokens}};
  return object.dump(2) + "\n";
}

void write_vocabulary(const std::string& path, const Vocabulary& vocabulary) {
  write_file(path, vocabulary_json(vocabulary));
}

}  // namespace vitro::text
