# Finds what the library needs; vitro_link_libraries is what a program that uses it must link.
# Nothing is downloaded: scripts/setup installs the packages.

find_package(Boost 1.74 REQUIRED)
find_package(dnnl REQUIRED CONFIG)
find_package(hwy REQUIRED CONFIG)  # headers only: framework/simd/targets.cpp
find_package(nlohmann_json REQUIRED CONFIG)
find_package(PkgConfig REQUIRED)
pkg_check_modules(VITRO_PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(VITRO_UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

set(vitro_link_libraries DNNL::dnnl PkgConfig::VITRO_PCRE2 PkgConfig::VITRO_UTF8PROC)

# oneDNN runs on GNU's OpenMP library.  Clang's OpenMP needs a library of its own (it emits __kmpc_*
# calls, which libgomp lacks), and two thread pools in one process fight over the cores: built by
# clang, vitro's own loops run on the calling thread.
set(VITRO_OPENMP_FLAGS "")
if(VITRO_PARALLEL AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  set(VITRO_OPENMP_FLAGS ${OpenMP_CXX_FLAGS})
  # By name, not by path: every compiler finds libgomp beside GCC's own libraries, so the installed
  # package works with any.
  list(APPEND vitro_link_libraries gomp)
elseif(VITRO_PARALLEL)
  message(STATUS "vitro: ${CMAKE_CXX_COMPILER_ID} is not GNU, so vitro's own loops are serial")
endif()
