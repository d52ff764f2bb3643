# What `cmake --install` copies, and the Debian packages that cpack makes of it:
# rocksdb-uring with what a program loads, librocksdb-uring-dev with what a
# compiler needs, librocksdb-uring-engine-dev with the engine for programs without
# RocksDB.
#
# SPDX-License-Identifier: Apache-2.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rocksdb_uring)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH ROCKSDB_URING_PC_PREFIX /${pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" ROCKSDB_URING_PC_PREFIX "${ROCKSDB_URING_PC_PREFIX}")

# LD_PRELOAD=librocksdb_uring.so must work without the headers, so the link
# without a version belongs to the runtime package.
install(TARGETS rocksdb_uring EXPORT rocksdb_uringTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET rocksdb_uring_preload)
  install(TARGETS rocksdb_uring_preload
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
endif()
foreach(tool uring_probe uring_top uring_bench uring_compare uring_replay)
  if(TARGET ${tool})
    install(TARGETS ${tool}
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
  endif()
endforeach()
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/rocksdb-uring)
install(FILES README.md CHANGELOG.md DESTINATION ${doc_dir} COMPONENT runtime)
foreach(folder plugin tools)
  install(FILES ${folder}/README.md
    DESTINATION ${doc_dir}/${folder} COMPONENT runtime)
endforeach()
# liburing and nlohmann-json are compiled in: their notices go where the
# libraries go.
foreach(package rocksdb-uring:runtime librocksdb-uring-dev:development
    librocksdb-uring-engine-dev:engine)
  string(REPLACE ":" ";" package ${package})
  list(GET package 0 name)
  list(GET package 1 component)
  install(FILES LICENSE plugin/cmake/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component})
endforeach()

install(FILES plugin/rocksdb_uring/uring.h plugin/rocksdb_uring/c.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rocksdb_uring COMPONENT development)
install(EXPORT rocksdb_uringTargets NAMESPACE rocksdb_uring::
  DESTINATION ${config_dir} COMPONENT development)
configure_package_config_file(plugin/cmake/rocksdb_uringConfig.cmake.in
  ${PROJECT_BINARY_DIR}/rocksdb_uringConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/rocksdb_uringConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
configure_file(plugin/cmake/rocksdb_uring.pc.in
  ${PROJECT_BINARY_DIR}/rocksdb_uring.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rocksdb_uringConfig.cmake
              ${PROJECT_BINARY_DIR}/rocksdb_uringConfigVersion.cmake
  DESTINATION ${config_dir} COMPONENT development)
install(FILES ${PROJECT_BINARY_DIR}/rocksdb_uring.pc
  DESTINATION ${pkgconfig_dir} COMPONENT development)

install(TARGETS rocksdb_uring_engine EXPORT rocksdb_uring_engineTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT engine
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES plugin/rocksdb_uring/engine.h plugin/rocksdb_uring/engine_c.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rocksdb_uring COMPONENT engine)
set(engine_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rocksdb_uring_engine)
install(EXPORT rocksdb_uring_engineTargets NAMESPACE rocksdb_uring::
  FILE rocksdb_uring_engineConfig.cmake
  DESTINATION ${engine_config_dir} COMPONENT engine)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/rocksdb_uring_engineConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
configure_file(plugin/cmake/rocksdb_uring_engine.pc.in
  ${PROJECT_BINARY_DIR}/rocksdb_uring_engine.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rocksdb_uring_engineConfigVersion.cmake
  DESTINATION ${engine_config_dir} COMPONENT engine)
install(FILES ${PROJECT_BINARY_DIR}/rocksdb_uring_engine.pc
  DESTINATION ${pkgconfig_dir} COMPONENT engine)
install(DIRECTORY plugin/examples/engine/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/librocksdb-uring-engine-dev/examples
  COMPONENT engine)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME rocksdb-uring)
set(CPACK_PACKAGE_CONTACT "rocksdb-uring maintainers <root@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime development engine)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME rocksdb-uring)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
  "RocksDB file I/O through io_uring
A plugin for the shared librocksdb that sends batched and asynchronous reads
through io_uring, a preload for programs that take no file system URI, and
tools that say what a machine allows and what it gains.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME librocksdb-uring-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# Any revision of the RocksDB that was built against, and no other.
string(REGEX REPLACE "[0-9]+$" "" next_rocksdb "${ROCKSDB_VERSION}")
string(REGEX MATCH "[0-9]+$" patch "${ROCKSDB_VERSION}")
math(EXPR patch "${patch} + 1")
set(next_rocksdb "${next_rocksdb}${patch}~")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "rocksdb-uring (= ${PROJECT_VERSION}-1), librocksdb-dev (>= ${ROCKSDB_VERSION}), librocksdb-dev (<< ${next_rocksdb})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "RocksDB file I/O through io_uring (development)
Headers for C++ and C, and what CMake and pkg-config need.")
set(CPACK_DEBIAN_ENGINE_PACKAGE_NAME librocksdb-uring-engine-dev)
set(CPACK_DEBIAN_ENGINE_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_ENGINE_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_ENGINE_DESCRIPTION
  "File I/O through io_uring for programs in C++ and C
The engine of rocksdb-uring as a library of its own: reads, writes and syncs, in
batches, with callbacks and deadlines, through io_uring or POSIX. With headers
and examples; needs no RocksDB.")
include(CPack)
