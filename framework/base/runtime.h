// The run-time environment: threads, versions, instruction sets, and what oneDNN was asked to do.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// Sets how many threads the loops and products of this process may use, whichever thread asks.
// The results do not depend on it.  Where nobody sets it, it is the number of CPUs that the process
// may use: its affinity mask, bounded by the CPU quota of its control groups.  ValueError below 1
// and above 1024.
void set_num_threads(int n);
// The number that the calling thread's next loop may use: the process's, or less in a
// ScopedThreads.
int get_num_threads();

// Limits the calling thread to n threads for a scope; it never raises the number.  ValueError below
// 1.
class ScopedThreads {
 public:
  explicit ScopedThreads(int n);
  ~ScopedThreads();
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int before_;
};

struct VersionInfo {
  std::string version;  // of vitro
  std::string simd;     // instruction set that vitro's kernels run on
  std::string onednn;   // version and instruction set that oneDNN runs on
  int threads;
};
VersionInfo version_info();

struct OnednnPrimitive {
  std::string name;            // operation, dtype and shape
  std::string implementation;  // the kernel that oneDNN chose
  int64_t runs;
};
// The calling thread's cache of ready primitives.
struct OnednnStats {
  uint64_t hits, misses;
  int64_t bytes;
  std::vector<OnednnPrimitive> primitives;
};
OnednnStats onednn_stats();

}  // namespace vitro
