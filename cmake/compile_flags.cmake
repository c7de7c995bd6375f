# The compiler flags of every target (vitro_flags) and of the library's objects (vitro_library_flags).

set(vitro_flags -Wall -Wextra)

# None of these changes a NaN, an infinity or a rounding, as -ffast-math would:
# no-math-errno        sqrt and its like become instructions
# no-trapping-math     branches on floats may be turned into selects, so loops vectorise
# fp-contract=off      a * b + c rounds twice, under either compiler and on any CPU
# wrapv                integer tensors wrap around, as the documentation says
# no-semantic-interposition  calls of public functions inside the library are direct
# tls-model            thread-local state costs one load in the shared library too
set(vitro_library_flags
  -fno-math-errno -fno-trapping-math -ffp-contract=off -fwrapv
  -fno-semantic-interposition -ftls-model=initial-exec)

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(VITRO_CCACHE ccache)
  if(VITRO_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${VITRO_CCACHE})
  endif()
endif()
