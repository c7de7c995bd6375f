// A configuration's JSON, read field by field.
#pragma once
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "framework/base/error.h"

namespace vitro {

// Every question names a field; what is missing, impossible or was never asked for is an IoError
// "NAME: what was expected: what came".
class ConfigFields {
 public:
  // IoError unless it is a JSON object that gives no name twice.
  ConfigFields(const std::string& json, std::string name);

  bool holds(const std::string& field);  // whether it is there
  bool has(const std::string& field);    // whether it is there and not null
  int64_t size(const std::string& field, int64_t least = 1);
  double number(const std::string& field, double least, double below);
  bool boolean(const std::string& field);
  std::string text(const std::string& field);
  const nlohmann::json& value(const std::string& field);  // of any type
  const nlohmann::json& all() const { return object_; }

  void check_no_others() const;  // that every field was asked for

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
