# Everything here was installed by script/bootstrap; nothing is fetched by a build.
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(GTest 1.12 REQUIRED)
find_package(benchmark 1.7 REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(date REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(simdjson 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_library(FUQI_RE2 re2 REQUIRED)

set(FUQI_DUCKDB ${CMAKE_SOURCE_DIR}/deps/duckdb CACHE PATH "Where script/bootstrap put libduckdb.so and its headers")
if(NOT EXISTS ${FUQI_DUCKDB}/lib/libduckdb.so)
  message(FATAL_ERROR "${FUQI_DUCKDB}/lib/libduckdb.so is missing: run script/bootstrap")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${FUQI_DUCKDB}/lib/libduckdb.so
  INTERFACE_INCLUDE_DIRECTORIES ${FUQI_DUCKDB}/include)
