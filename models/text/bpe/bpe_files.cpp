// Reads and writes GPT-2's two files, and finds the files of a tokenizer in a directory.
#include "models/text/bpe/bpe_files.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "framework/io/file.h"
#include "framework/io/json.h"
#include "models/text/bpe/bpe_bytes.h"
#include "models/text/tokenizer_file.h"
#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// Reads an object of tokens and ids.
class IdReader final : public JsonEvents {
 public:
  IdReader(const std::string& name, BpeParts& to) : JsonEvents("BPE vocabulary", name), to_(to) {}

 private:
  bool start_object(size_t) override {
    if (is_open_) refuse_value("an object");
    return is_open_ = true;
  }
  bool key(std::string& name) override {
    if (!names_.insert(name).second)
      refuse("expected each token once, got ", excerpt(name), " twice");
    name_of_value_ = std::move(name);
    return true;
  }
  bool number_unsigned(uint64_t id) override {
    if (!is_open_) refuse_value("a number");
    to_.ids.emplace_back(std::move(name_of_value_), id);
    return true;
  }
  bool end_object() override { return true; }
  bool refuse_value(std::string_view kind) const override {
    if (!is_open_) refuse("expected an object, got ", kind);
    refuse("expected an id for token ", excerpt(name_of_value_), ", got ", kind);
  }

  BpeParts& to_;
  bool is_open_ = false;
  std::string name_of_value_;
  std::unordered_set<std::string> names_;
};

struct FileNames {
  const char *ids, *merges;
};
constexpr FileNames kFileNames[] = {{"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};

BpeVocabulary read_two(const std::filesystem::path& folder, const FileNames& names) {
  const std::string ids = folder / names.ids, merges = folder / names.merges;
  BpeParts parts;
  parse_bpe_ids(read_file(ids, kMaxTokenizerBytes), ids, parts);
  parse_bpe_merges(read_file(merges, kMaxTokenizerBytes), merges, parts);
  add_folder_settings(folder, parts);
  try {
    return bpe_vocabulary(parts);
  } catch (const ValueError& error) {
    fail<IoError>("GPT-2 tokenizer ", ids, " and ", merges, ": ", error.what());
  }
}

// Reads tokenizer.json and the settings files in its folder.
BpeVocabulary read_whole(std::string_view json, const std::filesystem::path& path) {
  BpeParts parts = parse_tokenizer_parts(json, path);
  add_folder_settings(path.parent_path(), parts);
  try {
    return bpe_vocabulary(parts);
  } catch (const ValueError& error) {
    fail<IoError>("GPT-2 tokenizer ", path.string(), ": ", error.what());
  }
}

}  // namespace

BpeVocabulary bpe_vocabulary(const BpeParts& parts) {
  BpeVocabulary vocabulary;
  std::unordered_map<std::string_view, const AddedPart*> added;
  std::vector<std::pair<std::string, uint64_t>> all = parts.ids;
  std::unordered_map<std::string_view, uint64_t> id_of(parts.ids.size());
  for (const auto& [token, id] : parts.ids) id_of.emplace(token, id);
  for (const AddedPart& part : parts.added) {
    check<ValueError>(added.emplace(part.text, &part).second,
                      "vocabulary: expected each added token once, got '", part.text, "' twice");
    const auto found = id_of.find(part.text);
    if (found == id_of.end()) all.emplace_back(part.text, part.id);
    else
      check<ValueError>(found->second == part.id, "vocabulary: expected id ", found->second,
                        " for the added token '", part.text, "', got ", part.id);
  }
  vocabulary.tokens.resize(all.size());
  std::vector<bool> is_given(all.size());
  for (const auto& [token, id] : all) {
    check<ValueError>(id < all.size(), "vocabulary: expected ids from 0 to ", all.size() - 1,
                      " without a gap for ", all.size(), " tokens, got ", id);
    check<ValueError>(!is_given[id], "vocabulary: expected each id once, got ", id, " twice");
    is_given[id] = true;
    vocabulary.tokens[id] = added.contains(token) ? token : from_byte_characters(token);
  }
  for (const auto& [left, right] : parts.merges) {
    const auto find = [&](const std::string& token) {
      const auto found = id_of.find(token);
      if (found == id_of.end())
        fail<ValueError>("vocabulary: expected tokens of the vocabulary in merge ",
                         vocabulary.merges.size(), ", got ", JsonEvents::excerpt(token));
      return static_cast<int32_t>(found->second);  // below all.size(), as checked above
    };
    vocabulary.merges.push_back({find(left), find(right), find(left + right)});
  }
  const std::vector<bool> is_made = vocabulary.made_tokens();
  for (size_t id = 0; id < is_made.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    const bool is_text = end_of_valid_utf8(token, 0) == token.size();
    const auto found = added.find(token);
    const bool is_special = found != added.end() ? found->second->special
                                                 : !parts.names_special && !is_made[id] && is_text;
    if (is_special) vocabulary.special.push_back(static_cast<int32_t>(id));
  }
  // `normalized` decides which added tokens are searched first.  It changes nothing if all have it.
  const bool is_ordered =
      !std::ranges::all_of(parts.added, [](const AddedPart& part) { return part.normalized; });
  for (const AddedPart& part : parts.added) {
    const AddedToken token{static_cast<int32_t>(part.id), part.special, part.lstrip, part.rstrip,
                           part.normalized && is_ordered};
    if (token != AddedToken{.id = token.id}) vocabulary.added.push_back(token);
  }
  std::ranges::sort(vocabulary.added, {}, &AddedToken::id);
  vocabulary.add_prefix_space = parts.add_prefix_space;
  if (parts.bos_id) {
    check<ValueError>(*parts.bos_id < all.size(), "vocabulary: expected an id below ", all.size(),
                      " for the token that begins texts, got ", *parts.bos_id);
    vocabulary.bos_id = static_cast<int32_t>(*parts.bos_id);
  }
  vocabulary.check_tokens();
  return vocabulary;
}

void parse_bpe_ids(std::string_view json, const std::string& name, BpeParts& to) {
  IdReader reader(name, to);
  read_json(reader, json);
}

void parse_bpe_merges(std::string_view text, const std::string& name, BpeParts& to) {
  const auto refuse = [&](const auto&... why) { fail<IoError>("BPE merges ", name, ": ", why...); };
  try {
    check_utf8(text, "text");
  } catch (const ValueError& error) { refuse(error.what()); }
  int64_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (++number == 1 && line.starts_with("#version")) continue;
    if (line.empty() && text.empty()) break;
    const size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos)
      refuse("line ", number, ": expected two tokens with one space between, got ",
             JsonEvents::excerpt(std::string(line)));
    to.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
}

