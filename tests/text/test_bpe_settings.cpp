// Tests added tokens, the space before a text and the token that begins a text.  The ids are from
// Hugging Face's tokenizers 0.23.3, with settings in each file that may have them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "framework/base/error.h"
#include "framework/io/file.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/bpe/bpe_files.h"
#include "models/text/bpe/bpe_tokenizer.h"
#include "models/text/token_file.h"
#include "tests/support/process.h"

using namespace vitro;
using namespace vitro::text;
using namespace vitro::testing;
using Catch::Matchers::Contains;
using Ids = std::vector<TokenId>;
using nlohmann::json;

namespace {

// The vocabulary: GPT-2's 256 bytes, "he" (256), "ll", "llo", " h", " he" (260), "<|endoftext|>"
// (261).
BpeVocabulary plain() {
  BpeVocabulary v;
  for (const uint8_t byte : bytes_by_character()) v.tokens.emplace_back(1, static_cast<char>(byte));
  const auto id_of = [&](const std::string& token) {
    return static_cast<int32_t>(std::ranges::find(v.tokens, token) - v.tokens.begin());
  };
  for (const auto& [a, b] : {std::pair<std::string, std::string>{"h", "e"},
                             {"l", "l"},
                             {"ll", "o"},
                             {" ", "h"},
                             {" h", "e"}}) {
    v.merges.push_back({id_of(a), id_of(b), static_cast<int32_t>(v.size())});
    v.tokens.push_back(a + b);
  }
  v.special = {261};
  v.tokens.push_back("<|endoftext|>");
  return v;
}

// An added token, and its flags as letters: lstrip, rstrip, normalized, special.
struct Added {
  std::string text, flags;
};
BpeVocabulary with_added(const std::vector<Added>& tokens) {
  BpeVocabulary v = plain();
  for (const auto& [text, flags] : tokens) {
    const auto has = [&](char c) { return flags.find(c) != flags.npos; };
    const auto id = static_cast<int32_t>(v.size());
    v.tokens.push_back(text);
    if (has('s')) v.special.push_back(id);
    v.added.push_back({id, has('s'), has('l'), has('r'), has('n')});
  }
  return v;
}

Ids all_of(const BpeTokenizer& tokenizer, const std::string& text) {
  BpeEncodeOptions options;
  for (const auto& [name, id] : tokenizer.special_tokens()) options.allowed_special.push_back(name);
  return tokenizer.encode(text, options);
}

// A directory with vocab.json and merges.txt, or with tokenizer.json alone, of the plain
// vocabulary.
struct Folder {
  TemporaryDirectory directory;
  explicit Folder(bool is_whole = false) {
    const BpeTokenizer tokenizer(plain());
    if (is_whole) {
      directory.write("tokenizer.json", tokenizer.to_json());
      return;
    }
    directory.write("vocab.json", bpe_ids_json(plain()));
    directory.write("merges.txt", bpe_merges_text(plain()));
  }
  std::string path() const { return directory / ""; }
};

}  // namespace

