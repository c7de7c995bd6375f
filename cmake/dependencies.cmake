# Finds the libraries that vitro needs.  vitro_link_libraries lists those that must be linked.
# Nothing is downloaded: scripts/setup installs the packages.

find_package(Boost 1.74 REQUIRED)
find_package(dnnl 2.6...<3 CONFIG QUIET)
if(NOT dnnl_FOUND)
  message(FATAL_ERROR "vitro needs oneDNN 2.6 or a later 2.x (Debian: libdnnl-dev). "
    "Found: ${dnnl_CONSIDERED_CONFIGS} ${dnnl_CONSIDERED_VERSIONS}. "
    "The interface of oneDNN 3 differs; choose a version with -Ddnnl_DIR=FOLDER.")
endif()
find_package(hwy REQUIRED CONFIG)  # only its headers are used: see framework/simd/targets.cpp
find_package(nlohmann_json REQUIRED CONFIG)
find_package(PkgConfig REQUIRED)
pkg_check_modules(VITRO_PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(VITRO_UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

set(vitro_link_libraries DNNL::dnnl PkgConfig::VITRO_PCRE2 PkgConfig::VITRO_UTF8PROC)
