// Parses and writes the header of a safetensors file (format:
// github.com/huggingface/safetensors).
#include "framework/io/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "framework/io/json.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"F32", kFloat32}, {"F64", kFloat64}, {"BF16", kBFloat16}, {"I64", kInt64},
    {"I32", kInt32},   {"U8", kUInt8},    {"BOOL", kBool}};
constexpr std::string_view kForeign[] = {"I16", "I8",      "U16",     "U32",     "U64",
                                         "C64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4"};

// The end of a message that names another format, if the first bytes show one; else "".
std::string_view other_format(std::string_view start) {
  if (start.starts_with("PK\3\4")) return "; it is a ZIP archive, as torch.save writes";
  if (start.starts_with("GGUF")) return "; it is a GGUF file";
  if (start.starts_with("version ")) return "; it is a Git LFS pointer, not the file";
  if (start.size() > 1 && start[0] == '\x80' && start[1] > 1 && start[1] < 6)
    return "; it is a Python pickle";
  return "";
}

// Reads {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets"}, ...}.
class HeaderReader final : public JsonEvents {
 public:
  explicit HeaderReader(const std::string& name) : JsonEvents("safetensors file", name) {}
  SafetensorsHeader take() { return std::move(header_); }

 private:
  enum class Place { kOutside, kFile, kMetadata, kTensor, kShape, kOffsets };
  enum Field { kNoField, kDType, kShape, kOffsets };

  bool start_object(size_t) override {
    if (place_ == Place::kOutside) place_ = Place::kFile;
    else if (place_ == Place::kFile) begin_tensor();
    else refuse_value("an object");
    return true;
  }
  void begin_tensor() {
    place_ = name_ == "__metadata__" ? Place::kMetadata : Place::kTensor;
    entry_ = TensorEntry();
    entry_.name = name_;
    fields_.clear();
    offsets_.clear();
  }
  bool key(std::string& text) override {
    if (place_ == Place::kFile) {
      if (text.find('\0') != std::string::npos)
        refuse("expected names without NUL, got ", excerpt(text));
      if (!names_.insert(text).second)
        refuse("expected each name once, got ", excerpt(text), " twice");
      name_ = text;
    } else if (place_ == Place::kMetadata) {
      if (header_.metadata.contains(text))
        refuse("expected each name of metadata once, got ", excerpt(text), " twice");
      key_ = text;
    } else {
      field_ = text == "dtype"          ? kDType
               : text == "shape"        ? kShape
               : text == "data_offsets" ? kOffsets
                                        : kNoField;
      if (field_ == kNoField)
        refuse(where(), "got a field ", excerpt(text), " that vitro does not know");
      if (!fields_.insert(field_).second)
        refuse(where(), "expected each field once, got ", text, " twice");
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::kTensor) {
      if (fields_.size() != 3)
        refuse(where(), "expected dtype, shape and data_offsets, got ", fields_.size(), " of them");
      header_.entries.push_back(std::move(entry_));
    }
    place_ = Place::kFile;
    return true;
  }
  bool start_array(size_t) override {
    if (place_ != Place::kTensor || (field_ != kShape && field_ != kOffsets))
      refuse_value("an array");
    place_ = field_ == kShape ? Place::kShape : Place::kOffsets;
    return true;
  }
  bool end_array() override {
    if (place_ == Place::kOffsets) {
      if (offsets_.size() != 2) refuse(where(), "expected 2 data_offsets, got ", offsets_.size());
      entry_.begin = offsets_[0], entry_.end = offsets_[1];
    }
    place_ = Place::kTensor;
    return true;
  }
  bool number_unsigned(uint64_t n) override {
    if (place_ == Place::kOffsets) {
      offsets_.push_back(n);
    } else if (place_ == Place::kShape) {
      if (n > INT64_MAX) refuse(where(), "expected a size below 2^63, got ", n);
      if (entry_.shape.rank() == Shape::kMaxRank)
        refuse(where(), "expected at most ", Shape::kMaxRank, " axes, got more");
      entry_.shape.push_back(static_cast<int64_t>(n));
    } else {
      refuse_value("a number");
    }
    return true;
  }
  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(key_, text);
    } else if (place_ == Place::kTensor && field_ == kDType) {
      entry_.is_float16 = text == "F16";
      entry_.dtype = entry_.is_float16 ? kFloat32 : dtype_named(text);
    } else {
      refuse_value("a text");
    }
    return true;
  }
  DType dtype_named(const std::string& text) const {
    for (const auto& [name, dtype] : kDTypes)
      if (text == name) return dtype;
    if (std::find(std::begin(kForeign), std::end(kForeign), text) != std::end(kForeign))
      refuse(where(), "expected a dtype that vitro supports, got ", text);
    refuse(where(), "expected a dtype of safetensors files, got ", excerpt(text));
  }
  bool refuse_value(std::string_view kind) const override {
    refuse(where(), "expected ", wanted(), ", got ", kind);
  }
  std::string_view wanted() const {
    if (place_ == Place::kMetadata || (place_ == Place::kTensor && field_ == kDType))
      return "a text";
    if (place_ == Place::kTensor) return "an array";
    return place_ == Place::kOutside || place_ == Place::kFile ? "an object" : "whole numbers";
  }
  std::string where() const {
    if (place_ == Place::kOutside) return "";
    return (name_ == "__metadata__" ? "" : "tensor ") + excerpt(name_) + ": ";
  }

  SafetensorsHeader header_;
  Place place_ = Place::kOutside;
  std::set<std::string> names_;
  std::string name_, key_;
  TensorEntry entry_;
  Field field_ = kNoField;
  std::set<Field> fields_;
  std::vector<uint64_t> offsets_;
};

