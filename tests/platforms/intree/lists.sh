#!/usr/bin/env bash
# lists.sh: uring.mk, which RocksDB's make and cmake build the plugin from, names
# the files that are on disk and that CMake builds, and both tools understand it.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

cd "$(dirname "$0")/../../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# Says how the sorted lists in the files $2 and $3 differ.
same() {
  diff -u --label "$1" --label uring.mk "$2" "$3" || bad=1
}

# The .cc files of the target $2 of the CMakeLists.txt in the directory $1.
sources_of() {
  sed -n "/^add_library($2 /,/)/p" "$1/CMakeLists.txt" |
    grep -oE '[a-z_./]+\.cc' | sed "s|^|$1/|; s|^[a-z]*/\.\./||; s|^\./||"
}

# Only in shared libraries of our own: the initialiser that registers, since
# RocksDB calls the function; and what stands behind the preload.
not_in_tree() {
  grep -vxE 'plugin/(static_registration|preload|default_file_system)\.cc'
}

# As make reads it.
cat >"$work/Makefile" <<'TEXT'
include uring.mk
print: ; @printf '%s\n' $(uring_SOURCES)
TEXT
make -s -f "$work/Makefile" print | sort >"$work/make"
printf '%s\n' env/*/*.cc plugin/*.cc | not_in_tree | sort >"$work/disk"
{ sources_of . uring_engine; sources_of plugin uring_plugin; } |
  not_in_tree | sort >"$work/targets"
(($(wc -l <"$work/make") > 30)) || { echo "uring.mk names hardly a file"; bad=1; }
same "files on disk" "$work/disk" "$work/make"
same "CMakeLists.txt" "$work/targets" "$work/make"

# As RocksDB's cmake reads it: with these expressions, the same since 7.8.
cat >"$work/read.cmake" <<'TEXT'
file(READ uring.mk PLUGINMK)
foreach(name SOURCES _FUNC _LIBS)
  string(REGEX MATCH "${name} = ([^\n]*)" ignored ${PLUGINMK})
  set(value ${CMAKE_MATCH_1})
  separate_arguments(value)
  foreach(word IN LISTS value)
    file(APPEND ${WORK}/cmake${name} "${word}\n")
  endforeach()
endforeach()
TEXT
cmake "-DWORK=$work" -P "$work/read.cmake"
sort "$work/cmakeSOURCES" >"$work/cmake"
same "uring.mk as cmake reads it" "$work/cmake" "$work/make"
[[ $(<"$work/cmake_FUNC") == RegisterUringFileSystem ]] ||
  { echo "cmake reads the function $(<"$work/cmake_FUNC")"; bad=1; }
[[ $(<"$work/cmake_LIBS") == uring ]] ||
  { echo "cmake reads the libraries $(<"$work/cmake_LIBS")"; bad=1; }

read -ra headers < <(sed -n 's/^uring_HEADERS = //p' uring.mk)
((${#headers[@]} > 0)) || { echo "uring.mk names no header"; bad=1; }
for header in "${headers[@]}"; do
  [[ -e $header ]] || { echo "uring.mk: there is no $header"; bad=1; }
done
exit "$bad"
