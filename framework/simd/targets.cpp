// Chooses the instruction set for Highway's dispatch, which Highway's library would do otherwise.
// Loading the library takes longer than a small program, because it measures the resolution of the
// timer.  vitro uses only Highway's headers, in a namespace of its own (cmake/source_flags.cmake).
#include <hwy/targets.h>

#include <cstdlib>
#include <string_view>

namespace hwy {

namespace {

// The targets that the kernels are compiled for and that the CPU has.  HWY_SCALAR is always there.
int64_t detect() {
#if HWY_ARCH_X86
  int64_t targets = HWY_SCALAR;
  // Every CPU with these also has F16C and LZCNT, for which clang 14 has no check.
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

// VITRO_MAX_CPU_ISA=BASELINE or =AVX2 in the environment forbids all better instruction sets.
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
