# Compiles sources together ("unity build"), which takes half the time of a first build: the headers
# are read once per group.  If you edit one file all day, turn it off: -DVITRO_UNITY=OFF.
option(VITRO_UNITY "Compile the sources of a folder together" ON)

# unite(TARGET FOLDERS...): each argument is a regular expression of folders, from the target's own
# folder, whose sources become one group.  CMake leaves out sources that have flags of their own.
function(unite target)
  get_target_property(all ${target} SOURCES)
  get_target_property(root ${target} SOURCE_DIR)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${VITRO_UNITY} UNITY_BUILD_MODE GROUP)
  foreach(folders IN LISTS ARGN)
    set(sources ${all})
    list(FILTER sources INCLUDE REGEX "^${root}/(${folders})")
    string(MAKE_C_IDENTIFIER ${folders} group)
    set_source_files_properties(${sources} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()
