// Reads and writes NumPy files.  Their format:
//
//   "\x93NUMPY" major minor | header length: 2 bytes in version 1, then 4 | header | data
//
// The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, padded
// with spaces and a line end so that the data starts at a multiple of 64.
#include "framework/io/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "framework/base/float16.h"
#include "framework/io/file.h"
#include "framework/io/mapped_file.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;

struct Description {
  const char* name;
  DType dtype;
};
constexpr Description kDescriptions[] = {{"<f4", kFloat32}, {"<f8", kFloat64}, {"<i8", kInt64},
                                         {"<i4", kInt32},   {"|u1", kUInt8},   {"|b1", kBool}};
constexpr const char* kFloat16 = "<f2";  // read as float32, never written

template <class... Parts>
[[noreturn]] void refuse_npy(const std::string& name, const Parts&... why) {
  fail<IoError>("NumPy file ", name, ": ", why...);
}

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

// Reads the header, which is a Python literal, from left to right.
class NpyHeaderReader {
 public:
  NpyHeaderReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  Header read() {
    Header header;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") once(header.descr, string());
      else if (key == "fortran_order") once(header.fortran_order, boolean());
      else if (key == "shape") once(header.shape, tuple());
      else
        refuse_npy(name_, "expected only descr, fortran_order and shape in the header, got ", key);
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) refuse_npy(name_, "expected the end of the header after }, got more");
    if (!header.descr || !header.fortran_order || !header.shape)
      refuse_npy(name_, "expected descr, fortran_order and shape in the header, got fewer");
    return header;
  }

 private:
  template <class T>
  void once(std::optional<T>& field, T value) {
    if (field) refuse_npy(name_, "expected each key once in the header, got one twice");
    field = std::move(value);
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c))
      refuse_npy(name_, "expected ", c, " in the header, got ",
                 rest_.empty() ? "its end" : rest_.substr(0, 1));
  }
  std::string string() {
    const char quote = take('"') ? '"' : (expect('\''), '\'');
    const size_t end = rest_.find(quote);
    if (end == rest_.npos || end > 64)
      refuse_npy(name_, "expected strings of at most 64 bytes in the header, got one without end");
    const std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair{"False", false}, {"True", true}})
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(std::string_view(word).size());
        return value;
      }
    refuse_npy(name_, "expected True or False for fortran_order, got another value");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    for (bool is_more = true; !take(')'); is_more = take(',')) {
      if (!is_more)
        refuse_npy(name_, "expected whole numbers between commas for shape, got another text");
      if (shape.rank() == Shape::kMaxRank)
        refuse_npy(name_, "expected a shape of at most ", Shape::kMaxRank, " axes, got more");
      skip_space();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0)
        refuse_npy(name_, "expected whole numbers below 2^63 for shape, got another text");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      shape.push_back(size);
    }
    return shape;
  }

  std::string_view rest_;
  const std::string& name_;
};

DType dtype_of(const std::string& descr, const std::string& name) {
  for (const Description& d : kDescriptions)
    if (descr == d.name) return d.dtype;
  if (descr == kFloat16) return kFloat32;
  std::string known = kFloat16;
  for (const Description& d : kDescriptions) known += ", " + std::string(d.name);
  refuse_npy(name, "expected a dtype of ", known, ", got ", descr);
}

// The header's text, and the offset of the data.
std::pair<std::string_view, size_t> find_header(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with(kMagic))
    refuse_npy(name, "expected \\x93NUMPY at the beginning, got other bytes");
  if (bytes.size() < kMagic.size() + 2)
    refuse_npy(name, "expected a version, got the end of the file");
  const int version = static_cast<unsigned char>(bytes[kMagic.size()]);
  if (version < 1 || version > 3) refuse_npy(name, "expected version 1, 2 or 3, got ", version);
  const size_t width = version == 1 ? 2 : 4, start = kMagic.size() + 2 + width;
  if (bytes.size() < start)
    refuse_npy(name, "expected the length of the header, got the end of the file");
  uint32_t length = 0;  // little-endian in the file and on this machine
  std::memcpy(&length, bytes.data() + start - width, width);
  if (length > bytes.size() - start)
    refuse_npy(name, "expected a header of at most ", bytes.size() - start, " bytes, got one of ",
               length);
  return {bytes.substr(start, length), start + length};
}

Shape reversed(const Shape& x) {
  Shape y;
  for (int i = x.rank(); i-- > 0;) y.push_back(x[i]);
  return y;
}

std::string header_of(const Tensor& x) {
  const auto* found = std::find_if(std::begin(kDescriptions), std::end(kDescriptions),
                                   [&](const Description& d) { return d.dtype == x.dtype(); });
  check<DTypeError>(found != std::end(kDescriptions),
                    "save_npy: expected a dtype that NumPy has, got ", x.dtype(),
                    "; convert with to()");
  std::string shape;
  for (int64_t size : x.shape()) shape += std::to_string(size) + ", ";
  if (x.rank() > 1) shape.resize(shape.size() - 2);
  else if (x.rank() == 1) shape.pop_back();
  std::string header = "{'descr': '" + std::string(found->name) +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const size_t start = kMagic.size() + 4, whole = start + header.size() + 1;
  header += std::string((kAlignment - whole % kAlignment) % kAlignment, ' ') + '\n';
  return std::string(kMagic) + '\1' + '\0' + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header;
}

}  // namespace

Tensor parse_npy(std::string_view bytes, const std::string& name) {
  const auto [text, start] = find_header(bytes, name);
  const Header header = NpyHeaderReader(text, name).read();
  const DType dtype = dtype_of(*header.descr, name);
  // Data in Fortran order are data in C order with the axes reversed.
  const Shape shape = *header.fortran_order ? reversed(*header.shape) : *header.shape;
  int64_t count = 0;
  try {
    count = checked_numel("load", shape, dtype);
  } catch (const Error& error) { refuse_npy(name, error.what()); }
  const bool is_narrow = *header.descr == kFloat16;
  const size_t size = static_cast<size_t>(count) * (is_narrow ? 2 : item_size(dtype));
  if (bytes.size() - start != size)
    refuse_npy(name, "expected ", size, " bytes of data, got ", bytes.size() - start);
  const std::string_view data = bytes.substr(start);
  if (dtype == kBool &&
      std::any_of(data.begin(), data.end(), [](unsigned char b) { return b > 1; }))
    refuse_npy(name, "expected 0 or 1 for each bool, got another byte");
  Tensor x = empty(shape, dtype);
  if (is_narrow) widen_float16(data.data(), raw<float>(x), count);
  else if (size) std::memcpy(raw_bytes(x), data.data(), size);
  if (!*header.fortran_order) return x;
  Shape axes;
  for (int axis = 0; axis < x.rank(); ++axis) axes.push_back(axis);
  return x.permute(reversed(axes)).contiguous();
}

Tensor load_npy(const std::string& path) {
  const MappedFile file(path);
  return parse_npy(file.bytes(), path);
}

void save_npy(const std::string& path, const Tensor& x) {
  check<ValueError>(x.defined(), "save_npy: expected a defined tensor, got an undefined one");
  const std::string header = header_of(x);
  Tensor dense = x.detach();
  if (!x.is_contiguous()) copy_into(dense = empty(x.shape(), x.dtype()), x);
  AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(raw_bytes(dense), static_cast<size_t>(x.numel()) * item_size(x.dtype()));
  file.commit();
}

}  // namespace vitro
