# The compiler flags of every target (vitro_flags), of the library's objects (vitro_library_flags),
# and the optimisation of what is not worth more (vitro_light).

set(vitro_flags -Wall -Wextra)
# Of what users run: the library and the program.  For clang -Wconversion means signs too.
set(vitro_strict_flags -Wconversion -Wno-sign-conversion -Wshadow)

# Of the tests, the program and the reading of JSON: what is fast is elsewhere, and optimising these
# would mostly cost build time, under the sanitizers half of it.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(VITRO_SANITIZED ON)
endif()
set(vitro_light -O1)
if(VITRO_SANITIZED)
  set(vitro_light -O0)
endif()

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
