# How a module, a test binary and a fuzz target are declared. Every rule that holds for all of them is here.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                            -Wno-missing-field-initializers -Werror)
target_compile_definitions(weir_flags INTERFACE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ASIO_SEPARATE_COMPILATION
                                                BOOST_ASIO_NO_DEPRECATED)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 finds uninitialised and out-of-bounds uses inside its own inlined library code at -O2.
  target_compile_options(weir_flags INTERFACE -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow
                                              -Wno-restrict -Wno-dangling-pointer)
endif()

# weir_module(NAME SOURCES a.cc b.cc DEPENDS base model LINK ZLIB::ZLIB)
# DEPENDS names modules (checked against src/layers.txt by tests/layering), LINK names outside libraries.
function(weir_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  if(ARG_SOURCES)
    add_library(weir_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(weir_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(weir_${name} ${scope} weir_flags ${ARG_LINK})
  foreach(dependency IN LISTS ARG_DEPENDS)
    target_link_libraries(weir_${name} ${scope} weir_${dependency})
  endforeach()
endfunction()

# weir_test(NAME SOURCES x_test.cc LINK weir_base [LABEL api] [SHARDS 1 3] [TIMEOUT seconds]) -> build/PRESET/tests/NAME.
# LABEL is the rung of the ladder: unit (default), api, crash. With SHARDS 1 3, as api tests always have it, it runs
# twice: as NAME with WEIR_TEST_SHARDS=1 and as NAME.shards3 with WEIR_TEST_SHARDS=3. Each run leaves its cases in build/PRESET/results, where tests/results.py
# counts them.
function(weir_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINK;SHARDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} weir_flags GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")  # a sanitizer costs that much, with g++-12 more than with Clang
  endif()
  set(shard_counts 1)
  if(ARG_LABEL STREQUAL "api")
    set(shard_counts 1 3)
  elseif(ARG_SHARDS)
    set(shard_counts ${ARG_SHARDS})
  endif()
  foreach(shards IN LISTS shard_counts)
    set(entry ${name})
    if(shards GREATER 1)
      set(entry ${name}.shards${shards})
    endif()
    add_test(NAME ${entry} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${entry} PROPERTIES
      LABELS "${ARG_LABEL};gtest"
      TIMEOUT ${ARG_TIMEOUT}
      ENVIRONMENT "WEIR_TEST_SHARDS=${shards};GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/results/${entry}.xml")
  endforeach()
endfunction()

# weir_fuzz(NAME SOURCES fuzz_x.cc LINK weir_record) -> build/PRESET/fuzz/NAME, only in presets `fuzz` and `coverage`;
# target fuzz_targets builds them all.
function(weir_fuzz name)
  if(NOT WEIR_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} weir_flags)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(NOT TARGET fuzz_targets)
    add_custom_target(fuzz_targets)
  endif()
  add_dependencies(fuzz_targets ${name})
endfunction()
