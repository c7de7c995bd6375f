// model.safetensors.index.json: which shard holds which tensor.
#include <set>

#include "framework/io/file.h"
#include "framework/io/json.h"
#include "framework/io/safetensors_header.h"

namespace vitro {

namespace {

// {"metadata": {anything but nested arrays}, "weight_map": {tensor: file}}
class IndexReader final : public JsonEvents {
 public:
  explicit IndexReader(const std::string& name) : JsonEvents("a safetensors index", name) {}
  std::map<std::string, std::string> take() {
    if (!fields_.contains("weight_map")) refuse("weight_map is missing");
    return std::move(files_);
  }

 private:
  bool start_object(size_t) override {
    if (++depth_ > 2) refuse("an object is not expected in ", field_);
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool key(std::string& text) override {
    if (depth_ == 2) {
      tensor_ = text;
      if (in_map() && files_.contains(text)) refuse(excerpt(text), " is given twice");
      return true;
    }
    if (text != "metadata" && text != "weight_map") refuse(excerpt(text), " is unknown");
    if (!fields_.insert(text).second) refuse(text, " is given twice");
    field_ = text;
    return true;
  }
  bool string(std::string& text) override {
    if (!in_map()) return other("a text");
    const bool is_plain = !text.empty() && text.find('/') == std::string::npos &&
                          text.find('\0') == std::string::npos && text != "." && text != "..";
    if (!is_plain)
      refuse("a file beside the index expected for ", excerpt(tensor_), ": ", excerpt(text));
    files_.emplace(tensor_, text);
    return true;
  }
  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("true or false"); }
  bool number_integer(int64_t) override { return other("a number"); }
  bool number_unsigned(uint64_t) override { return other("a number"); }
  bool number_float(double, const std::string&) override { return other("a number"); }

  bool in_map() const { return depth_ == 2 && field_ == "weight_map"; }
  bool other(std::string_view kind) const {
    if (depth_ != 2 || in_map()) refuse(kind, " is not expected");
    return true;
  }
  int depth_ = 0;
  std::string field_, tensor_;
  std::set<std::string> fields_;
  std::map<std::string, std::string> files_;
};

}  // namespace

std::map<std::string, std::string> read_shard_index(const std::string& path) {
  const std::string json = read_file(path, static_cast<int64_t>(kMostHeaderBytes));
  IndexReader reader(path);
  reader.read(json);
  return reader.take();
}

}  // namespace vitro
