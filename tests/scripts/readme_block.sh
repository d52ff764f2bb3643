#!/usr/bin/env bash
# readme_block.sh FILE: the headings, of the second or third level, that have a
# block of shell commands below them.
# readme_block.sh FILE HEADING: those commands, as they are in the file.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

awk -v wanted="${2:-}" '
  block && /^```$/ { block = 0; next }
  block { if (heading == wanted) print; next }
  /^###? / { heading = $0; sub(/^###? /, "", heading); shown = 0 }
  /^```sh$/ {
    block = 1
    if (wanted == "" && !shown) print heading
    shown = 1
  }
' "$1"
