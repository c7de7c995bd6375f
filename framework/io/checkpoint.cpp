// Reads and writes checkpoint files, and the directory of a run.
#define XXH_INLINE_ALL
#include "framework/io/checkpoint.h"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "framework/io/file.h"
#include "framework/io/mapped_file.h"
#include "framework/io/safetensors_header.h"
#include "framework/io/temporary_file.h"
#include "framework/tensor/loops.h"

namespace vitro {

namespace {

constexpr char kField[] = "\"checksum\":\"", kZeros[] = "0000000000000000";
constexpr size_t kDigits = sizeof kZeros - 1;
constexpr char kPrefix[] = "step-", kSuffix[] = ".safetensors";

std::string digits(uint64_t sum) {
  char text[kDigits + 1];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(sum));
  return text;
}

size_t bytes_of(const Tensor& x) { return static_cast<size_t>(x.numel()) * item_size(x.dtype()); }

// The XXH3 checksum of bytes that come in pieces.
class Hash {
 public:
  Hash() { XXH3_64bits_reset(&state_); }
  void add(const void* data, size_t size) { XXH3_64bits_update(&state_, data, size); }
  void add(std::string_view bytes) { add(bytes.data(), bytes.size()); }
  std::string text() const { return digits(XXH3_64bits_digest(&state_)); }

 private:
  XXH3_state_t state_;
};

// The offset of the checksum's digits; npos if the file has none.
size_t find_digits(std::string_view bytes) {
  const size_t header = bytes.substr(0, kMostHeaderBytes).find(kField);
  const size_t at = header == bytes.npos ? header : header + sizeof kField - 1;
  return at == bytes.npos || bytes.size() - at < kDigits ? bytes.npos : at;
}

// The step in "step-00000100.safetensors"; -1 for another name.
int64_t step_of(const std::string& name) {
  const size_t fixed = sizeof kPrefix - 1 + sizeof kSuffix - 1;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) || name.size() <= fixed) return -1;
  const char *begin = name.data() + sizeof kPrefix - 1, *end = begin + (name.size() - fixed);
  int64_t step = -1;
  const auto [stop, error] = std::from_chars(begin, end, step);
  return error == std::errc() && stop == end ? step : -1;
}

}  // namespace

const std::string& Checkpoint::field(const std::string& name) const {
  const auto found = metadata.find(name);
  check<IoError>(found != metadata.end(), "checkpoint: expected the field ", name, ", got none");
  return found->second;
}

int64_t Checkpoint::step() const {
  const std::string& digits = field("step");
  const char* end = digits.data() + digits.size();
  int64_t step = -1;
  const auto [stop, error] = std::from_chars(digits.data(), end, step);
  check<IoError>(error == std::errc() && stop == end && step >= 0,
                 "checkpoint: expected a whole number of at least 0 for step, got \"",
                 digits.substr(0, 40), "\"");
  return step;
}

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  NamedTensors tensors = in_file_order(checkpoint.tensors);
  for (auto& [name, x] : tensors)
    if (!x.is_contiguous()) {
      Tensor dense = empty(x.shape(), x.dtype());
      copy_into(dense, x);
      x = dense;
    }
  std::map<std::string, std::string> metadata = checkpoint.metadata;
  metadata["checksum"] = kZeros;
  std::string header = header_bytes(tensors, metadata);
  Hash hash;
  hash.add(header);
  for (const auto& [name, x] : tensors) hash.add(raw_bytes(x), bytes_of(x));
  header.replace(find_digits(header), kDigits, hash.text());
  AtomicFile file(path);
  file.write(header.data(), header.size());
  for (const auto& [name, x] : tensors) file.write(raw_bytes(x), bytes_of(x));
  file.commit();
}

Checkpoint load_checkpoint(const std::string& path) {
  {
    const MappedFile file(path);
    const std::string_view bytes = file.bytes();
    const size_t at = find_digits(bytes);
    check<IoError>(at != bytes.npos, "checkpoint ", path,
                   ": expected a file with a checksum, got one without");
    Hash hash;
    hash.add(bytes.substr(0, at));
    hash.add(kZeros);
    hash.add(bytes.substr(at + kDigits));
    check<IoError>(hash.text() == bytes.substr(at, kDigits), "checkpoint ", path,
                   ": expected bytes with the checksum ", bytes.substr(at, kDigits), ", got ",
                   hash.text(), "; the file is damaged");
  }
  Safetensors file = load_safetensors(path);
  file.metadata.erase("checksum");
  return {std::move(file.tensors), std::move(file.metadata)};
}

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors renamed;
  for (const auto& [name, x] : tensors) renamed.emplace_back(prefix + name, x);
  return renamed;
}

NamedTensors under_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors renamed;
  for (const auto& [name, x] : tensors)
    if (name.starts_with(prefix)) renamed.emplace_back(name.substr(prefix.size()), x);
  return renamed;
}

std::vector<int64_t> CheckpointDirectory::steps() const {
  std::vector<int64_t> steps;
  for (const std::string& name : names_in(path_))
    if (const int64_t step = step_of(name); step >= 0) steps.push_back(step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string CheckpointDirectory::file(int64_t step) const {
  char name[64];
  std::snprintf(name, sizeof name, "%s%08lld%s", kPrefix, static_cast<long long>(step), kSuffix);
  return path_ + '/' + name;
}

void CheckpointDirectory::save(int64_t step, const Checkpoint& checkpoint, int64_t keep,
                               std::optional<int64_t> spared) const {
  check<ValueError>(keep >= 1, "checkpoint: expected a keep of at least 1, got ", keep);
  for (const std::string& name : names_in(path_))  // temporary files of killed saves, of any step
    if (name.starts_with(kPrefix) && name.find(kSuffix) != name.npos && name.ends_with(".tmp"))
      remove_leftover(path_ + '/' + name);
  save_checkpoint(file(step), checkpoint);
  const std::vector<int64_t> all = steps();
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i)
    if (all[i] != step && all[i] != spared) remove_file(file(all[i]));
}

CheckpointDirectory::Found CheckpointDirectory::latest() const {
  const std::vector<int64_t> all = steps();
  check<IoError>(!all.empty(), path_, ": expected a run of vitro train with ", kPrefix, "*",
                 kSuffix, ", got none");
  std::vector<std::string> damaged;
  for (auto step = all.rbegin(); step != all.rend(); ++step) try {
      return {*step, load_checkpoint(file(*step)), damaged};
    } catch (const IoError& error) { damaged.push_back(error.what()); }
  fail<IoError>(path_, ": expected a checkpoint that is not damaged, got none; the newest gave: ",
                damaged.front());
}

}  // namespace vitro
