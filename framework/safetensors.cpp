// Loading and saving safetensors files.
#include "framework/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "framework/elementwise.h"
#include "framework/file.h"
#include "framework/mapped_file.h"
#include "framework/safetensors_header.h"

namespace vitro {

namespace {

template <class... Parts>
[[noreturn]] void refuse(const std::string& name, const Parts&... why) {
  fail<IoError>("load: a safetensors file expected: ", name, ": ", why...);
}

// A byte of a bool is 0 or 1, or reading it is undefined.
void check_bools(const Tensor& x, const TensorEntry& entry, const std::string& name) {
  if (x.dtype() != kBool) return;
  auto* bytes = static_cast<const unsigned char*>(raw_bytes(x));
  if (std::any_of(bytes, bytes + x.numel(), [](unsigned char b) { return b > 1; }))
    refuse(name, entry.name, ": a bool is neither 0 nor 1");
}

// A file that is read from anywhere in it.
class ReadableFile {
 public:
  explicit ReadableFile(const std::string& path) : path_(path) {
    file_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file_ < 0) refuse_errno();
    struct stat status;
    if (::fstat(file_, &status) != 0) refuse_errno();
    if (S_ISDIR(status.st_mode)) close_and_refuse("it is a directory");
    if (!S_ISREG(status.st_mode)) close_and_refuse("it is not a regular file");
    size_ = static_cast<uint64_t>(status.st_size);
  }
  ~ReadableFile() { ::close(file_); }
  ReadableFile(const ReadableFile&) = delete;
  ReadableFile& operator=(const ReadableFile&) = delete;
  uint64_t size() const { return size_; }

  // Whether all bytes came; the reason is errno, or 0 at the end of the file.
  bool read(void* to, uint64_t size, uint64_t offset) const {
    auto* bytes = static_cast<char*>(to);
    while (size > 0) {
      const ssize_t n = ::pread(file_, bytes, size, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return n == 0 ? (errno = 0, false) : false;
      bytes += n, offset += static_cast<uint64_t>(n), size -= static_cast<uint64_t>(n);
    }
    return true;
  }
  [[noreturn]] void refuse_errno() const {
    refuse(path_, errno ? std::generic_category().message(errno) : "it ends too early");
  }

 private:
  [[noreturn]] void close_and_refuse(const char* why) {
    ::close(file_);
    refuse(path_, why);
  }
  const std::string& path_;
  int file_ = -1;
  uint64_t size_ = 0;
};

// Reads all entries' bytes straight into their tensors, on several threads where that pays.
void read_data(const ReadableFile& file, uint64_t start, const std::vector<TensorEntry>& entries,
               const nn::NamedTensors& tensors) {
  constexpr int64_t kBlock = int64_t{4} << 20;
  const auto total = static_cast<int64_t>(entries.empty() ? 0 : entries.back().end);
  std::atomic<int> error{-1};
  parallel_for((total + kBlock - 1) / kBlock, 2, [&](int64_t first, int64_t last) {
    const auto begin = static_cast<uint64_t>(first * kBlock),
               end = static_cast<uint64_t>(std::min(last * kBlock, total));
    auto entry = std::upper_bound(entries.begin(), entries.end(), begin,
                                  [](uint64_t at, const TensorEntry& e) { return at < e.end; });
    for (; entry != entries.end() && entry->begin < end; ++entry) {
      const uint64_t from = std::max(begin, entry->begin), to = std::min(end, entry->end);
      const Tensor& x = tensors[static_cast<size_t>(entry - entries.begin())].second;
      if (!file.read(static_cast<char*>(raw_bytes(x)) + (from - entry->begin), to - from,
                     start + from)) {
        error = errno;
        return;
      }
    }
  });
  if (error >= 0) {
    errno = error;
    file.refuse_errno();
  }
}

Safetensors load_by_reading(const std::string& path) {
  const ReadableFile file(path);
  char start[kLengthBytes] = {};
  const uint64_t known = std::min<uint64_t>(file.size(), kLengthBytes);
  if (!file.read(start, known, 0)) file.refuse_errno();
  const uint64_t length = header_length({start, known}, file.size(), path);
  std::string json(length, '\0');
  if (!file.read(json.data(), length, kLengthBytes)) file.refuse_errno();
  SafetensorsHeader header = parse_header(json, file.size() - kLengthBytes - length, path);
  Safetensors result{.tensors = {}, .metadata = std::move(header.metadata)};
  for (const TensorEntry& e : header.entries)
    result.tensors.emplace_back(e.name, empty(e.shape, e.dtype));
  read_data(file, kLengthBytes + length, header.entries, result.tensors);
  for (size_t i = 0; i < header.entries.size(); ++i)
    check_bools(result.tensors[i].second, header.entries[i], path);
  return result;
}

// `make` gives the tensor of an entry from the address of its bytes.
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
  if (e.end > e.begin) std::memcpy(raw_bytes(x), bytes, e.end - e.begin);
  return x;
}

Safetensors load_by_mapping(const std::string& path) {
  const MappedFile file(path);
  return load_from_memory(file.bytes(), path, [&](const TensorEntry& e, const char* bytes) {
    if (reinterpret_cast<uintptr_t>(bytes) % item_size(e.dtype) != 0 || e.begin == e.end)
      return copied(e, bytes);
    return from_blob(const_cast<char*>(bytes), e.shape, e.dtype, [file](void*) {});
  });
}

Safetensors load_shards(const std::string& path, const LoadFileOptions& options) {
  const std::map<std::string, std::string> index = read_shard_index(path);
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  std::map<std::string, size_t> shards;  // and how many tensors the index gives them
  for (const auto& [name, file] : index) ++shards[file];
  Safetensors result;
  for (const auto& [file, count] : shards) {
    Safetensors shard = load_safetensors(directory + file, options);
    for (auto& [name, x] : shard.tensors) {
      auto found = index.find(name);
      if (found == index.end() || found->second != file)
        refuse(directory + file, name, " is not what ", path, " maps to it");
      result.tensors.emplace_back(name, x);
    }
    if (shard.tensors.size() != count)
      refuse(directory + file, count, " tensors expected by ", path, ": ", shard.tensors.size());
    result.metadata.merge(shard.metadata);
  }
  return result;
}

}  // namespace

Safetensors load_safetensors(const std::string& path, const LoadFileOptions& options) {
  if (path.ends_with(".index.json")) return load_shards(path, options);
  return options.map ? load_by_mapping(path) : load_by_reading(path);
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& name) {
  return load_from_memory(bytes, name, copied);
}

void save_safetensors(const std::string& path, const nn::NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const nn::NamedTensors ordered = in_file_order(tensors);
  const std::string header = header_bytes(ordered, metadata);
  AtomicFile file(path);
  file.write(header.data(), header.size());
  for (const auto& [name, x] : ordered) {
    Tensor dense = x;
    if (!x.is_contiguous()) copy_into(dense = empty(x.shape(), x.dtype()), x);
    file.write(raw_bytes(dense), static_cast<size_t>(x.numel()) * item_size(x.dtype()));
  }
  file.commit();
}

}  // namespace vitro
