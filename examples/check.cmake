# Runs PROGRAM and compares its output with the file EXPECTED, which has one regular expression per
# line.  Each must match a whole line of the output, in this order; the output may have more lines.
# Lines that begin with # are comments.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE output RESULT_VARIABLE result)
message("${output}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: expected exit status 0, got ${result}")
endif()

# The lines are not put into CMake lists, because an unbalanced bracket would join elements.
file(READ ${EXPECTED} expected)
set(output "\n${output}\n")
set(count 0)
while(expected MATCHES "^([^\n]*)\n")
  set(line "${CMAKE_MATCH_1}")
  string(LENGTH "${CMAKE_MATCH_0}" length)
  string(SUBSTRING "${expected}" ${length} -1 expected)
  if(line MATCHES "^#")
    continue()
  endif()
  string(REGEX REPLACE "\\.([*+])" "[^\n]\\1" pattern "${line}")  # a match stays on its line
  if(NOT output MATCHES "\n${pattern}\n")
    message(FATAL_ERROR "${PROGRAM}: expected a line that matches `${line}`, got${output}")
  endif()
  string(FIND "${output}" "${CMAKE_MATCH_0}" at)
  string(LENGTH "${CMAKE_MATCH_0}" length)
  math(EXPR at "${at} + ${length} - 1")
  string(SUBSTRING "${output}" ${at} -1 output)
  math(EXPR count "${count} + 1")
endwhile()
if(count EQUAL 0)
  message(FATAL_ERROR "${EXPECTED}: expected regular expressions, got none")
endif()
