// Compares AdamW, and loading, for as many parameters as GPT-2 has with the speed of memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "bench/rows.h"
#include "framework/base/parallel.h"
#include "vitro.h"

namespace vitro::bench {

const char* const kAbout =
    "AdamW: other = p += g; m += g; v += g over arrays of the same size, in one parallel pass.\n"
    "Load: reads a safetensors file of 500 MB from the page cache and sums every byte; other =\n"
    "pread by two threads into fresh huge pages, and the same sum.";

namespace {

constexpr int64_t kGrain = 1 << 14;

std::vector<Batch> adamw_rivals() {
  constexpr int64_t kRows = 162000, kColumns = 768;  // 124 million
  Tensor p = randn({kRows, kColumns}).requires_grad_();
  p.set_grad(randn({kRows, kColumns}));
  auto opt = std::make_shared<optim::AdamW>(std::vector<Tensor>{p});
  opt->step();
  Tensor m = zeros(p.shape()), v = zeros(p.shape()), q = zeros(p.shape());
  auto plain = [=]() mutable {
    const float* g = p.grad().data<float>();
    float *a = q.mutable_data<float>(), *b = m.mutable_data<float>(), *c = v.mutable_data<float>();
    parallel_for(p.numel(), kGrain, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) a[i] += g[i], b[i] += g[i], c[i] += g[i];
    });
  };
  return {batch([opt] { opt->step(); }), batch(plain)};
}

uint64_t sum_of(const void* data, int64_t bytes) {
  const auto* words = static_cast<const uint64_t*>(data);
  std::atomic<uint64_t> sum{0};
  parallel_for(bytes / 8, kGrain, [&](int64_t begin, int64_t end) {
    uint64_t part = 0;
    for (int64_t i = begin; i < end; ++i) part += words[i];
    sum += part;
  });
  return sum;
}

// A file of 16 tensors, 500 MB together.  It is removed at the end.
class LargeFile {
 public:
  LargeFile() : path_(std::filesystem::temp_directory_path() / "vitro_bench.safetensors") {
    NamedTensors tensors;
    for (int i = 0; i < 16; ++i) tensors.emplace_back(std::to_string(i), randn({10173, 768}));
    save_safetensors(path_, tensors);
  }
  ~LargeFile() { std::filesystem::remove(path_); }
  LargeFile(const LargeFile&) = delete;
  LargeFile& operator=(const LargeFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void load_by_pread(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || ::fstat(file, &status) != 0)
    throw std::runtime_error("bench_optim: expected a file to load, got none");
  const int64_t size = status.st_size, block = int64_t{4} << 20;
  void* memory = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ::madvise(memory, static_cast<size_t>(size), MADV_HUGEPAGE);
  parallel_for((size + block - 1) / block, 2, [=](int64_t begin, int64_t end) {
    int64_t at = begin * block;
    const int64_t stop = std::min(end * block, size);
    while (at < stop) {
      const ssize_t n =
          ::pread(file, static_cast<char*>(memory) + at, static_cast<size_t>(stop - at), at);
      if (n <= 0) return;
      at += n;
    }
  });
  benchmark::DoNotOptimize(sum_of(memory, size));
  ::munmap(memory, static_cast<size_t>(size));
  ::close(file);
}

std::vector<Batch> load_rivals(bool map) {
  auto file = std::make_shared<LargeFile>();
  auto load = [=] {
    uint64_t sum = 0;
    {
      const Safetensors all = load_safetensors(file->path(), {.map = map});
      for (const auto& [name, x] : all.tensors) sum += sum_of(x.data<float>(), x.numel() * 4);
    }
    benchmark::DoNotOptimize(sum);
    empty_cache();  // so that the next load also gets fresh pages
  };
  return {batch(load), batch([=] { load_by_pread(file->path()); })};
}

}  // namespace

void register_rows() {
  const double parameters = 162000.0 * 768;
  rivals("AdamW step", "124M parameters", {.bytes = parameters * 4 * 7, .target = 1.1},
         adamw_rivals);
  rivals("load safetensors, read", "500 MB", {.bytes = 5e8, .target = 1.3},
         [] { return load_rivals(false); });
  rivals("load safetensors, mapped", "500 MB", {.bytes = 5e8}, [] { return load_rivals(true); });
}

}  // namespace vitro::bench
