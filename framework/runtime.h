// The run-time environment: threads, versions, instruction sets, and what oneDNN was asked to do.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] vitro {

// Threads that vitro's loops and oneDNN's may use.  ValueError below 1.
void set_num_threads(int n);
int get_num_threads();

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
