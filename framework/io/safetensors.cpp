// Loads and saves safetensors files.
#include "framework/io/safetensors.h"

#include <cstring>
#include <iterator>

#include "framework/base/float16.h"
#include "framework/io/file.h"
#include "framework/io/mapped_file.h"
#include "framework/io/safetensors_file.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

Safetensors load_by_reading(const SafetensorsFile& file) {
  Safetensors result{.tensors = {}, .metadata = file.metadata()};
  std::vector<Tensor> tensors = file.read(file.entries());
  for (size_t i = 0; i < tensors.size(); ++i)
    result.tensors.emplace_back(file.entries()[i].name, std::move(tensors[i]));
  return result;
}

// make(entry, address of its bytes) returns the tensor.
template <class F>
Safetensors load_from_memory(std::string_view bytes, const std::string& name, F make) {
  const uint64_t length = header_length(bytes, bytes.size(), name);
  const std::string_view data = bytes.substr(kLengthBytes + length);
  SafetensorsHeader header = parse_header(bytes.substr(kLengthBytes, length), data.size(), name);
  Safetensors result{.tensors = {}, .metadata = std::move(header.metadata)};
  for (const TensorEntry& e : header.entries) {
    result.tensors.emplace_back(e.name, make(e, data.data() + e.begin));
    check_bools(result.tensors.back().second, e, name);
  }
  return result;
}

Tensor copied(const TensorEntry& e, const char* bytes) {
  Tensor x = empty(e.shape, e.dtype);
  if (e.is_float16) widen_float16(bytes, static_cast<float*>(raw_bytes(x)), x.numel());
  else if (e.end > e.begin) std::memcpy(raw_bytes(x), bytes, e.end - e.begin);
  return x;
}

Safetensors load_by_mapping(const std::string& path) {
  const MappedFile file(path);
  return load_from_memory(file.bytes(), path, [&](const TensorEntry& e, const char* bytes) {
    if (e.is_float16 || e.begin == e.end ||
        reinterpret_cast<uintptr_t>(bytes) % item_size(e.dtype) != 0)
      return copied(e, bytes);
    return from_blob(const_cast<char*>(bytes), e.shape, e.dtype, [file](void*) {});
  });
}

}  // namespace

Safetensors load_safetensors(const std::string& path, const LoadFileOptions& options) {
  Safetensors all;
  for (const SafetensorsFile& file : open_safetensors(path)) {
    Safetensors one = options.map ? load_by_mapping(file.path()) : load_by_reading(file);
    std::move(one.tensors.begin(), one.tensors.end(), std::back_inserter(all.tensors));
    all.metadata.merge(one.metadata);
  }
  return all;
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  return load_from_memory(bytes, name, copied);
}

void write_safetensors(AtomicFile& file, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const NamedTensors ordered = in_file_order(tensors);
  const std::string header = header_bytes(ordered, metadata);
  file.write(header.data(), header.size());
  for (const auto& [name, x] : ordered) {
    Tensor dense = x;
    if (!x.is_contiguous()) copy_into(dense = empty(x.shape(), x.dtype()), x);
    file.write(raw_bytes(dense), static_cast<size_t>(x.numel()) * item_size(x.dtype()));
  }
}

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(file, tensors, metadata);
  file.commit();
}

}  // namespace vitro
