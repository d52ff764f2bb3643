#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""RocksDB's db_stress on the plugin, killed again and again by db_crashtest.py.

db_stress writes to a database and to a model of it beside, dies by SIGKILL from
outside (blackbox) or at a point of RocksDB's own code (whitebox), and its next
run compares the two. Most parameters are drawn by db_crashtest.py; each round
below fixes those that its name says. A round passes if db_crashtest.py does, if
a run has verified what another had left, and if the plugin's statistics have
counted what the round is there for. A round that stops making progress, or does
not end, is ended with a report of every thread (hang_report.py).
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

# No __pycache__ among the sources.
sys.dont_write_bytecode = True
import hang_report

DIRECT = ["--use_direct_reads=1", "--use_direct_io_for_flush_and_compaction=1",
          "--mmap_read=0"]
BUFFERED = ["--use_direct_reads=0", "--use_direct_io_for_flush_and_compaction=0",
            "--mmap_read=0"]
BLOBS = ["--enable_blob_files=1", "--min_blob_size=8",
         "--blob_file_size=1048576", "--enable_blob_garbage_collection=1",
         "--blob_garbage_collection_age_cutoff=0.5",
         "--allow_setting_blob_options_dynamically=1"]
MULTI_GET = ["--use_multiget=1"]
RECYCLE = ["--recycle_log_file_num=1"]
# Small enough for a few crashes a minute, and for reads to reach the files.
SIZE = ["--max_key=100000", "--threads=8", "--write_buffer_size=1048576",
        "--cache_size=1048576",
        # Not one of two tiers: at its end RocksDB 9.10 may fail an assertion of
        # its own (secondary_cache_adapter.cc, gone with facebook/rocksdb 13885).
        "--cache_type=lru_cache",
        # Drawn as a second, it has a slow machine compact without end, and 9.10
        # waits for that end when it opens a database.
        "--periodic_compaction_seconds=0"]
# Often enough for a kill in a round of half a minute.
WHITEBOX = ["--random_kill_odd=8887", "--ops_per_thread=1000"]
# db_crashtest.py has a run with kill points do a hundred times as many, and waits
# until one kills it. Where none does, that is half an hour; this is half a minute,
# and enough for several kills on average.
KILLED_OPS_PER_THREAD = 4000
# Without an operation of the plugin, an opened file, or work for the processor,
# nothing will come any more.
STALL_SECONDS = 120
# How far back the report of a round that does not end looks.
RECENT_SECONDS = 30

# Name, kind, parameters, and what must have been counted: (kind of operation,
# path or None for any).
ROUNDS = (
    ("direct, MultiGet, recycled WALs", "blackbox",
     DIRECT + MULTI_GET + RECYCLE,
     (("multi_read", "ring"), ("write_behind", "ring"), ("write", None))),
    ("buffered, MultiGet", "whitebox",
     BUFFERED + MULTI_GET,
     (("multi_read", None), ("write", "posix"))),
    ("buffered, blobs, recycled WALs", "blackbox",
     BUFFERED + BLOBS + RECYCLE,
     (("read", None), ("write", "posix"))),
    ("direct, blobs, MultiGet", "whitebox",
     DIRECT + BLOBS + MULTI_GET,
     # With keys alone in the tables, it is chance whether a batch has two blocks of
     # one file, which makes it one for a ring.
     (("multi_read", None), ("read_ahead", "ring"), ("write_behind", "ring"))),
    ("everything through rings", "blackbox",
     MULTI_GET + RECYCLE + ["--mmap_read=0"],
     (("write", "ring"), ("fdatasync", "ring"))),
)
RINGS = "reads=uring;writes=uring;syncs=uring;"


