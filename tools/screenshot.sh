#!/bin/bash
# A picture of the first screen of a report of uring_compare, such as the one in README.md.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<EOF
Usage: tools/screenshot.sh REPORT.html PICTURE.webp [WIDTH HEIGHT]
Takes a picture of the top of the report, WIDTH by HEIGHT pixels (default: 900 1010).
Needs chromium, which also encodes the picture.
EOF
}

case ${1-} in
  --help | -h)
    usage
    exit 0
    ;;
esac
if (($# != 2 && $# != 4)); then
  usage >&2
  exit 2
fi
report=$(realpath -- "$1") out=$2 width=${3-900} height=${4-1010}
[[ -r $report ]] || { echo "screenshot.sh: cannot read $report" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browse() {
  local options=(--headless --disable-gpu --hide-scrollbars --allow-file-access-from-files
    --user-data-dir="$work/profile")
  # Its sandbox refuses to run as root.
  ((EUID != 0)) || options+=(--no-sandbox)
  chromium "${options[@]}" "$@" 2>>"$work/log"
}

browse --window-size="$width,$height" --screenshot="$work/page.png" "file://$report" >"$work/out"
[[ -s $work/page.png ]] || { tail -n 5 "$work/log" >&2; exit 1; }

# A quarter of the PNG's size. A picture on a canvas can be read back as WebP.
cat >"$work/encode.html" <<'EOF'
<!DOCTYPE html><img id="page" src="page.png"><pre id="data"></pre><script>
onload = () => {
  const canvas = document.createElement('canvas');
  canvas.width = page.naturalWidth;
  canvas.height = page.naturalHeight;
  canvas.getContext('2d').drawImage(page, 0, 0);
  data.textContent = canvas.toDataURL('image/webp', 0.8);
};
</script>
EOF
browse --virtual-time-budget=5000 --dump-dom "file://$work/encode.html" |
  grep -o 'data:image/webp;base64,[A-Za-z0-9+/=]*' | cut -d, -f2 | base64 -d >"$work/picture"
[[ -s $work/picture ]] || { tail -n 5 "$work/log" >&2; exit 1; }
mv "$work/picture" "$out"
echo "$out: $(stat -c %s "$out") bytes"
