// SafetensorsFile: an open safetensors file.  It parses the header, and reads tensors on request.
#pragma once
#include <span>

#include "framework/io/safetensors_header.h"

namespace vitro {

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  const std::string& path() const { return path_; }
  const std::vector<TensorEntry>& entries() const { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  // Reads tensors that follow each other in entries(), on several threads if they are large.
  std::vector<Tensor> read(std::span<const TensorEntry> entries) const;
  // Reads the tensor of `entry` into x, a contiguous tensor of its shape and dtype.
  void read_into(const Tensor& x, const TensorEntry& entry) const {
    read_into({&x, 1}, {&entry, 1});
  }

 private:
  void read_into(std::span<const Tensor> tensors, std::span<const TensorEntry> entries) const;
  bool read_part(const TensorEntry& entry, const Tensor& x, uint64_t from, uint64_t to) const;
  bool read_bytes(void* to, uint64_t size, uint64_t offset) const;
  [[noreturn]] void refuse_errno() const;

  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0, data_start_ = 0;
  SafetensorsHeader header_;
};

// Opens the file at `path`, or all shards that a .safetensors.index.json names.  IoError if the
// tensors of a shard are not the ones in the index.
std::vector<SafetensorsFile> open_safetensors(const std::string& path);

// IoError if a byte of a bool tensor is neither 0 nor 1: reading such a bool is undefined in C++.
void check_bools(const Tensor& x, const TensorEntry& entry, const std::string& path);

}  // namespace vitro
