# Precompiled headers. The standard library alone is three quarters of what the compiler
# reads for most files; each set here is compiled once and then loaded. Every file still names
# the headers it uses: the fuzz preset and -DTROUPE_PCH=OFF build without.

option(TROUPE_PCH "Use precompiled headers" ON)
option(TROUPE_UNITY "Compile several files at a time where that is faster" ON)

# troupe_quick_to_compile(target): what no message passes through (tests, tools) is compiled for a
# short build, not for speed, except in a release.
function(troupe_quick_to_compile target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1>)
endfunction()

# troupe_together(target): several of its files are compiled at a time, because what they have in
# common (templates of CAF, nlohmann-json and CLI11) costs as much as they do: half of the time.
# Not in a release or with -DTROUPE_UNITY=OFF.
function(troupe_together target)
  if(TROUPE_UNITY AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
endfunction()

# troupe_precompiled(target headers): the target takes the set of that name.
function(troupe_precompiled target headers)
  if(TROUPE_PCH AND headers)
    target_precompile_headers(${target} REUSE_FROM troupe_pch_${headers})
  endif()
endfunction()

# troupe_precompile(name [QUICK] [PROGRAM] HEADERS headers... LINK dependencies...): defines a set.
# It must be compiled like its users: QUICK if they are, PROGRAM if they are no libraries.
function(troupe_precompile name)
  cmake_parse_arguments(ARG "QUICK;PROGRAM" "" "HEADERS;LINK" ${ARGN})
  set(source ${PROJECT_BINARY_DIR}/generated/pch_${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Has no content: only its headers matter.\n")
  add_library(troupe_pch_${name} STATIC EXCLUDE_FROM_ALL ${source})
  target_include_directories(troupe_pch_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(troupe_pch_${name} PRIVATE ${ARG_LINK})
  target_precompile_headers(troupe_pch_${name} PRIVATE ${ARG_HEADERS})
  if(ARG_QUICK)
    troupe_quick_to_compile(troupe_pch_${name})
  endif()
  if(ARG_PROGRAM)
    set_target_properties(troupe_pch_${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(troupe_pch_${name} PRIVATE -fPIE)
  endif()
endfunction()

if(TROUPE_PCH)
  set(standard <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <deque>
      <functional> <map> <memory> <mutex> <optional> <set> <span> <sstream> <string>
      <string_view> <thread> <tuple> <unordered_map> <unordered_set> <utility> <variant> <vector>)
  set(actor ${standard} <caf/actor_system.hpp> <caf/actor_system_config.hpp>
      <caf/event_based_actor.hpp> <caf/typed_actor.hpp> <boost/asio/io_context.hpp>
      <boost/asio/post.hpp> <boost/container/flat_map.hpp> <boost/container/small_vector.hpp>
      <iostream> <random>)
  set(json ${standard} <nlohmann/json.hpp>)
  set(test ${standard} <fstream> <random> <tests/support/catch.hpp>)
  troupe_precompile(standard HEADERS ${standard})
  troupe_precompile(actor HEADERS ${actor} LINK caf_core boost_headers)
  troupe_precompile(json HEADERS ${json} LINK boost_headers nlohmann_json::nlohmann_json)
  troupe_precompile(tool QUICK HEADERS ${json} <CLI/CLI.hpp>
                    LINK boost_headers nlohmann_json::nlohmann_json CLI11::CLI11)
  if(TROUPE_TESTS)
    troupe_precompile(test QUICK PROGRAM HEADERS ${test} LINK troupe_catch_main)
    troupe_precompile(actor_test QUICK PROGRAM HEADERS ${test} ${actor}
                      LINK caf_core boost_headers troupe_catch_main)
  endif()
endif()
