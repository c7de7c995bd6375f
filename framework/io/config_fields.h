// ConfigFields reads a JSON configuration field by field.
#pragma once
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "framework/base/error.h"

namespace vitro {

// Each getter reads one field, and remembers its name for check_no_others().  A field that is
// missing or has an impossible value is an IoError "NAME: expected X, got Y".
class ConfigFields {
 public:
  // IoError unless `json` is a JSON object that gives no name twice.
  ConfigFields(const std::string& json, std::string name);

  bool holds(const std::string& field);                       // whether the field exists
  bool has(const std::string& field);                         // whether it exists and is not null
  int64_t size(const std::string& field, int64_t least = 1);  // in [least, 2^40]
  double number(const std::string& field, double least, double below);  // in [least, below)
  bool boolean(const std::string& field);
  std::string text(const std::string& field);
  const nlohmann::json& value(const std::string& field);  // of any type
  const nlohmann::json& all() const { return object_; }

  void check_no_others() const;  // IoError if the object has a field that no getter has read

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<IoError>(name_, ": ", parts...);
  }

 private:
  nlohmann::json object_;
  std::string name_;
  std::set<std::string> asked_;
};

}  // namespace vitro
