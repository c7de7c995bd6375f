// Which instruction set Highway's dispatch chooses: the functions that its own library would bring.
// Loading that library measures the timer's resolution, which takes longer than the rest of a small
// program; vitro uses Highway's headers only, in a namespace of its own (cmake/source_flags.cmake).
#include <hwy/targets.h>

#include <cstdlib>
#include <string_view>

namespace hwy {

namespace {

// The CPU's, of those that the kernels are compiled for; the fallback is always there.
int64_t detect() {
#if HWY_ARCH_X86
  int64_t targets = HWY_SCALAR;
  // Every CPU with these has F16C and LZCNT too, which clang 14 cannot ask for.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    targets |= HWY_AVX2;
  if ((targets & HWY_AVX2) && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd"))
    targets |= HWY_AVX3;
  return targets;
#else
  return HWY_STATIC_TARGET;
#endif
}

// The environment variable VITRO_MAX_CPU_ISA, BASELINE or AVX2, takes the better ones away.
int64_t allowed() {
  const char* limit = std::getenv("VITRO_MAX_CPU_ISA");
#if HWY_ARCH_X86
  // Better instruction sets have smaller numbers.
  const std::string_view isa = limit ? limit : "";
  if (isa == "BASELINE") return HWY_SCALAR;
  if (isa == "AVX2") return ~(HWY_AVX2 - 1);
#endif
  return (void)limit, ~int64_t{0};
}

}  // namespace

int64_t SupportedTargets() {
  static const int64_t targets = detect() & allowed();
  return targets;
}

ChosenTarget& GetChosenTarget() {
  static constinit ChosenTarget chosen;
  return chosen;
}

}  // namespace hwy