TEST_CASE("bpe settings: ids equal Hugging Face's, with settings in every file") {
  const struct {
    std::vector<Added> added;
    bool add_prefix_space, has_bos;
    std::string text;
    Ids ids;
  } table[] = {
      {{{"[PAD]", ""}}, false, false, "a[PAD]b", {64, 262, 65}},
      {{{"[PAD]", "s"}}, false, false, "a[PAD]b", {64, 262, 65}},
      {{{"[PAD]", "ls"}}, false, false, "a \u3000[PAD] b", {64, 262, 220, 65}},
      {{{"[PAD]", "rs"}}, false, false, "a [PAD] \n b", {64, 220, 262, 65}},
      {{{"[PAD]", "lrn"}}, false, false, "\u00a0[PAD]\u00a0[PAD] x", {262, 262, 87}},
      {{{"<x>y", ""}, {"<x>", ""}}, false, false, "<x>y<x>hello", {262, 263, 256, 258}},
      {{{"ab", "n"}, {"bc", ""}}, false, false, "abc ab", {64, 263, 220, 262}},
      {{{"ab", ""}, {"bc", "n"}}, false, false, "abc bc", {262, 66, 220, 263}},
      {{{"ab", "r"}, {"\u00a0!", ""}}, false, false, "ab\u00a0!he", {262, 263, 256}},
      {{{"[PAD]", "s"}},
       true,
       false,
       "hello[PAD]hello [PAD] hello",
       {220, 256, 258, 262, 220, 256, 258, 220, 262, 220, 256, 258}},
      {{{"[PAD]", "ls"}}, true, true, "hello [PAD]he", {261, 220, 256, 258, 262, 220, 256}},
      {{}, true, true, "hello", {261, 220, 256, 258}},
      {{}, true, false, " hello", {220, 256, 258}},
      {{}, true, false, "\nhello", {220, 198, 256, 258}},
      {{}, false, true, "hello", {261, 256, 258}},
  };
  for (const auto& [added, prefix, has_bos, text, ids] : table) {
    BpeVocabulary v = with_added(added);
    v.add_prefix_space = prefix;
    if (has_bos) v.bos_id = 261;
    const BpeTokenizer made(v);
    CAPTURE(text, added.size() ? added[0].flags : "");
    CHECK(all_of(made, text) == ids);
    // The same tokenizer is loaded from JSON, from the saved folder, and from GPT-2's two files.
    const TemporaryDirectory directory;
    const std::string folder = directory / "saved";
    made.save_pretrained(folder);
    const BpeTokenizer parsed(parse_tokenizer_json(made.to_json(), "json")),
        loaded = BpeTokenizer::load(folder);
    std::filesystem::remove(folder + "/tokenizer.json");
    const BpeTokenizer two = BpeTokenizer::load(folder);
    for (const BpeTokenizer* one : {&parsed, &loaded, &two}) {
      CHECK(all_of(*one, text) == ids);
      CHECK(one->to_json() == parsed.to_json());
      CHECK(one->vocabulary_hash() == parsed.vocabulary_hash());
    }
    // A text in pieces gets the same ids, because only the first piece begins the text.  A text
    // that continues other text gets nothing that begins a text.
    std::vector<std::string> names;
    for (const auto& [name, id] : made.special_tokens()) names.push_back(name);
    write_token_file(directory / "tokens.bin", made, TextPieces(text, 2), names);
    const TokenFile file(directory / "tokens.bin");
    Ids read(static_cast<size_t>(file.size()));
    file.copy(0, read);
    CHECK(read == ids);
    if (added.empty())
      CHECK(made.encode(text, {.begins = false}) == BpeTokenizer(plain()).encode(text));
  }
}

TEST_CASE("bpe settings: the settings files in the folder of a vocabulary are used") {
  const json gpt2 = {{"tokenizer_class", "GPT2Tokenizer"}};
  const auto config = [&](const json& more) {
    json all = gpt2;
    all.update(more);
    return all.dump();
  };
  const auto entry = [](const char* text, bool lstrip, bool special) {
    return json{{"content", text}, {"lstrip", lstrip},     {"normalized", false},
                {"rstrip", false}, {"single_word", false}, {"special", special}};
  };
  const std::string pad = R"({"[PAD]": 262})";
  struct Files {
    std::string config, map, added;
  };
  const struct {
    Files files;
    std::string text;
    Ids allowed, plain;  // the ids with all special tokens allowed, and with none
  } table[] = {
      {{"", "", ""}, "he", {256}, {256}},
      {{"", "", pad}, "a[PAD]", {64, 262}, {64, 262}},
      {{gpt2.dump(), "", R"({"[PAD]": 262, "<|user|>": 263})"},
       "<|user|>he",
       {263, 256},
       {263, 256}},
      {{"", R"({"pad_token": "[PAD]"})", pad}, "a[PAD]", {64, 262}, {64, 58, 47, 32, 35, 60}},
      {{"", R"({"pad_token": {"content": "[PAD]", "lstrip": true}})", pad},
       "a [PAD]",
       {64, 262},
       {64, 220, 58, 47, 32, 35, 60}},
      {{config({{"pad_token", "[PAD]"}}), "", pad}, "[PAD]", {262}, {58, 47, 32, 35, 60}},
      {{config({{"additional_special_tokens", {"[PAD]"}}}), "", pad},
       "[PAD]",
       {262},
       {58, 47, 32, 35, 60}},
      {{config({{"added_tokens_decoder", {{"262", entry("[PAD]", true, true)}}}}), "", ""},
       "a [PAD]",
       {64, 262},
       {64, 220, 58, 47, 32, 35, 60}},
      {{config({{"added_tokens_decoder", {{"262", entry("[PAD]", true, false)}}}}), "", pad},
       "a [PAD]",
       {64, 262},
       {64, 262}},
      {{config({{"added_tokens_decoder", {{"261", entry("<|endoftext|>", false, true)}}},
                {"bos_token", "<|endoftext|>"}}),
        "", ""},
       "<|endoftext|>",
       {261},
       {27, 91, 68, 77, 67, 78, 69, 83, 68, 87, 83, 91, 29}},
      {{config({{"add_prefix_space", true}}), "", ""}, "he", {220, 256}, {220, 256}},
      {{config({{"add_prefix_space", false}, {"add_bos_token", false}}), "", ""},
       "he",
       {256},
       {256}},
      {{config({{"add_bos_token", true}}), "", ""}, "he", {261, 256}, {261, 256}},
      {{config({{"add_bos_token", true}, {"bos_token", "[PAD]"}}), "", pad},
       "he",
       {262, 256},
       {262, 256}},
      {{config({{"add_bos_token", true}}), R"({"bos_token": "[PAD]"})", pad},
       "he",
       {262, 256},
       {262, 256}},
      {{config({{"model_max_length", 8}, {"add_bos_token", nullptr}, {"errors", "replace"}}), "",
        ""},
       "he",
       {256},
       {256}},
  };
  for (const auto& [files, text, allowed, ordinary] : table)
    for (const bool is_whole : {false, true}) {
      const Folder folder(is_whole);
      CAPTURE(files.config, files.map, files.added, is_whole);
      if (!files.config.empty()) folder.directory.write("tokenizer_config.json", files.config);
      if (!files.map.empty()) folder.directory.write("special_tokens_map.json", files.map);
      if (!files.added.empty()) folder.directory.write("added_tokens.json", files.added);
      const BpeTokenizer tokenizer = BpeTokenizer::load(folder.path());
      CHECK(all_of(tokenizer, text) == allowed);
      CHECK(tokenizer.encode(text) == ordinary);
      CHECK(BpeTokenizer(parse_tokenizer_json(tokenizer.to_json(), "json")).vocabulary_hash() ==
            tokenizer.vocabulary_hash());
      if (!is_whole)
        CHECK(BpeTokenizer::load(folder.directory / "vocab.json").vocabulary_hash() ==
              tokenizer.vocabulary_hash());
    }
}