// Bytes of an entry's elements; nothing if the product of its sizes is beyond 63 bits.
std::optional<uint64_t> bytes_of(const TensorEntry& entry) {
  auto bytes = static_cast<int64_t>(entry.element_bytes());
  bool is_empty = false;
  for (int64_t n : entry.shape) {
    is_empty |= n == 0;
    if (n != 0 && __builtin_mul_overflow(bytes, n, &bytes)) return {};
  }
  return is_empty ? 0 : static_cast<uint64_t>(bytes);
}

}  // namespace

uint64_t header_length(std::string_view start, uint64_t size, const std::string& name) {
  uint64_t length = 0;
  auto refuse = [&](const auto&... why) {
    fail<IoError>("safetensors file ", name, ": ", why..., other_format(start));
  };
  if (size < kLengthBytes) refuse("expected at least ", kLengthBytes, " bytes, got ", size);
  std::memcpy(&length, start.data(), sizeof length);
  if (length == 0) refuse("expected a header, got an empty one");
  if (length > kMostHeaderBytes || length > size - kLengthBytes)
    refuse("expected a header of at most ", std::min(kMostHeaderBytes, size - kLengthBytes),
           " bytes, got one of ", length, " in a file of ", size);
  return length;
}

SafetensorsHeader parse_header(std::string_view json, uint64_t data_bytes,
                               const std::string& name) {
  HeaderReader reader(name);
  const std::string_view object = json.substr(0, json.find_last_not_of(' ') + 1);
  if (!object.starts_with('{') || !object.ends_with('}'))
    reader.refuse("expected a header that begins with { and ends with } and spaces, got another");
  reader.read(object);
  SafetensorsHeader header = reader.take();
  std::stable_sort(header.entries.begin(), header.entries.end(), [](auto& a, auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t done = 0;
  for (const TensorEntry& e : header.entries) {
    const std::string tensor = "tensor " + JsonEvents::excerpt(e.name);
    if (e.begin > e.end || e.end > data_bytes)
      reader.refuse(tensor, ": expected data_offsets within ", data_bytes, " bytes, got [", e.begin,
                    ", ", e.end, ")");
    const std::optional<uint64_t> bytes = bytes_of(e);
    if (!bytes) reader.refuse(tensor, ": expected a shape of less than 2^63 bytes, got ", e.shape);
    if (*bytes != e.end - e.begin)
      reader.refuse(tensor, ": expected ", *bytes, " bytes for its shape and dtype, got ",
                    e.end - e.begin);
    if (e.begin < done)
      reader.refuse(tensor, ": expected bytes of its own, got some that overlap another tensor");
    if (e.begin > done)
      reader.refuse(tensor, ": expected data from byte ", done, " on, got a gap until byte ",
                    e.begin);
    done = e.end;
  }
  if (done != data_bytes)
    reader.refuse("expected ", done, " bytes of data, as the tensors have, got ", data_bytes);
  return header;
}

NamedTensors in_file_order(NamedTensors tensors) {
  std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) {
    const size_t wide_a = item_size(a.second.dtype()), wide_b = item_size(b.second.dtype());
    return wide_a != wide_b ? wide_a > wide_b : a.first < b.first;
  });
  std::set<std::string_view> names;
  for (const auto& [name, x] : tensors) {
    check<ValueError>(name != "__metadata__" && name.find('\0') == std::string::npos,
                      "save: expected a name without NUL, and not __metadata__, got ", name);
    check<ValueError>(names.insert(name).second, "save: expected each name once, got ", name,
                      " twice");
  }
  return tensors;
}

std::string header_bytes(const NamedTensors& tensors,
                         const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t done = 0;
  for (const auto& [name, x] : tensors) {
    const std::string_view* dtype = nullptr;
    for (const auto& [text, d] : kDTypes)
      if (d == x.dtype()) dtype = &text;
    const uint64_t end = done + static_cast<uint64_t>(x.numel()) * item_size(x.dtype());
    header[name] = {{"dtype", *dtype},
                    {"shape", std::vector<int64_t>(x.shape().begin(), x.shape().end())},
                    {"data_offsets", {done, end}}};
    done = end;
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail<ValueError>("save: expected names and metadata in UTF-8, got other bytes");
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');
  check<ValueError>(json.size() <= kMostHeaderBytes, "save: expected a header of at most ",
                    kMostHeaderBytes, " bytes, got ", json.size());
  const uint64_t length = json.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + json;
}

}  // namespace vitro
