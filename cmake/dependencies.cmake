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
