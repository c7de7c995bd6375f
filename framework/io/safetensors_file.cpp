// Reads safetensors files tensor by tensor.
#include "framework/io/safetensors_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "framework/base/float16.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

template <class... Parts>
[[noreturn]] void refuse(const std::string& path, const Parts&... why) {
  fail<IoError>("safetensors file ", path, ": ", why...);
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  // Without O_NONBLOCK, opening a FIFO would wait until somebody writes to it.
  file_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file_ < 0) refuse_errno();
  try {
    struct stat status;
    if (::fstat(file_, &status) != 0) refuse_errno();
    if (S_ISDIR(status.st_mode)) refuse(path, "cannot be read: it is a directory");
    if (!S_ISREG(status.st_mode)) refuse(path, "cannot be read: it is not a regular file");
    size_ = static_cast<uint64_t>(status.st_size);
    char start[kLengthBytes] = {};
    const uint64_t known = std::min<uint64_t>(size_, kLengthBytes);
    if (!read_bytes(start, known, 0)) refuse_errno();
    const uint64_t length = header_length({start, known}, size_, path);
    std::string json(length, '\0');
    if (!read_bytes(json.data(), length, kLengthBytes)) refuse_errno();
    data_start_ = kLengthBytes + length;
    header_ = parse_header(json, size_ - data_start_, path);
  } catch (...) {
    ::close(file_);
    throw;
  }
}
SafetensorsFile::~SafetensorsFile() {
  if (file_ >= 0) ::close(file_);
}
SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      data_start_(other.data_start_),
      header_(std::move(other.header_)) {}

void SafetensorsFile::refuse_errno() const {
  refuse(path_,
         "cannot be read: ", errno ? std::generic_category().message(errno) : "it ends too early");
}

// Returns whether all bytes were read.  If not, errno is the reason, or 0 at the end of the file.
bool SafetensorsFile::read_bytes(void* to, uint64_t size, uint64_t offset) const {
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t n = ::pread(file_, bytes, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 ? (errno = 0, false) : false;
    bytes += n, offset += static_cast<uint64_t>(n), size -= static_cast<uint64_t>(n);
  }
  return true;
}

// Reads bytes [from, to) of the data to their places in x.  They are whole elements of the entry.
bool SafetensorsFile::read_part(const TensorEntry& entry, const Tensor& x, uint64_t from,
                                uint64_t to) const {
  if (!entry.is_float16)
    return read_bytes(static_cast<char*>(raw_bytes(x)) + (from - entry.begin), to - from,
                      data_start_ + from);
  char narrow[size_t{1} << 15];
  while (from < to) {
    const uint64_t size = std::min<uint64_t>(to - from, sizeof narrow);
    if (!read_bytes(narrow, size, data_start_ + from)) return false;
    widen_float16(narrow, static_cast<float*>(raw_bytes(x)) + (from - entry.begin) / 2,
                  static_cast<int64_t>(size / 2));
    from += size;
  }
  return true;
}

void SafetensorsFile::read_into(std::span<const Tensor> tensors,
                                std::span<const TensorEntry> entries) const {
  if (entries.empty()) return;
  constexpr uint64_t kBlock = uint64_t{1} << 20;
  const uint64_t start = entries.front().begin, total = entries.back().end - start;
  std::atomic<int> error{-1};
  parallel_for(static_cast<int64_t>((total + kBlock - 1) / kBlock), 2, [&](int64_t a, int64_t b) {
    const uint64_t begin = start + static_cast<uint64_t>(a) * kBlock,
                   end = start + std::min(static_cast<uint64_t>(b) * kBlock, total);
    auto entry = std::upper_bound(entries.begin(), entries.end(), begin,
                                  [](uint64_t at, const TensorEntry& e) { return at < e.end; });
    for (; entry != entries.end() && entry->begin < end; ++entry) {
      // A range may begin or end inside an element.  The later range reads that element.
      const uint64_t width = entry->element_bytes();
      const auto whole = [&](uint64_t at) { return at - (at - entry->begin) % width; };
      const uint64_t from = whole(std::max(begin, entry->begin)),
                     to = entry->end <= end ? entry->end : whole(end);
      if (!read_part(*entry, tensors[static_cast<size_t>(entry - entries.begin())], from, to)) {
        error = errno;
        return;
      }
    }
  });
  if (error >= 0) {
    errno = error;
    refuse_errno();
  }
  for (size_t i = 0; i < entries.size(); ++i) check_bools(tensors[i], entries[i], path_);
}

std::vector<Tensor> SafetensorsFile::read(std::span<const TensorEntry> entries) const {
  std::vector<Tensor> tensors;
  for (const TensorEntry& e : entries) tensors.push_back(empty(e.shape, e.dtype));
  read_into(tensors, entries);
  return tensors;
}

std::vector<SafetensorsFile> open_safetensors(const std::string& path) {
  std::vector<SafetensorsFile> files;
  if (!path.ends_with(".index.json")) {
    files.emplace_back(path);
    return files;
  }
  const std::map<std::string, std::string> index = read_shard_index(path);
  std::map<std::string, size_t> shards;  // file name -> number of its tensors in the index
  for (const auto& [name, file] : index) ++shards[file];
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  for (const auto& [shard, count] : shards) {
    const SafetensorsFile& file = files.emplace_back(directory + shard);
    for (const TensorEntry& e : file.entries()) {
      const auto found = index.find(e.name);
      if (found == index.end() || found->second != shard)
        refuse(file.path(), "expected only tensors that ", path, " maps to it, got ", e.name);
    }
    if (file.entries().size() != count)
      refuse(file.path(), "expected ", count, " tensors, as ", path, " says, got ",
             file.entries().size());
  }
  return files;
}

void check_bools(const Tensor& x, const TensorEntry& entry, const std::string& path) {
  if (x.dtype() != kBool) return;
  auto* bytes = static_cast<const unsigned char*>(raw_bytes(x));
  if (std::any_of(bytes, bytes + x.numel(), [](unsigned char b) { return b > 1; }))
    refuse(path, "tensor ", entry.name, ": expected 0 or 1 for each bool, got another byte");
}

}  // namespace vitro