bool is_bpe_file_name(const std::string& path) {
  const std::string file = std::filesystem::path(path).filename();
  return std::any_of(std::begin(kFileNames), std::end(kFileNames), [&](const FileNames& names) {
    return file == names.ids || file == names.merges;
  });
}

bool has_bpe(const std::string& directory) {
  const auto is_there = [&](const char* name) {
    return file_exists(std::filesystem::path(directory) / name);
  };
  return is_there("tokenizer.json") ||
         std::any_of(std::begin(kFileNames), std::end(kFileNames),
                     [&](const FileNames& names) { return is_there(names.ids); });
}

BpeVocabulary read_bpe(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path given = path;
  std::error_code ignored;
  const bool is_folder = fs::is_directory(given, ignored);
  for (const FileNames& names : kFileNames)
    if (!is_folder && (given.filename() == names.ids || given.filename() == names.merges))
      return read_two(given.parent_path(), names);
  const fs::path whole = is_folder ? given / "tokenizer.json" : given;
  if (!is_folder || fs::exists(whole, ignored)) try {
      const std::string json = read_file(whole, kMaxTokenizerBytes);
      return is_folder ? read_whole(json, whole) : parse_tokenizer_json(json, whole);
    } catch (const IoError& error) {
      if (!is_folder || !fs::exists(given / kFileNames[0].ids, ignored)) throw;
      fail<IoError>(error.what(), "; remove tokenizer.json to read ", kFileNames[0].ids, " and ",
                    kFileNames[0].merges);
    }
  for (const FileNames& names : kFileNames)
    if (fs::exists(given / names.ids, ignored)) return read_two(given, names);
  fail<IoError>("tokenizer ", path,
                ": expected tokenizer.json, vocab.json or encoder.json in the directory, got none");
}

std::string bpe_ids_json(const BpeVocabulary& vocabulary) {
  const std::vector<int32_t>& special = vocabulary.special;
  std::string json = "{";
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& bytes = vocabulary.tokens[static_cast<size_t>(id)];
    const bool is_added = std::ranges::binary_search(special, id) ||
                          std::ranges::count(vocabulary.added, id, &AddedToken::id) > 0;
    json += (id ? ",\n" : "\n") +
            nlohmann::json(is_added ? bytes : to_byte_characters(bytes)).dump() + ": " +
            std::to_string(id);
  }
  return json + "\n}\n";
}

std::string bpe_merges_text(const BpeVocabulary& vocabulary) {
  std::string text = "#version: 0.2\n";
  for (const BpeMerge& merge : vocabulary.merges)
    text += to_byte_characters(vocabulary.tokens[static_cast<size_t>(merge.left)]) + ' ' +
            to_byte_characters(vocabulary.tokens[static_cast<size_t>(merge.right)]) + '\n';
  return text;
}

}  // namespace vitro::text
