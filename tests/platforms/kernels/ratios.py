#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ratios.py CPUS RESULTS

Prints what scale.sh has left in directory RESULTS of a guest of so many CPUs: for
each row the throughput and the CPU time of an operation on the io_uring engine
relative to the POSIX engine, medians of the rounds with their range. Exit status 1
if a run failed, or if the scans of the plugin did not go through it.
"""
import json
import pathlib
import re
import statistics
import sys


def bench(file):
    result = json.loads(file.read_text())["result"]
    cpu = result["cpu_us_per_op"]
    return result["iops"], cpu["user"] + cpu["system"]


def db_bench(file):
    rate = re.search(r"^seekrandom.* (\d+) ops/sec", file.read_text(errors="replace"),
                     re.MULTILINE)
    return float(rate.group(1)), None


def figures(results, name, engine):
    """(throughput, CPU) of each round."""
    logs = sorted(results.glob(f"{name}.{engine}.*.log"))
    return [bench(log.with_suffix(".json")) if log.with_suffix(".json").exists()
            else db_bench(log) for log in logs]


def in_words(ratios):
    return "%.2f (%.2f to %.2f)" % (
        statistics.median(ratios), min(ratios), max(ratios))


def main(cpus, results):
    results = pathlib.Path(results)
    failed = [status.stem for status in results.glob("*.status")
              if status.read_text().strip() != "0"]
    if failed:
        sys.exit("failed: " + ", ".join(sorted(failed)))
    ops = json.loads((results / "scan.json").read_text())["ops"]
    if sum(path["count"] for path in ops["read_ahead"].values()) == 0:
        sys.exit("the scans were not read ahead of")
    print(f"{cpus} CPUs, io_uring engine relative to the POSIX engine:")
    for name in sorted({log.name.split(".")[0] for log in results.glob("*.uring.*.log")}):
        pairs = list(zip(figures(results, name, "uring"),
                         figures(results, name, "posix")))
        line = f"  {name:18} {in_words([u[0] / p[0] for u, p in pairs])}"
        if pairs[0][0][1] is not None:
            line += ", CPU per operation " + in_words(
                [u[1] / p[1] for u, p in pairs])
        print(line, flush=True)


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(sys.argv[1], sys.argv[2])
