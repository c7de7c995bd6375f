// Reads model.safetensors.index.json, which maps each tensor to its shard.
#include <set>

#include "framework/io/file.h"
#include "framework/io/json.h"
#include "framework/io/safetensors_header.h"

namespace vitro {

namespace {

// {"metadata": {anything but nested arrays}, "weight_map": {tensor: file}}
class IndexReader final : public JsonEvents {
 public:
  explicit IndexReader(const std::string& name) : JsonEvents("safetensors index", name) {}
  std::map<std::string, std::string> take() {
    if (!fields_.contains("weight_map")) refuse("expected a field weight_map, got none");
    return std::move(files_);
  }

 private:
  bool start_object(size_t) override {
    if (++depth_ > 2) refuse("got an object inside of ", field_, ", where none is allowed");
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool key(std::string& text) override {
    if (depth_ == 2) {
      tensor_ = text;
      if (in_map() && files_.contains(text))
        refuse("expected each tensor once, got ", excerpt(text), " twice");
      return true;
    }
    if (text != "metadata" && text != "weight_map")
      refuse("got a field ", excerpt(text), " that vitro does not know");
    if (!fields_.insert(text).second) refuse("expected each field once, got ", text, " twice");
    field_ = text;
    return true;
  }
  bool string(std::string& text) override {
    if (!in_map()) return other("a text");
    const bool is_plain = !text.empty() && text.find('/') == std::string::npos &&
                          text.find('\0') == std::string::npos && text != "." && text != "..";
    if (!is_plain)
      refuse("expected a file in the folder of the index for ", excerpt(tensor_), ", got ",
             excerpt(text));
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
    if (depth_ != 2 || in_map())
      refuse("expected ", in_map() ? "a file name" : "an object", ", got ", kind);
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
