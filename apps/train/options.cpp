// Writes options into checkpoints and reads them back.
#include "apps/train/options.h"

#include <nlohmann/json.hpp>

namespace vitro::cli {

namespace {

// The value of the option in a checkpoint.  IoError for a value that the command line would refuse.
// An empty file name is accepted: it means the bundled text, or no model.
template <class T>
T saved_option(const nlohmann::json& saved, const OptionRow& row) {
  const std::string name = row.name();
  const auto found = saved.find(name);
  check<IoError>(found != saved.end(), "option ", name,
                 ": expected a value in the checkpoint, got none");
  const bool is_right = std::is_same_v<T, bool>          ? found->is_boolean()
                        : std::is_same_v<T, std::string> ? found->is_string()
                        : std::is_same_v<T, int64_t>     ? found->is_number_integer()
                                                         : found->is_number();
  constexpr const char* kWanted = std::is_same_v<T, bool>          ? "true or false"
                                  : std::is_same_v<T, std::string> ? "a text"
                                  : std::is_same_v<T, int64_t>     ? "a whole number"
                                                                   : "a number";
  std::string wrong;
  if (!is_right) {
    const std::string value = found->dump();
    wrong = std::string("expected ") + kWanted + ", got " +
            (value.size() <= 60 ? value : "a long " + std::string(found->type_name()));
  } else if (row.values.kind == Values::Kind::kWord) {
    std::string text = found->is_string() ? found->get<std::string>() : found->dump();
    wrong = row.values.check(text);
  }
  check<IoError>(wrong.empty(), "option ", name, ": ", wrong);
  return found->get<T>();
}

}  // namespace

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string to_json(const TrainOptions& options) {
  nlohmann::ordered_json json;
  each_option(
      [&](const OptionRow& row, const auto& field) {
        if (row.resumed != WhenResumed::kNotSaved) json[row.name()] = field;
      },
      options);
  return dumped(json);
}

void take_saved(TrainOptions& options, const std::string& saved, bool has_text) {
  const nlohmann::json json = nlohmann::json::parse(saved, nullptr, /*allow_exceptions=*/false);
  check<IoError>(json.is_object(), "options: expected a JSON object, got ",
                 json.is_discarded() ? "no JSON" : json.type_name());
  const auto take = [&]<class T>(const OptionRow& row, T& field) {
    if (row.resumed == WhenResumed::kNotSaved) return;
    const T before = saved_option<T>(json, row);
    if (!options.given.contains(row.name())) {
      field = before;
      return;
    }
    const std::string now = dumped(field), then = dumped(before);
    const bool may_change =
        row.resumed == WhenResumed::kMayChange || (row.name() == "text" && !has_text);
    check<UsageError>(may_change || now == then, row.shown(), ": expected ", then,
                      ", the value of the run, got ", now,
                      "; leave the option out, or choose another --out-dir");
  };
  each_option(take, options);
}

std::string first_given(const TrainOptions& options, ForModel model) {
  std::string first;
  each_option(
      [&](const OptionRow& row, const auto&) {
        if (first.empty() && row.model == model && options.given.contains(row.name()))
          first = row.name();
      },
      options);
  return first;
}

}  // namespace vitro::cli