TEST_CASE("bpe settings: unsupported settings are refused by file and name") {
  const struct {
    const char *file, *bytes, *reason;
  } table[] = {
      {"tokenizer_config.json", R"({"tokenizer_class":"BertTokenizer"})",
       "class like it for tokenizer_class, got \"BertTokenizer\""},
      {"tokenizer_config.json", R"({"add_eos_token":true})",
       "expected false for add_eos_token, got true"},
      {"tokenizer_config.json", R"({"split_special_tokens":true})",
       "expected false for split_special_tokens, got true"},
      {"tokenizer_config.json", R"({"add_prefix_space":"yes"})",
       "expected true or false for add_prefix_space"},
      {"tokenizer_config.json", R"({"add_bos_token":1})",
       "expected true or false for add_bos_token"},
      {"tokenizer_config.json", R"({"pad_token":"[PAD]"})",
       "expected a token of the vocabulary for pad_token, got \"[PAD]\""},
      {"tokenizer_config.json", R"({"pad_token":7})",
       "expected the text of a token for pad_token, got \"7\""},
      {"tokenizer_config.json", R"({"pad_token":{"content":"<|endoftext|>","single_word":true}})",
       "expected single_word false for token \"<|endoftext|>\", got true"},
      {"tokenizer_config.json", R"({"pad_token":{"content":"<|endoftext|>","lstrip":1}})",
       "expected true or false for lstrip of token"},
      {"tokenizer_config.json", R"({"pad_token":"he"})",
       "expected special tokens that are neither bytes nor results of merges, got 'he'"},
      {"tokenizer_config.json", R"({"additional_special_tokens":"x"})",
       "expected a list for additional_special_tokens"},
      {"tokenizer_config.json", R"({"added_tokens_decoder":{"x":{"content":"y"}}})",
       "expected an id in added_tokens_decoder, got \"x\""},
      {"tokenizer_config.json", R"({"added_tokens_decoder":{"300":{"content":"[Y]"}}})",
       "ids from 0 to 262"},
      {"tokenizer_config.json", R"({"added_tokens_decoder":[]})",
       "expected an object for added_tokens_decoder"},
      {"tokenizer_config.json", R"({"add_bos_token":false,"add_bos_token":true})",
       "expected each field once"},
      {"tokenizer_config.json", "[]", "expected a JSON object"},
      {"special_tokens_map.json", R"({"bos_token":"<s>"})",
       "expected a token of the vocabulary for bos_token, got \"<s>\""},
      {"special_tokens_map.json", "{", "expected a JSON object"},
      {"added_tokens.json", R"({"[PAD]":"262"})", "expected an id for token \"[PAD]\""},
      {"added_tokens.json", R"({"[PAD]":-1})", "expected an id for token \"[PAD]\""},
      {"added_tokens.json", R"({"[PAD]":263})", "ids from 0 to 262"},
      {"added_tokens.json", R"({"<|endoftext|>":7})",
       "expected id 261 for token \"<|endoftext|>\", got 7"},
      {"added_tokens.json", R"({"he":256})",
       "expected added tokens that are neither bytes nor results of merges, got 'he'"},
      {"added_tokens.json", R"({"":262})", "expected bytes for token 262"},
  };
  for (const auto& [file, bytes, reason] : table)
    for (const bool is_whole : {false, true}) {
      const Folder folder(is_whole);
      folder.directory.write(file, bytes);
      CAPTURE(file, bytes, is_whole);
      CHECK_THROWS_AS(BpeTokenizer::load(folder.path()), IoError);
      CHECK_THROWS_WITH(BpeTokenizer::load(folder.path()),
                        Contains(folder.path()) && Contains(reason));
    }
}

