// Encodes the text that a saved model is evaluated on.
#include "apps/cli/saved_text.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "framework/io/file.h"

namespace vitro::cli {

namespace {

// A new directory among the system's temporary files.  The destructor removes it.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_((std::filesystem::temp_directory_path() / "vitro-XXXXXX").string()) {
    check<IoError>(::mkdtemp(path_.data()) != nullptr, path_,
                   ": cannot be made: ", std::generic_category().message(errno));
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

// Whether the run was started with --allow-special.
bool allows_special(const models::SavedModel& saved) {
  const auto found = saved.metadata.find("options");
  if (found == saved.metadata.end()) return false;
  const auto run = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  return run.is_object() && run.value("allow-special", nlohmann::json()) == true;
}

}  // namespace

Tokens given_text(const std::string& text_file, const models::SavedModel& saved) {
  const Text source = open_text(text_file);
  const ScratchDirectory scratch;
  const std::string file = scratch.file("tokens.bin");
  write_token_file(file, *saved.tokenizer, text::TextPieces(source.text),
                   allowed_special(allows_special(saved), *saved.tokenizer));
  return {source.name, text::TokenFile(file)};  // the mapping stays valid when the file is removed
}

Tokens trained_text(const std::string& model, const models::SavedModel& saved) {
  const auto metadata = [&](const std::string& name) {
    const auto found = saved.metadata.find(name);
    check<ValueError>(found != saved.metadata.end(), model,
                      ": it does not say what text it was trained on; give a text");
    return nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  };
  const nlohmann::json run = metadata("options"), state = metadata("state");
  const std::filesystem::path path = model;
  const std::string file = (is_directory(path) ? path : path.parent_path()) / "tokens.bin";
  try {
    const auto name = run.at("text").get<std::string>();
    const bool has_ids = file_exists(file);
    check<IoError>(has_ids || !is_gone(name), file, ": it is missing; give a text");
    Tokens tokens = has_ids ? Tokens{name, text::TokenFile(file)} : given_text(name, saved);
    if (name.empty()) tokens.name = open_text("").name;
    if (name == "-") tokens.name = "standard input";
    tokens.ids.verify();
    check<IoError>(state.at("tokens_checksum").get<uint64_t>() == tokens.ids.checksum(),
                   has_ids ? file : tokens.name,
                   ": expected the tokens that the model was trained on, got others");
    return tokens;
  } catch (const nlohmann::json::exception&) {
    fail<IoError>("checkpoint ", model,
                  ": expected the options of a run of vitro train, got none or damaged ones");
  }
}

}  // namespace vitro::cli
