#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""paths_taken.py LABEL NEEDED FILE...

Adds up the statistics files of the plugin, and prints LABEL and which path the
operations of each kind took, as a line of a table. LABEL "heading" and no more
prints the heading. NEEDED is a list, with commas, of what must not be zero,
such as multi_read.ring; it may be empty.
Exit status: 0 all of it was there, 1 not, or no file was opened through the
plugin; then the reason is on standard error.
"""
import json
import sys

# Kinds of operations in one column.
COLUMNS = {
    "multi_read": ["multi_read"],
    "read_async": ["read_async"],
    "read": ["read", "sequential_read"],
    "read_ahead": ["read_ahead"],
    "write": ["write", "fallocate"],
    "write_behind": ["write_behind"],
    "sync": ["fsync", "fdatasync", "sync_file_range"],
}
LETTERS = {"ring": "r", "posix": "p", "page_cache": "c", "read_ahead": "a"}


def line(label, cells):
    return f"{label:18}" + "".join(f" {cell:>16}" for cell in cells)


def short(count):
    return str(count) if count < 10000 else f"{count // 1000}k"


def cell(counts, kinds):
    words = []
    for path, letter in LETTERS.items():
        count = sum(counts.get(f"{kind}.{path}", 0) for kind in kinds)
        if count:
            words.append(letter + short(count))
    return "+".join(words) or "-"


def heading():
    print("operations by path: r ring, p POSIX, c page cache, a read ahead")
    print(line("", COLUMNS))


def main(label, needed, files):
    opens = 0
    counts = {}
    for name in files:
        with open(name, encoding="utf-8") as file:
            statistics = json.load(file)
        opens += statistics["opens"]
        for kind, paths in statistics["ops"].items():
            for path, numbers in paths.items():
                key = f"{kind}.{path}"
                counts[key] = counts.get(key, 0) + numbers["count"]
    print(line(label, [cell(counts, kinds) for kinds in COLUMNS.values()]))
    missing = [key for key in needed.split(",") if key and not counts.get(key)]
    if not opens:
        missing.append("a file that was opened through the plugin")
    for key in missing:
        print(f"{label}: missing: {key}", file=sys.stderr)
    return 1 if missing else 0


if sys.argv[1:] == ["heading"]:
    heading()
elif len(sys.argv) < 4:
    sys.exit(__doc__)
else:
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
