# Compiler flags: vitro_flags for every target, vitro_library_flags for the library's objects, and
# vitro_light for targets that need little optimisation.

set(vitro_flags -Wall -Wextra)
# More warnings for the library and the program.  clang's -Wconversion also warns about signs.
set(vitro_strict_flags -Wconversion -Wno-sign-conversion -Wshadow)

# For targets that compute little themselves, such as the program.  More optimisation would mostly
# cost build time; with the sanitizers, it would cost half of the time of a build.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(VITRO_SANITIZED ON)
endif()
set(vitro_light -O1)
if(VITRO_SANITIZED)
  set(vitro_light -O0)
endif()

# Unlike -ffast-math, none of these flags changes a NaN, an infinity or a rounding:
# no-math-errno        sqrt and similar functions become instructions
# no-trapping-math     branches on floats may be turned into selects, so loops vectorise
# fp-contract=off      a * b + c rounds twice, with every compiler and on every CPU
# wrapv                integers wrap around when they overflow, as the documentation says
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
