# `cpack` in a build folder makes vitro_VERSION_ARCHITECTURE.deb and .tar.gz of what is installed.
set(CPACK_PACKAGE_NAME vitro)
set(CPACK_PACKAGE_VENDOR "The vitro authors")
set(CPACK_PACKAGE_CONTACT "The vitro authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ)

# The .deb needs dpkg-shlibdeps (Debian: dpkg-dev): it finds the shared libraries that the program
# needs to run.  The packages below are what a program that uses the library needs to be built: the
# headers include Boost, and a static library leaves the linking of its own libraries to the program.
find_program(VITRO_SHLIBDEPS dpkg-shlibdeps)
if(VITRO_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ${BUILD_SHARED_LIBS})
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libboost-dev (>= 1.74)")
if(NOT BUILD_SHARED_LIBS)
  # libdnnl-dev only recommends OpenCL's headers, which its CMake package looks for.
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS
    ", libdnnl-dev (>= 2.6), ocl-icd-opencl-dev, libpcre2-dev, libutf8proc-dev, pkg-config")
endif()
include(CPack)
