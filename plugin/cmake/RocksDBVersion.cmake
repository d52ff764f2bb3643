# The supported RocksDB versions, and checks of the one that is compiled against.
#
# SPDX-License-Identifier: Apache-2.0
set(ROCKSDB_URING_OLDEST_ROCKSDB 7.8)
set(ROCKSDB_URING_NEWEST_ROCKSDB 11.8)

# Sets ROCKSDB_VERSION from the headers in `include_dir`. Stops if the version is
# too old, warns if it is newer than the tested ones.
function(check_rocksdb_version include_dir)
  set(range "${ROCKSDB_URING_OLDEST_ROCKSDB} to ${ROCKSDB_URING_NEWEST_ROCKSDB}")
  set(header ${include_dir}/rocksdb/version.h)
  if(NOT EXISTS ${header})
    message(FATAL_ERROR
      "RocksDB's headers were not found: there is no ${header}; "
      "rocksdb-uring works with RocksDB ${range}")
  endif()
  foreach(part MAJOR MINOR PATCH)
    file(STRINGS ${header} line REGEX "^#define ROCKSDB_${part} +[0-9]+")
    string(REGEX REPLACE ".* ([0-9]+).*" "\\1" ${part} "${line}")
  endforeach()
  set(version "${MAJOR}.${MINOR}.${PATCH}")
  if(NOT version MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+$")
    message(FATAL_ERROR
      "${header} names no version of RocksDB; rocksdb-uring works with "
      "RocksDB ${range}")
  endif()
  if(version VERSION_LESS ROCKSDB_URING_OLDEST_ROCKSDB)
    message(FATAL_ERROR
      "RocksDB ${version} (${include_dir}) is too old: rocksdb-uring works "
      "with RocksDB ${range}")
  endif()
  if("${MAJOR}.${MINOR}" VERSION_GREATER ROCKSDB_URING_NEWEST_ROCKSDB)
    message(WARNING
      "RocksDB ${version} (${include_dir}) is newer than what rocksdb-uring "
      "was tested with, ${range}: run its tests before you rely on it")
  endif()
  set(ROCKSDB_VERSION ${version} PARENT_SCOPE)
endfunction()

# Sets `soname` to the soname of the library, or to nothing if it is not shared.
# Stops if the soname has another version than the headers: the two versions lay
# out objects differently.
function(check_rocksdb_library library version soname)
  execute_process(
    COMMAND ${CMAKE_READELF} -d ${library}
    OUTPUT_VARIABLE dynamic ERROR_QUIET)
  set(name "")
  if(dynamic MATCHES "SONAME[^[]*\\[([^]]+)\\]")
    set(name ${CMAKE_MATCH_1})
  endif()
  # "librocksdb.so.7.8", or only "librocksdb.so.7".
  if(name MATCHES "\\.so\\.([0-9.]+)$")
    string(FIND "${version}." "${CMAKE_MATCH_1}." at)
    if(NOT at EQUAL 0)
      message(FATAL_ERROR
        "${library} is ${name}, but the headers are those of RocksDB "
        "${version}: set ROCKSDB_INCLUDE_DIR and ROCKSDB_LIBRARY to the same "
        "RocksDB")
    endif()
  endif()
  set(${soname} "${name}" PARENT_SCOPE)
endfunction()
