# fuqi_messages(VARIABLE): sets VARIABLE to the C++ source compiled from i18n/zh/*.toml; it is made again when a catalogue changes.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

function(fuqi_messages VARIABLE)
  file(GLOB catalogues CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/i18n/zh/*.toml)
  set(output ${CMAKE_BINARY_DIR}/generated/messages_zh.cc)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/compile_messages.py ${output} ${catalogues}
    DEPENDS ${CMAKE_SOURCE_DIR}/tools/compile_messages.py ${catalogues}
    COMMENT "Compiling message catalogues"
    VERBATIM)
  set(${VARIABLE} ${output} PARENT_SCOPE)
endfunction()
