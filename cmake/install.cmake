# `cmake --install` installs the library, its public headers, the program, the CMake package and the
# pkg-config file.
include(CMakePackageConfigHelpers)
include(cmake/public_headers.cmake)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vitro)
install(TARGETS vitro EXPORT vitroTargets)
install(EXPORT vitroTargets NAMESPACE vitro:: DESTINATION ${package_dir})

foreach(header IN LISTS VITRO_PUBLIC_HEADERS)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vitro/${folder})
endforeach()

if(TARGET vitro_cli)
  file(RELATIVE_PATH bin_to_lib
    ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(vitro_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
  install(TARGETS vitro_cli)
endif()

configure_package_config_file(cmake/vitroConfig.cmake.in ${PROJECT_BINARY_DIR}/vitroConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vitroConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vitroConfig.cmake ${PROJECT_BINARY_DIR}/vitroConfigVersion.cmake
  DESTINATION ${package_dir})

# If vitro is a static library, a user's program must also link the libraries that vitro uses.
set(pc_libs "-ldnnl")
set(pc_requires "libpcre2-8, libutf8proc")
set(pc_public_libs "")
set(pc_public_requires "")
if(NOT BUILD_SHARED_LIBS)
  set(pc_public_libs ${pc_libs})
  set(pc_public_requires ${pc_requires})
endif()
file(RELATIVE_PATH pc_to_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/vitro.pc.in vitro.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vitro.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
