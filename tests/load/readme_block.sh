#!/usr/bin/env bash
# readme_block.sh README: the headings of its section "Load it" that have a
# block of shell commands.
# readme_block.sh README HEADING: that block, as it stands there.
set -euo pipefail

awk -v wanted="${2:-}" '
  /^## / { inside = $0 == "## Load it" }
  inside && /^### / { heading = substr($0, 5); shown = 0 }
  inside && block && /^```$/ { block = 0; next }
  inside && block { if (heading == wanted) print; next }
  inside && /^```sh$/ && heading != "" {
    block = 1
    if (wanted == "" && !shown) print heading
    shown = 1
  }
' "$1"
