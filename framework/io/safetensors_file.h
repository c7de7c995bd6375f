// A safetensors file that is open: its header, and each tensor's bytes when they are asked for.
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

  // Neighbours among the entries, on several threads where that pays.
  std::vector<Tensor> read(std::span<const TensorEntry> entries) const;
  // The same of one, into a contiguous tensor of its shape and dtype.
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

// The file of `path`, or the shards that a .safetensors.index.json names, with the tensors that it
// says.
std::vector<SafetensorsFile> open_safetensors(const std::string& path);

// A byte of a bool is 0 or 1, or reading it is undefined.
void check_bools(const Tensor& x, const TensorEntry& entry, const std::string& path);

}  // namespace vitro
