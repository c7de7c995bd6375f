# Flags and definitions of single source files: the version, and the SIMD targets of the kernels.

set_source_files_properties(ops/version.cpp PROPERTIES
  COMPILE_DEFINITIONS "VITRO_VERSION=\"${PROJECT_VERSION}\"")

# Kernels are compiled for AVX2, for AVX-512 (AVX3) and for any x86-64.  Highway 1.0.3 has no SSE2
# target, so the fallback works on one lane at a time; HWY_BROKEN_EMU128 makes it HWY_SCALAR with
# every compiler.  `hwy` is renamed because a program may link both vitro and Highway's own library.
file(GLOB simd_sources CONFIGURE_DEPENDS framework/simd/*.cpp ops/simd/*.cpp)
set(simd_definitions "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL)" HWY_BROKEN_EMU128=1 hwy=vitro_hwy)
set_source_files_properties(${simd_sources} PROPERTIES COMPILE_DEFINITIONS "${simd_definitions}")
