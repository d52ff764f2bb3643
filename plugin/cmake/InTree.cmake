# Inside a RocksDB tree: RocksDB's cmake takes the sources, the registering
# function and liburing from uring.mk, and from here what that cannot say.
#
# SPDX-License-Identifier: Apache-2.0
find_path(URING_LIBURING_INCLUDE_DIR liburing.h)
find_path(URING_NLOHMANN_JSON_INCLUDE_DIR nlohmann/json.hpp)
foreach(needed LIBURING:liburing-dev NLOHMANN_JSON:nlohmann-json3-dev)
  string(REPLACE ":" ";" needed ${needed})
  list(GET needed 0 name)
  list(GET needed 1 package)
  if(NOT URING_${name}_INCLUDE_DIR)
    message(FATAL_ERROR "plugin uring: install ${package}")
  endif()
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/RocksDBVersion.cmake)
check_rocksdb_version(${CMAKE_SOURCE_DIR}/include)

# Not the real path: the plugin may be a symbolic link to where it lives.
set(uring_INCLUDE_PATHS
  ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/plugin PARENT_SCOPE)
set(uring_HEADERS
  plugin/rocksdb_uring/uring.h plugin/rocksdb_uring/c.h PARENT_SCOPE)