def write_wrapper(options, name, kind, directory):
    """A db_stress that takes the plugin along; db_crashtest.py need not."""
    path = os.path.join(directory, "db_stress")
    rings = RINGS if "rings" in name else ""
    with open(path, "w", encoding="utf-8") as file:
        file.write("""#!/bin/bash
# stdout is kept, line by line, for what was verified; errors are for
# db_crashtest.py.
export LD_PRELOAD=%s/librocksdb_uring.so
export ROCKSDB_URING_OPTIONS="%sstats_interval_s=1;stats_file=%s/stats-%%p.json"
if [[ -e $TEST_TMPDIR/rocksdb_crashtest_%s/CURRENT ]]; then
  touch %s/inherited-$$
fi
arguments=()
for argument; do
  if [[ $argument == --ops_per_thread=* && %s == whitebox ]] &&
      ((${argument#*=} > %d)); then
    argument=--ops_per_thread=%d
  fi
  arguments+=("$argument")
done
exec stdbuf -oL %s "${arguments[@]}" >%s/stdout-$$.txt
""" % (options.plugin, rings, directory, kind, directory, kind,
       KILLED_OPS_PER_THREAD, KILLED_OPS_PER_THREAD, options.db_stress,
       directory))
    os.chmod(path, 0o755)
    return path


def counted(directory):
    """The sums of what all processes of a round have counted."""
    sums, opens = {}, 0
    for name in glob.glob(os.path.join(directory, "stats-*.json")):
        with open(name, encoding="utf-8") as file:
            stats = json.load(file)
        opens += stats["opens"]
        for kind, paths in stats["ops"].items():
            for path, numbers in paths.items():
                for key in ((kind, path), (kind, None)):
                    sums[key] = sums.get(key, 0) + numbers["count"]
    return opens, sums


def verified(directory):
    """Runs that have found what an earlier one had left."""
    runs = 0
    for mark in glob.glob(os.path.join(directory, "inherited-*")):
        name = mark.replace("inherited-", "stdout-") + ".txt"
        with open(name, encoding="utf-8", errors="replace") as file:
            runs += "Crash-recovery verification passed" in file.read()
    return runs


class Progress:
    """What a round has done, and when."""

    def __init__(self, directory, session):
        self.directory, self.session = directory, session
        self.samples = []
        self.quiet_seconds = 0

    def take(self):
        """Notes what has been done by now."""
        opens, sums = counted(self.directory)
        operations = sum(n for (_, path), n in sums.items() if path is None)
        now = time.monotonic()
        sample = (now, operations, opens, hang_report.cpu_seconds(self.session))
        last = self.samples[-1] if self.samples else sample
        # A gap between two samples counts as 5 s at most: the whole machine may
        # have been suspended. Threads that wake up now and then use less than a
        # tenth of a processor.
        elapsed = min(now - last[0], 5)
        if sample[1:3] != last[1:3] or sample[3] - last[3] > elapsed / 10:
            self.quiet_seconds = 0
        else:
            self.quiet_seconds += elapsed
        self.samples.append(sample)

    def stalled(self):
        return self.quiet_seconds > STALL_SECONDS

    def describe(self):
        """Whether it went on of late, in words."""
        last = self.samples[-1]
        then = next(s for s in self.samples if s[0] >= last[0] - RECENT_SECONDS)
        done = "%d operations, %d files opened, %.1f s of processor time" % (
            last[1] - then[1], last[2] - then[2], last[3] - then[3])
        verdict = ("it hangs: no progress for %d s" % self.quiet_seconds
                   if self.quiet_seconds > RECENT_SECONDS
                   else "slow, but it makes progress")
        return "%s (in the last %d s: %s)" % (verdict, last[0] - then[0], done)


def wait_for(child, directory, name, seconds):
    """The exit code of db_crashtest.py, or why it was ended."""
    progress = Progress(directory, child.pid)
    end = time.monotonic() + 2 * seconds + 300
    while True:
        try:
            return child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            progress.take()
        if progress.stalled() or time.monotonic() > end:
            reason = "none: " + progress.describe()
            print("%s: %s" % (name, reason))
            hang_report.report(child.pid)
            # First, so that it starts no other db_stress.
            child.kill()
            hang_report.kill(child.pid)
            child.wait()
            return reason


