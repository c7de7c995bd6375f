// JsonEvents reads JSON from untrusted files strictly, event by event.  (A parsed document would
// have only the last of equal keys, and could be nested to any depth.)
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "framework/base/error.h"

namespace vitro {

// The base of readers.  Every event that a reader does not override, and text that is not JSON, is
// an IoError "KIND NAME: reason", as in "safetensors file x: expected ...".
class JsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonEvents(std::string_view kind, const std::string& name) : kind_(kind), name_(name) {}

  void read(std::string_view json) {
    // The parser would stop at a NUL, as if the text ended there.
    if (json.find('\0') != std::string_view::npos) refuse("expected JSON, got a NUL byte in it");
    nlohmann::json::sax_parse(json, this);
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<IoError>(kind_, " ", name_, ": ", parts...);
  }
  // Text from the file as a message shows it: quoted, escaped and cut.
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

  // Reports the parser's message without its prefix and without text from the file.
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    std::string reason = error.what();
    reason.erase(0, reason.find("] ") + 2);
    reason.resize(std::min({reason.size(), reason.find("; last read"), size_t{200}}));
    refuse("expected JSON, got a ", reason);
  }

 protected:
  virtual bool refuse_value(std::string_view kind) const {
    refuse("got ", kind, " where none is allowed");
  }

 private:
  std::string_view kind_;
  const std::string& name_;
};

}  // namespace vitro
