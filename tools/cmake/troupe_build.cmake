# Compiler settings, third-party libraries and the two functions that every
# folder uses: troupe_library() and troupe_test().

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

option(TROUPE_TESTS "Build the tests" ON)
option(TROUPE_FUZZ "Build the fuzz targets (clang only)" OFF)
set(TROUPE_SANITIZE "" CACHE STRING "Value for -fsanitize, for instance address,undefined")

find_program(CCACHE ccache)
if(CCACHE)
  # A precompiled header stands for the headers it was made of; without these two ccache refuses.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD AND NOT TROUPE_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()

# A case that a switch forgets is an error: the others among the warnings are for people.
add_compile_options(-Wall -Wextra -Werror=switch -Wnon-virtual-dtor -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Locals only: CAF's actors bring members like `done` and `entry` into scope.
  add_compile_options(-Wshadow=local)
  # ccache needs the first for precompiled headers. The others: a heap of 512 MiB before the
  # compiler collects its garbage spares 5 to 10 % of the time of a file.
  add_compile_options(-fpch-preprocess "SHELL:--param ggc-min-heapsize=524288")
endif()
if(TROUPE_SANITIZE)
  add_compile_options(-fsanitize=${TROUPE_SANITIZE})
  add_link_options(-fsanitize=${TROUPE_SANITIZE})
endif()
# g1 keeps back traces readable at a third of the object size of -g.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(RocksDB REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(SYSTEMD IMPORTED_TARGET libsystemd)
find_package(prometheus-cpp REQUIRED CONFIG)

# Consensus. A C library; only cluster/raft includes its header.
find_library(RAFT_LIBRARY raft REQUIRED)
find_path(RAFT_INCLUDE_DIR raft.h REQUIRED)
add_library(libraft INTERFACE)
target_include_directories(libraft SYSTEM INTERFACE ${RAFT_INCLUDE_DIR})
target_link_libraries(libraft INTERFACE ${RAFT_LIBRARY})

find_library(CAF_CORE_LIBRARY caf_core REQUIRED)
find_path(CAF_INCLUDE_DIR caf/config.hpp REQUIRED)
add_library(caf_core INTERFACE)
target_include_directories(caf_core SYSTEM INTERFACE ${CAF_INCLUDE_DIR})
target_link_libraries(caf_core INTERFACE ${CAF_CORE_LIBRARY} Threads::Threads)
# Links between nodes: the middleman, and its TLS.
find_library(CAF_IO_LIBRARY caf_io REQUIRED)
add_library(caf_io INTERFACE)
target_link_libraries(caf_io INTERFACE ${CAF_IO_LIBRARY} caf_core)
find_library(CAF_OPENSSL_LIBRARY caf_openssl REQUIRED)
add_library(caf_openssl INTERFACE)
target_link_libraries(caf_openssl INTERFACE ${CAF_OPENSSL_LIBRARY} caf_io OpenSSL::SSL)

# The broker allocates on one run loop and frees on another, many thousand times
# a second: mimalloc takes a fifth less of the CPU than glibc's malloc. Sanitizers have their own.
option(TROUPE_MIMALLOC "Link the broker with mimalloc" ON)
if(TROUPE_MIMALLOC AND NOT TROUPE_SANITIZE)
  find_library(MIMALLOC_LIBRARY mimalloc REQUIRED)
  find_path(MIMALLOC_INCLUDE_DIR mimalloc.h REQUIRED)
  add_library(troupe_allocator INTERFACE)
  target_include_directories(troupe_allocator SYSTEM INTERFACE ${MIMALLOC_INCLUDE_DIR})
  target_compile_definitions(troupe_allocator INTERFACE TROUPE_MIMALLOC)
  # Nothing names its functions, so the linker would leave it out.
  target_link_libraries(troupe_allocator INTERFACE -Wl,--push-state,--no-as-needed
                        ${MIMALLOC_LIBRARY} -Wl,--pop-state)
else()
  add_library(troupe_allocator INTERFACE)
endif()

add_library(boost_headers INTERFACE)
target_include_directories(boost_headers SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
# One io_context is one thread here, so Asio needs none of its own locks
# beyond those of post(); separate definitions would break the one-definition rule.
target_compile_definitions(boost_headers INTERFACE BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_HANDLER_TYPE_REQUIREMENTS)
target_link_libraries(boost_headers INTERFACE Threads::Threads)

include(precompiled_headers)

# troupe_library(name LINK dependencies...): every .cpp of the calling folder and of the folders in
# it, two deep. PCH names the precompiled headers it takes (none if left out).
function(troupe_library name)
  cmake_parse_arguments(ARG "TOGETHER" "PCH" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp
       ${CMAKE_CURRENT_SOURCE_DIR}/*/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/*/*/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
    troupe_precompiled(${name} ${ARG_PCH})
    if(ARG_TOGETHER)
      troupe_together(${name})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
  endif()
endfunction()

# troupe_test(name DIR folder PCH headers LINK dependencies...): one Catch2 program for
# every *_test.cpp of a folder below tests/.
function(troupe_test name)
  cmake_parse_arguments(ARG "" "DIR;PCH" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} troupe_catch_main)
  troupe_quick_to_compile(${name})
  troupe_precompiled(${name} ${ARG_PCH})
  add_test(NAME ${name} COMMAND ${name})
endfunction()
