// Strict reading of JSON from outside, event by event: a document model would keep the last of
// duplicate keys and any depth.
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "framework/base/error.h"

namespace vitro {

// Refuses every event that a reader does not override, and what is not JSON, by an IoError
// "NAME: expected WHAT: reason".
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonEvents(std::string_view what, const std::string& name) : what_(what), name_(name) {}

  void read(std::string_view json) {
    // The parser would take a NUL for the end of the text.
    if (json.find('\0') != std::string_view::npos) refuse("it holds a NUL byte");
    nlohmann::json::sax_parse(json, this);
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<IoError>(name_, ": expected ", what_, ": ", parts...);
  }
  // Text of the file, as a message shows it: quoted, escaped and short.
  static std::string excerpt(const std::string& text) {
    constexpr size_t kShown = 60;
    const std::string shown = text.size() > kShown ? text.substr(0, kShown) + "..." : text;
    return nlohmann::json(shown).dump(-1, ' ', /*ensure_ascii=*/false,
                                      nlohmann::json::error_handler_t::replace);
  }

  bool null() override { return refuse_value("null"); }
  bool boolean(bool) override { return refuse_value("true or false"); }
  bool number_integer(int64_t) override { return refuse_value("a negative number"); }
  bool number_unsigned(uint64_t) override { return refuse_value("a number"); }
  bool number_float(double, const std::string&) override { return refuse_value("a fraction"); }
  bool string(std::string&) override { return refuse_value("a text"); }
  bool binary(nlohmann::json::binary_t&) override { return refuse_value("binary data"); }
  bool start_array(size_t) override { return refuse_value("an array"); }
  bool end_array() override { return true; }

  // The parser's sentence without its own prefix and without the text of the file.
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    std::string reason = error.what();
    reason.erase(0, reason.find("] ") + 2);
    reason.resize(std::min({reason.size(), reason.find("; last read"), size_t{200}}));
    refuse(reason);
  }

 protected:
  virtual bool refuse_value(std::string_view kind) const { refuse(kind, " is not expected"); }

 private:
  std::string_view what_;
  const std::string& name_;
};

}  // namespace vitro
