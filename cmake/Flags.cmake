# Every compiler flag of the project lives on fuqi_flags; no other file sets one.
option(FUQI_FUZZ "Build the libFuzzer targets (Clang only)" OFF)
set(FUQI_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

add_library(fuqi_flags INTERFACE)
target_compile_features(fuqi_flags INTERFACE cxx_std_20)
# ccache names a source from the build folder, the compiler alone by its whole path: both become src/….
file(RELATIVE_PATH to_tree ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/)
# -ffp-contract=off: a fused multiply-add would give other bits than DuckDB on the same expression.
target_compile_options(fuqi_flags INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers -ffp-contract=off -fno-omit-frame-pointer
  -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${to_tree}=)
target_include_directories(fuqi_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
if(FUQI_SANITIZE)
  target_compile_options(fuqi_flags INTERFACE -fsanitize=${FUQI_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(fuqi_flags INTERFACE -fsanitize=${FUQI_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's flow analysis sees the sanitizers' own branches: it warns of std::regex and std::variant, which are in order.
    target_compile_options(fuqi_flags INTERFACE -Wno-maybe-uninitialized)
    if(FUQI_SANITIZE STREQUAL "thread")
      # It does not follow Boost.Asio's fences, but the mutexes of its queues, by which handlers are ordered.
      target_compile_options(fuqi_flags INTERFACE -Wno-tsan)
    endif()
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Clang names libstdc++'s own use of what C++17 deprecated, where std::stable_sort is instantiated.
  target_compile_options(fuqi_flags INTERFACE -Wthread-safety -Wno-deprecated-declarations)
endif()
target_compile_definitions(fuqi_flags INTERFACE
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2> FMT_USE_NONTYPE_TEMPLATE_ARGS=0)
target_link_options(fuqi_flags INTERFACE -Wl,-z,relro,-z,now)

find_program(FUQI_MOLD mold)
if(FUQI_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(fuqi_flags INTERFACE -fuse-ld=mold)
endif()
find_program(FUQI_CCACHE ccache)
if(FUQI_CCACHE)
  # Paths below the tree's root are hashed without it: a second clone finds what the first has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${FUQI_CCACHE})
endif()
set(CMAKE_CXX_EXTENSIONS ON)  # __int128 is an extension: std::numeric_limits knows it only in gnu++ mode.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
