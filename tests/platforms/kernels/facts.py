#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""facts.py PROBE BENCH POLLED

Prints what uring_probe --json says of the kernel, where the operations of
uring_bench --json went, and what became of polling=device in the statistics file
POLLED. Exit status: 0 if io_uring is usable, all of them went through rings, and
the device was polled, or was not for a reason on a kernel whose virtio_blk has
no poll queues; else 1.
"""
import json
import sys


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def polled(statistics, release):
    polling = statistics["engine"]["polling"]
    batches = statistics["events"]["polled_batches"]
    print("  polling      " + (polling["reason"] or f"{batches} batches"))
    if tuple(int(part) for part in release.split(".")[:2]) < (5, 19):
        return not polling["active"] and polling["reason"] and not batches
    return polling["active"] and batches > 0


def main(probe, bench, polled_statistics):
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
    was_polled = polled(polled_statistics, kernel["release"])
    return 0 if (probe["usable"] and list(paths) == ["ring"]
                 and was_polled) else 1


if len(sys.argv) != 4:
    sys.exit(__doc__)
sys.exit(main(*(load(name) for name in sys.argv[1:])))
