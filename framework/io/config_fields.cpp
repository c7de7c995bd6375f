// ConfigFields reads JSON configurations strictly.
#include "framework/io/config_fields.h"

#include <utility>
#include <vector>

#include "framework/io/json.h"

namespace vitro {

namespace {

constexpr int64_t kLargest = int64_t{1} << 40;  // far above every size that makes sense
constexpr int kDeepest = 32;                    // levels of nesting

// The value as a message shows it: JSON, with long texts cut.
std::string shown(const nlohmann::json& value) {
  if (value.is_string()) return JsonEvents::excerpt(value.get<std::string>());
  return value.is_structured() ? std::string("an ") + value.type_name() : value.dump();
}

}  // namespace

ConfigFields::ConfigFields(const std::string& json, std::string name) : name_(std::move(name)) {
  // The parser would stop at a NUL, and would use only the last of equal names.
  if (json.find('\0') != std::string::npos) refuse("expected a JSON object, got a NUL byte in it");
  std::vector<std::set<std::string>> names;
  using Event = nlohmann::json::parse_event_t;
  const auto look = [&](int depth, Event event, nlohmann::json& value) {
    if (depth > kDeepest) refuse("expected at most ", kDeepest, " levels, got more");
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(value.get<std::string>()).second)
      refuse("expected each field once, got ", JsonEvents::excerpt(value.get<std::string>()),
             " twice");
    return true;
  };
  try {
    object_ = nlohmann::json::parse(json, look);
  } catch (const nlohmann::json::exception& error) {
    std::string reason = error.what();
    reason.erase(0, reason.find("] ") + 2);
    refuse("expected a JSON object, got a ", reason.substr(0, reason.find("; last read")));
  }
  if (!object_.is_object()) refuse("expected a JSON object, got ", shown(object_));
}

bool ConfigFields::holds(const std::string& field) {
  asked_.insert(field);
  return object_.contains(field);
}
bool ConfigFields::has(const std::string& field) {
  return holds(field) && !object_[field].is_null();
}

const nlohmann::json& ConfigFields::value(const std::string& field) {
  asked_.insert(field);
  if (!object_.contains(field)) refuse("expected a field ", field, ", got none");
  return object_[field];
}

int64_t ConfigFields::size(const std::string& field, int64_t least) {
  const nlohmann::json& given = value(field);
  if (!given.is_number_integer())
    refuse("expected a whole number for ", field, ", got ", shown(given));
  // A number of more than 63 bits is an unsigned number in the document.
  const bool fits = !given.is_number_unsigned() || given.get<uint64_t>() <= uint64_t{kLargest};
  const int64_t n = fits ? given.get<int64_t>() : kLargest + 1;
  if (n < least || n > kLargest)
    refuse("expected ", field, " from ", least, " to 2^40, got ", shown(given));
  return n;
}

double ConfigFields::number(const std::string& field, double least, double below) {
  const nlohmann::json& given = value(field);
  const double x = given.is_number() ? given.get<double>() : below;
  if (!(least <= x && x < below))
    refuse("expected a number in [", least, ", ", below, ") for ", field, ", got ", shown(given));
  return x;
}

bool ConfigFields::boolean(const std::string& field) {
  const nlohmann::json& given = value(field);
  if (!given.is_boolean()) refuse("expected true or false for ", field, ", got ", shown(given));
  return given.get<bool>();
}

std::string ConfigFields::text(const std::string& field) {
  const nlohmann::json& given = value(field);
  if (!given.is_string()) refuse("expected a text for ", field, ", got ", shown(given));
  return given.get<std::string>();
}

void ConfigFields::check_no_others() const {
  for (const auto& [field, given] : object_.items())
    if (!asked_.contains(field))
      refuse("got a field ", JsonEvents::excerpt(field), " that vitro does not know");
}

}  // namespace vitro
