#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""facts.py PROBE BENCH

Prints what uring_probe --json says of the kernel and where the operations of
uring_bench --json went. Exit status: 0 if io_uring is usable and all of them
went through rings, else 1.
"""
import json
import sys


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def main(probe, bench):
    kernel = probe["kernel"]
    print("  kernel       " + kernel["release"])
    print("  io_uring     " + ("usable" if probe["usable"] else probe["reason"]))
    print("  features     " + kernel["features_word"] + " "
          + " ".join(kernel["features"]))
    print("  flags used   " + (" ".join(kernel["setup_flags"]) or "none"))
    print("  direct reads " + probe["path"]["direct_read"]["answer"]
          + ", NOWAIT reads " + probe["path"]["nowait_read"]["answer"]
          + ", ring reads " + probe["path"]["ring_read"]["answer"]
          + ", alignment " + json.dumps(probe["path"]["direct_alignment"]))
    paths = {path: count
             for path, count in bench["result"]["paths"].items() if count}
    print("  uring_bench  " + json.dumps(paths))
    return 0 if probe["usable"] and list(paths) == ["ring"] else 1


if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.exit(main(load(sys.argv[1]), load(sys.argv[2])))
