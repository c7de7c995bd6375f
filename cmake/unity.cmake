# Compiles several sources together ("unity build").  This halves the time of a first build, because
# the headers are read once per group.  -DVITRO_UNITY=OFF is better if you edit one file all day.
option(VITRO_UNITY "Compile the sources of a folder together" ON)

# unite(TARGET FOLDERS...): each FOLDERS is a regular expression for folders inside the target's
# folder.  The sources in these folders become one group.  CMake leaves out sources with flags of
# their own.
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