TEST_CASE("bpe settings: GPT-2's split may be a step before the byte table") {
  const std::string good = BpeTokenizer(plain()).to_json();
  const auto changed = [&](const json& pre, const json& post = nullptr) {
    json all = json::parse(good);
    all["pre_tokenizer"] = pre;
    if (!post.is_null()) all["post_processor"] = post;
    return all.dump();
  };
  const json bytes = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", false}};
  const auto sequence = [&](const std::string& pattern, const json& more) {
    json split = {{"type", "Split"},
                  {"pattern", {{"Regex", pattern}}},
                  {"behavior", "Isolated"},
                  {"invert", false}};
    split.update(more);
    return json{{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
  };
  const std::string
      pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
      joined = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  for (const std::string& one : {pattern, joined})
    CHECK(BpeTokenizer(parse_tokenizer_json(changed(sequence(one, json::object())), "json"))
              .to_json() == good);
  json prefixed = sequence(pattern, json::object());
  prefixed["pretokenizers"][1]["add_prefix_space"] = true;
  json split_twice = sequence(pattern, json::object());
  split_twice["pretokenizers"][1]["use_regex"] = true;
  json three = sequence(pattern, json::object());
  three["pretokenizers"].push_back(bytes);
  const json two_begin = {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "<|endoftext|>"}, {"type_id", 0}}}}}},
      {"pair", json::array()},
      {"special_tokens", json::object()}};
  const json byte_level = json::parse(good)["pre_tokenizer"];
  const struct {
    std::string text, reason;
  } table[] = {
      {changed(sequence(R"(\w+)", json::object())),
       "expected GPT-2's pattern for pre_tokenizer.pretokenizers[0].pattern.Regex"},
      {changed(sequence(pattern, {{"behavior", "Removed"}})), "expected \"Isolated\" for"},
      {changed(sequence(pattern, {{"invert", true}})),
       "expected false for pre_tokenizer.pretokenizers[0].invert"},
      {changed(sequence(pattern, {{"type", "Digits"}})), "expected \"Split\" for"},
      {changed(prefixed),
       "expected false for pre_tokenizer.pretokenizers[1].add_prefix_space, got true"},
      {changed(split_twice),
       "expected false for pre_tokenizer.pretokenizers[1].use_regex, got true"},
      {changed(three), " for pre_tokenizer.pretokenizers[2]"},
      {changed({{"type", "Sequence"}}),
       "expected a value for pre_tokenizer.pretokenizers[0].type, got none"},
      {changed({{"type", "Sequence"}, {"pretokenizers", {bytes}}}),
       "got false for pre_tokenizer.pretokenizers[0].add_prefix_space"},
      {changed(byte_level, two_begin),
       "expected a text, or a token and a text, for post_processor.single"},
      {changed(byte_level, {{"type", "Sequence"}, {"processors", {byte_level}}}),
       "expected a value for post_processor.processors[1].type, got none"},
  };
  for (const auto& [text, reason] : table)
    CHECK_THROWS_WITH(parse_tokenizer_json(text, "json"),
                      Catch::StartsWith("GPT-2 tokenizer json: ") && Contains(reason));
}

TEST_CASE("bpe settings: saving another tokenizer removes the settings of the old tokenizer") {
  const Folder folder;
  folder.directory.write("added_tokens.json", R"({"[PAD]": 262})");
  folder.directory.write("special_tokens_map.json", R"({"pad_token": "[PAD]"})");
  folder.directory.write("tokenizer_config.json", R"({"add_prefix_space": true})");
  const BpeTokenizer other(plain());
  other.save_pretrained(folder.path());
  CHECK(BpeTokenizer::load(folder.path()).to_json() == other.to_json());
}
