# Installs the build VITRO_BUILD into an empty folder, and tests the program, the CMake package and
# the pkg-config file there.  VITRO_SHARED says whether the library is shared.
# With VITRO_DEB, a .deb is made and unpacked instead, and the pkg-config file is not tested.
cmake_minimum_required(VERSION 3.25)

if(VITRO_DEB)
  set(work ${VITRO_BUILD}/package_test)
  set(prefix ${work}/unpacked/usr)
else()
  set(work ${VITRO_BUILD}/consumer)
  set(prefix ${work}/prefix)
endif()
set(source ${CMAKE_CURRENT_LIST_DIR})
file(REMOVE_RECURSE ${work})

function(run)
  list(JOIN ARGN " " command)
  message(STATUS ${command})
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Makes the .deb, unpacks it, and checks its version and its dependencies.
function(unpack_deb)
  run(${CMAKE_CPACK_COMMAND} -G DEB --config ${VITRO_BUILD}/CPackConfig.cmake -B ${work})
  file(GLOB deb ${work}/*.deb)
  run(dpkg-deb -x ${deb} ${work}/unpacked)
  execute_process(COMMAND ${prefix}/bin/vitro --version
    OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND dpkg-deb -f ${deb} OUTPUT_VARIABLE fields COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" version "${version}")
  foreach(field IN ITEMS "Version: ${version}\n"
      "Depends: [^\n]*libboost-dev" "Depends: [^\n]*libdnnl2 ")
    if(NOT fields MATCHES "${field}")
      message(FATAL_ERROR "package: expected the field `${field}`, got\n${fields}")
    endif()
  endforeach()
endfunction()

if(VITRO_DEB)
  unpack_deb()
else()
  run(${CMAKE_COMMAND} --install ${VITRO_BUILD} --prefix ${prefix})
endif()
run(${prefix}/bin/vitro --version)

# No private header is installed, and the library is shared only if VITRO_SHARED is set.
file(GLOB_RECURSE private ${prefix}/include/*/simd/* ${prefix}/include/*/onednn/*)
if(private)
  message(FATAL_ERROR "private headers are installed: ${private}")
endif()
file(GLOB_RECURSE library ${prefix}/libvitro.*)
if(VITRO_SHARED AND NOT library MATCHES "libvitro\\.so\\.[0-9]")
  message(FATAL_ERROR "no shared library is installed: ${library}")
elseif(NOT VITRO_SHARED AND NOT library MATCHES "libvitro\\.a")
  message(FATAL_ERROR "no static library is installed: ${library}")
endif()
list(GET library 0 first)
cmake_path(GET first PARENT_PATH libdir)

run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${source} -B ${work}/package
  -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${work}/package)
run(${work}/package/consumer)
if(VITRO_DEB)
  return()
endif()

set(standalone ${source}/../../examples/standalone)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${standalone} -B ${work}/standalone
  -D CMAKE_CXX_COMPILER=${CXX} -D CMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${work}/standalone)
run(${work}/standalone/app)

set(ENV{PKG_CONFIG_PATH} ${libdir}/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs vitro
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${CXX} -std=c++20 -I${source} ${source}/main.cpp ${flags} -Wl,-rpath,${libdir}
  -o ${work}/with_pkg_config)
run(${work}/with_pkg_config)

# Each of these files must give an error or a warning.  Its first line says which, and under which
# language standard.
file(GLOB refused ${source}/refused/*.cpp)
foreach(file IN LISTS refused)
  file(STRINGS ${file} first LIMIT_COUNT 1)
  if(NOT first MATCHES "^// ([^ ]+) (error|warning): (.*)$")
    message(FATAL_ERROR "${file}: expected `// STANDARD error|warning: MESSAGE` in line 1, got ${first}")
  endif()
  set(standard ${CMAKE_MATCH_1})
  set(kind ${CMAKE_MATCH_2})
  set(message ${CMAKE_MATCH_3})
  message(STATUS "${file} gives one ${kind}")
  execute_process(COMMAND ${CXX} -std=${standard} -Wall ${flags} -fsyntax-only ${file}
    RESULT_VARIABLE result ERROR_VARIABLE said)
  string(REGEX MATCHALL "(error|warning): " all "${said}")
  list(LENGTH all count)
  if(NOT said MATCHES "${kind}: [^\n]*${message}" OR (kind STREQUAL "warning") EQUAL result OR count GREATER 2)
    message(FATAL_ERROR "${file}: expected one ${kind} `${message}`, got status ${result} and\n${said}")
  endif()
endforeach()

run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${source}/subproject -B ${work}/subproject
  -D CMAKE_CXX_COMPILER=${CXX} -D VITRO_SOURCE=${source}/../..)
