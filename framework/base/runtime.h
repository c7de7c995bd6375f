// The run-time environment: threads, versions, instruction sets, and the primitives of oneDNN.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cxx20.h"

namespace [[gnu::visibility("default")]] vitro {

// Sets how many threads each loop or product of this process may use, on whichever thread it is
// called.  Results do not depend on n.  The default is the number of CPUs in the affinity mask of
// the process, at most the CPU quota of its control groups.  ValueError unless n is in [1, 1024].
void set_num_threads(int n);
// The number of threads that the next loop of the calling thread may use: the number set for the
// process, or a smaller limit of a ScopedThreads.
int get_num_threads();

// Limits the loops of the calling thread to n threads for a scope; never raises a limit.
// ValueError unless n >= 1.
class ScopedThreads {
 public:
  // The limit begins here and ends in the destructor.
  explicit ScopedThreads(int n);
  ~ScopedThreads();
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int before_;
};

// The versions and instruction sets in use.
struct VersionInfo {
  std::string version;  // version of vitro
  std::string simd;     // instruction set that vitro's kernels use
  std::string onednn;   // version of oneDNN, and the instruction set that it uses
  int threads;          // get_num_threads()
};
// The versions and instruction sets of this process.
VersionInfo version_info();

// One operation that oneDNN has prepared for given dtypes and shapes.
struct OnednnPrimitive {
  std::string name;            // operation, dtype and shape
  std::string implementation;  // the kernel that oneDNN chose
  int64_t runs;                // how often it ran
};
// The process's cache of prepared primitives.
struct OnednnStats {
  // Look-ups that found a primitive, and look-ups that had to make one.
  uint64_t hits, misses;
  int64_t bytes;                            // memory of the primitives, estimated
  std::vector<OnednnPrimitive> primitives;  // sorted by name
};
// The state of the cache at this moment.
OnednnStats onednn_stats();

}  // namespace vitro
