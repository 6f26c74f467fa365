# fuqi_names(VARIABLE): sets VARIABLE to the C++ source of screening's tables, made from Unihan (Debian's unicode-data) and from
# src/decide/screening_words.toml.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

function(fuqi_names VARIABLE)
  set(unihan /usr/share/unicode)
  set(sources ${CMAKE_SOURCE_DIR}/src/decide/screening_words.toml ${unihan}/Unihan_Readings.txt.bz2 ${unihan}/Unihan_Variants.txt.bz2)
  foreach(source IN LISTS sources)
    if(NOT EXISTS ${source})
      message(FATAL_ERROR "${source} is missing: run script/bootstrap")
    endif()
  endforeach()
  set(output ${CMAKE_BINARY_DIR}/generated/screening_names.cc)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/compile_names.py ${output} ${sources}
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/compile_names.py ${sources}
    COMMENT "Compiling tables of names"
    VERBATIM)
  set(${VARIABLE} ${output} PARENT_SCOPE)
endfunction()
