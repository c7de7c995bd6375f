# `cpack` in a build folder packs the installed files into a .tar.gz and, where dpkg-shlibdeps is
# installed, into vitro_VERSION_ARCHITECTURE.deb.
set(CPACK_PACKAGE_NAME vitro)
set(CPACK_PACKAGE_VENDOR "The vitro authors")
set(CPACK_PACKAGE_CONTACT "The vitro authors")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR TGZ)

# dpkg-shlibdeps (Debian: dpkg-dev) finds the shared libraries that the vitro program needs.
# CPACK_DEBIAN_PACKAGE_DEPENDS lists what users need to build their own programs: Boost for the
# headers and, if vitro is a static library, the libraries that vitro uses.
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
  # oneDNN's CMake package looks for OpenCL's headers, but libdnnl-dev only recommends them.
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS
    ", libdnnl-dev (>= 2.6), ocl-icd-opencl-dev, libpcre2-dev, libutf8proc-dev, pkg-config")
endif()
include(CPack)