def run_round(options, number, definition, seconds):
    """Runs one round; returns what is wrong with it, and what it has not come
    to."""
    name, kind, parameters, needed = definition
    directory = os.path.join(options.work, "round%d" % number)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(os.path.join(directory, "files"))
    command = [sys.executable,
               os.path.join(options.source, "tools", "db_crashtest.py"), kind,
               "--stress_cmd=" + write_wrapper(options, name, kind, directory),
               "--duration=%d" % seconds, "--fs_uri=uring://"
               ] + SIZE + parameters
    if kind == "whitebox":
        command += WHITEBOX
    else:
        command.append("--interval=%d" % max(8, seconds // 6))
    if options.async_io:
        command.append("--async_io=1")
        # Buffered ones of so small a database may all be cached.
        needed += (("read_async", None if "buffered" in name else "ring"),)
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("ROCKSDB_URING")}
    env["TEST_TMPDIR"] = os.path.join(directory, "files")
    log = os.path.join(directory, "crashtest.txt")
    with open(log, "wb") as file:
        child = subprocess.Popen(command, env=env, stdout=file,
                                 stderr=subprocess.STDOUT, cwd=directory,
                                 start_new_session=True)
        code = wait_for(child, directory, name, seconds)
    opens, sums = counted(directory)
    recoveries = verified(directory)
    wrong, missing = [], []
    if code != 0:
        wrong.append("db_crashtest.py: exit code %s; see %s" % (code, log))
    if recoveries == 0:
        missing.append("no run has verified what another had left")
    if opens == 0:
        wrong.append("vacuous: the plugin was not entered")
    for key in needed:
        if sums.get(key, 0) == 0:
            missing.append("no %s by %s" % (key[0], key[1] or "any path"))
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if code != 0:
        # Parameters and errors of the last run: where this runs, the file may not
        # last.
        print(text[-8000:], flush=True)
    runs = text.count("Running db_stress with pid")
    # Not every run of this kind dies; those of the other kind do.
    kills = len(re.findall(r"exitcode=-\d", text))
    if kind == "whitebox" and kills == 0:
        missing.append("no run was killed")
    print("%s (%s): %d runs, %d verified what another had left, %d files "
          "opened by the plugin; by rings: %s" %
          (name, kind, runs, recoveries, opens, ", ".join(
              "%d %s" % (count, key[0]) for key, count in sorted(
                  sums.items(), key=str) if key[1] == "ring" and count > 0)
           or "nothing"), flush=True)
    if not wrong:
        shutil.rmtree(os.path.join(directory, "files"), ignore_errors=True)
    return wrong, missing


def passes(options, number, seconds):
    """Whether the round does. What it comes to depends on the machine, and where
    runs die on chance: it may take more time."""
    name = ROUNDS[number][0]
    for factor in (1, 2, 4):
        wrong, missing = run_round(options, number, ROUNDS[number],
                                   factor * seconds)
        if wrong or not missing:
            break
        print("%s: %s in %d s" % (name, "; ".join(missing), factor * seconds),
              flush=True)
    for line in wrong + missing:
        print("FAILED: %s: %s" % (name, line), flush=True)
    return not wrong and not missing


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--db_stress", required=True)
    parser.add_argument("--source", required=True, help="RocksDB's source")
    parser.add_argument("--plugin", required=True,
                        help="directory of librocksdb_uring.so")
    parser.add_argument("--work", required=True, help="directory for files")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--rounds", help="numbers, with commas between")
    parser.add_argument("--async_io", action="store_true",
                        help="demand asynchronous reads (RocksDB 7.10 or newer: "
                        "older db_stress do not pass them on)")
    parser.add_argument("--counts", help="file for: passed failed")
    options = parser.parse_args()
    for name in ("db_stress", "source", "plugin", "work"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    numbers = ([int(n) for n in options.rounds.split(",")] if options.rounds
               else range(len(ROUNDS)))
    seconds = int(options.minutes * 60 / len(numbers))
    failed = sum(not passes(options, n, seconds) for n in numbers)
    if options.counts:
        with open(options.counts, "w", encoding="utf-8") as file:
            file.write("%d %d\n" % (len(numbers) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
