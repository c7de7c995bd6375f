// Reads the JSON of tokenizers.
#include "models/text/tokenizer_file.h"

#include "models/text/unicode/utf8.h"

namespace vitro::text {

namespace {

// Reads the file only until it finds the model or the type.  It reports no errors, because the file
// is read again by the reader for its type.
class Recognizer final : public JsonEvents {
 public:
  explicit Recognizer(const std::string& name) : JsonEvents("JSON", name) {}
  bool has_model() const { return has_model_; }

 private:
  bool key(std::string& name) override {
    if (depth_ == 1) name_ = std::move(name);
    return true;
  }
  bool start_object(size_t) override {
    has_model_ = depth_ == 1 && name_ == "model";
    ++depth_;
    return !has_model_;
  }
  bool start_array(size_t) override { return ++depth_ > 0; }
  bool end_object() override { return --depth_ > 0; }
  bool end_array() override { return --depth_ > 0; }
  bool string(std::string&) override { return depth_ != 1 || name_ != "type"; }
  bool boolean(bool) override { return true; }
  bool null() override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  int64_t depth_ = 0;
  bool has_model_ = false;
  std::string name_;
};

}  // namespace

void read_json(JsonEvents& reader, std::string_view json) {
  if (json.starts_with("\xEF\xBB\xBF"))
    reader.refuse("expected JSON, got a byte order mark at its beginning");
  try {
    check_utf8(json, "JSON");
  } catch (const ValueError& error) { reader.refuse(error.what()); }
  reader.read(json);
}

bool is_tokenizer_json(std::string_view json) {
  const std::string name;
  Recognizer recognizer(name);
  nlohmann::json::sax_parse(json, static_cast<JsonEvents*>(&recognizer));
  return recognizer.has_model();
}

}  // namespace vitro::text
