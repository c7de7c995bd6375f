# What single sources of the library are told: the version, the SIMD targets, less optimisation.

set_source_files_properties(ops/version.cpp PROPERTIES
  COMPILE_DEFINITIONS "VITRO_VERSION=\"${PROJECT_VERSION}\"")

# Kernels are compiled for AVX2, for AVX-512 (AVX3) and for any x86-64.  Highway 1.0.3 has no SSE2
# target: the fallback is one lane at a time, and HWY_BROKEN_EMU128 makes it the same HWY_SCALAR
# under every compiler.  `hwy` is renamed: a program may link Highway's library beside vitro.
file(GLOB simd_sources CONFIGURE_DEPENDS framework/simd/*.cpp ops/simd/*.cpp)
set(simd_definitions "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL)" HWY_BROKEN_EMU128=1 hwy=vitro_hwy)
set_source_files_properties(${simd_sources} PROPERTIES COMPILE_DEFINITIONS "${simd_definitions}")
