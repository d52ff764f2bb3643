#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs RocksDB's own test programs without the plugin and with it, and compares.

A program runs in up to four modes, each in shards with a directory of their own:

  posix       as it is: what is compared with
  uri         TEST_FS_URI=uring://, with librocksdb_uring.so preloaded
  interposed  with librocksdb_uring_preload.so, which stands in for
              FileSystem::Default()
  rings       interposed, with every read, write and sync through a ring

That a mode has entered the plugin is proven by what the plugin counts: files
opened (its debug log) and operations (its statistics file). A run that has not
is vacuous, whatever its tests say. A test that differs from posix is repeated in
both; the exit code is 0 if none then fails more often with the plugin, unless
listed with its reason in the file --known as vacuous runs must be, and every
suite has entered the plugin in some mode. Every difference is printed.

SUITE+FAULT, as in error_handler_fs_test+fdatasync:.log:ENOSPC:1, runs a suite
while system calls fail below both file systems; failing_calls.cc describes
FAULT. The modes are posix and interposed, the latter with system calls for all
writes and syncs. Many tests fail then: the same tests must fail in both modes,
with the first failure at the same line. Each test runs in a process of its own,
so that a repetition meets the same faults. A run without any fault, in either
mode, is vacuous.
"""

import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

MODES = ("posix", "uri", "interposed", "rings")
RINGS = "reads=uring;writes=uring;syncs=uring;"
# Faults are injected in the C library, which requests on rings bypass.
NO_RINGS = "writes=posix;syncs=posix;"
FAULT_MODES = ("posix", "interposed")
# Some tests wait for ever for an event that the fault prevents. The longest of
# the others takes 15 seconds.
FAULT_LIMIT_S = 60
# Tests with faults that run at once, for each job: they mostly sleep.
FAULT_JOBS = 3
# How often a test that differs is repeated, in its mode and in posix.
REPEATS = 8
# So many tests in a row that do not enter the plugin are no chance.
PART_MIN = 8
# Suites that must have read asynchronously through rings.
READS_ASYNC = ("prefetch_test",)


def environment(options, mode, fault, directory):
    """What a program of `mode` is started with; its files go to `directory`."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("ROCKSDB_URING", "GTEST_", "TEST_",
                                "FAILING_CALLS"))
           and k != "LD_PRELOAD"}
    env["TEST_TMPDIR"] = os.path.join(directory, "files")
    os.makedirs(env["TEST_TMPDIR"], exist_ok=True)
    preload = []
    if fault:
        # After its first failure a test may crash or hang by chance.
        env["GTEST_BREAK_ON_FAILURE"] = "1"
        env["FAILING_CALLS"] = fault
        env["FAILING_CALLS_COUNT"] = os.path.join(directory, "faults")
        preload.append(os.path.join(options.programs, "libfailing_calls.so"))
    if mode != "posix":
        env["ROCKSDB_URING_LOG"] = os.path.join(directory, "log-%p")
        env["ROCKSDB_URING_OPTIONS"] = (
            (RINGS if mode == "rings" else NO_RINGS if fault else "")
            + "stats_interval_s=0;stats_file="
            + os.path.join(directory, "stats-%p.json"))
    if mode == "uri":
        env["TEST_FS_URI"] = "uring://"
        preload.append(os.path.join(options.plugin, "librocksdb_uring.so"))
    elif mode != "posix":
        preload.append(os.path.join(options.plugin,
                                    "librocksdb_uring_preload.so"))
        # Read by what CMakeLists.txt adds to prefetch_test: the default file
        # system reads so.
        env["TEST_FS_READS_ASYNC"] = "1"
    if preload:
        env["LD_PRELOAD"] = ":".join(preload)
    return env


def list_tests(program):
    """All tests of a program that are not disabled, in gtest's order."""
    tests, suite = [], ""
    output = subprocess.run([program, "--gtest_list_tests"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    for line in output.splitlines():
        name = line.split("#")[0].rstrip()
        if re.fullmatch(r"\S+\.", name):
            suite = name
        elif re.fullmatch(r"  \S+", name):
            tests.append(suite + name.strip())
    return [t for t in tests if "DISABLED_" not in t]


class Entered:
    """What the plugin and failing_calls.cc have counted in all processes of a
    run."""

    def __init__(self):
        self.opens = 0
        self.ring_ops = 0
        self.ring_async = 0
        self.faults = 0
        self.fallbacks = set()

    def add(self, directory):
        for name in glob.glob(os.path.join(directory, "log-*")):
            with open(name, "rb") as log:
                self.opens += sum(b" open " in line for line in log)
            os.unlink(name)
        for name in glob.glob(os.path.join(directory, "stats-*.json")):
            with open(name, encoding="utf-8") as file:
                stats = json.load(file)
            self.ring_ops += sum(kind["ring"]["count"]
                                 for kind in stats["ops"].values())
            self.ring_async += stats["ops"]["read_async"]["ring"]["count"]
            if stats["fallback"]["reason"]:
                self.fallbacks.add(stats["fallback"]["reason"])
            os.unlink(name)
        faults = os.path.join(directory, "faults")
        if os.path.exists(faults):
            with open(faults, "rb") as file:
                self.faults += sum(1 for line in file)
            # Kept: it names the calls and the files.
            os.rename(faults, faults + ".given")

    def merge(self, other):
        self.opens += other.opens
        self.ring_ops += other.ring_ops
        self.ring_async += other.ring_async
        self.faults += other.faults
        self.fallbacks |= other.fallbacks


def read_bypassed(path):
    """Tests that say themselves that they have tested nothing, and pass."""
    bypassed, current = set(), None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            run = re.search(r"\[ RUN      \] (\S+)", line)
            if run:
                current = run.group(1)
            elif re.match(r"(BYPASSED|SKIPPED): ", line):
                bypassed.add(current)
    return bypassed


def read_report(path):
    """Passed and failed tests of gtest's XML report."""
    results = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") == "run":
            bad = case.find("failure") is not None
            results[case.get("classname") + "." + case.get("name")] = (
                "failed" if bad else "passed")
    return results


def read_output(path):
    """The same of the output of a program that left no report, and the test
    in which it ended, and where that had its first failure."""
    results, current, place = {}, None, None
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            failure = re.match(r"(\S+:\d+): Failure$", line)
            if failure and place is None:
                place = os.path.basename(failure.group(1))
            found = re.search(r"\[ (RUN     |      OK|  FAILED ) \] (\S+?),?(?: |$)",
                              line)
            if not found:
                continue
            word, name = found.group(1).strip(), found.group(2)
            if word == "RUN":
                current, place = name, None
            elif name == current:
                results[name] = "passed" if word == "OK" else "failed"
                current = None
    return results, current, place


def run_watched(command, env, output, limit_s):
    """Runs a program; kills it when one test takes longer than limit_s.
    Returns its exit code, or None if it was killed."""
    with open(output, "wb") as file:
        child = subprocess.Popen(command, env=env, stdout=file,
                                 stderr=subprocess.STDOUT,
                                 stdin=subprocess.DEVNULL,
                                 cwd=os.path.dirname(output),
                                 start_new_session=True)
    seen, since = 0, time.monotonic()
    with open(output, "rb") as file:
        while True:
            try:
                return child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                pass
            started = file.read().count(b"[ RUN ")
            if started > 0:
                seen, since = seen + started, time.monotonic()
            if time.monotonic() - since > limit_s:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                return None


class Part:
    """Some tests of a program in one mode, run one after the other."""

    def __init__(self, options, suite, mode, tests, name):
        self.options, self.suite, self.mode = options, suite, mode
        self.program, _, self.fault = suite.partition("+")
        self.tests = tests
        directory = self.program
        if self.fault:
            # A number, because RocksDB's SpecialEnv searches whole paths for
            # "sst", "log" and "MANIFEST".
            directory += "+%d" % options.suites.index(suite)
        self.directory = os.path.join(options.work, directory, mode, name)
        self.results = {}
        self.entered = Entered()
        self.seconds = 0.0

    def run(self):
        start = time.monotonic()
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        rest, piece = self.tests, 0
        # A program that crashes or hangs goes on after the test that did.
        while rest:
            self.run_piece(rest, piece)
            rest = [t for t in rest if t not in self.results]
            piece += 1
        shutil.rmtree(os.path.join(self.directory, "files"),
                      ignore_errors=True)
        if self.fault and self.entered.faults == 0:
            # A fault in one mode only is a difference too.
            self.results = {test: result + " without a fault"
                            for test, result in self.results.items()}
        self.seconds = time.monotonic() - start
        return self

    def run_piece(self, tests, piece):
        report = os.path.join(self.directory, "report%d.xml" % piece)
        output = os.path.join(self.directory, "output%d.txt" % piece)
        env = environment(self.options, self.mode, self.fault, self.directory)
        env["GTEST_OUTPUT"] = "xml:" + report
        env["GTEST_FILTER"] = ":".join(tests)
        limit_s = self.options.test_limit
        if self.fault:
            limit_s = min(limit_s, FAULT_LIMIT_S)
        code = run_watched([os.path.join(self.options.programs, self.program)],
                           env, output, limit_s)
        self.entered.add(self.directory)
        if code in (0, 1) and os.path.exists(report):
            found = read_report(report)
            bypassed = read_bypassed(output)
            found.update({t: "bypassed" for t in found if t in bypassed
                          and found[t] == "passed"})
            # Nothing may go missing in silence.
            self.results.update({t: found.get(t, "not run") for t in tests})
            return
        found, current, place = read_output(output)
        self.results.update(found)
        if code is None:
            end = "hung"
        else:
            end = "crashed (signal %d)" % -code if code < 0 else (
                "ended with exit code %d" % code)
        if self.fault and place is not None:
            # GTEST_BREAK_ON_FAILURE ended it.
            end = "failed at " + place
        if current is not None:
            self.results[current] = end
        else:
            # After the last test, or before the first.
            self.results["(the program)"] = end
            for test in tests:
                self.results.setdefault(test, "not run")


class Suite:
    """One test program in all modes, with faults or without."""

    def __init__(self, options, name):
        self.options, self.name = options, name
        program, _, self.fault = name.partition("+")
        self.tests = list_tests(os.path.join(options.programs, program))
        self.modes = [m for m in options.modes
                      if not self.fault or m in FAULT_MODES]
        self.parts = []
        self.results = {mode: {} for mode in self.modes}
        self.entered = {mode: Entered() for mode in self.modes}
        # Modes in which a part has not entered the plugin.
        self.past = set()
        self.seconds = 0.0

    def make_parts(self):
        shards = len(self.tests) if self.fault else self.options.jobs
        for mode in self.modes:
            for shard in range(shards):
                tests = self.tests[shard::shards]
                if tests:
                    self.parts.append(Part(self.options, self.name, mode,
                                           tests, str(shard)))
        return self.parts

    def collect(self):
        for part in self.parts:
            self.results[part.mode].update(part.results)
            self.entered[part.mode].merge(part.entered)
            # A way in that only some of the tests take is none.
            if part.entered.opens == 0 and len(part.tests) >= PART_MIN:
                self.past.add(part.mode)
            self.seconds += part.seconds

    def vacuous(self, mode):
        return mode != "posix" and (
            self.entered[mode].opens == 0 or mode in self.past or
            (self.fault != "" and (self.entered["posix"].faults == 0 or
                                   self.entered[mode].faults == 0)) or
            # What reads asynchronously when it is the default file system's.
            (mode == "interposed" and self.name in READS_ASYNC
             and self.entered[mode].ring_async == 0
             and not self.entered[mode].fallbacks) or
            # A way through rings only that used none is a way past them.
            (mode == "rings" and self.entered[mode].ring_ops == 0
             and not self.entered[mode].fallbacks))

    def passed(self, mode):
        return sum(r.startswith("passed") for r in self.results[mode].values())

    def met(self, mode):
        """The number of tests that have met a fault."""
        return sum(part.entered.faults > 0 for part in self.parts
                   if part.mode == mode)

    def differences(self, mode):
        base, mine = self.results["posix"], self.results[mode]
        return [(test, base.get(test, "passed"), mine.get(test, "passed"))
                for test in sorted(set(base) | set(mine))
                if base.get(test, "passed") != mine.get(test, "passed")]

    def repeat(self, mode, test):
        """The results of the test in posix and in `mode`, of repetitions side by
        side: it was not alone either when it failed."""
        results = []
        for where in ("posix", mode):
            parts = [Part(self.options, self.name, where, [test],
                          "again%d" % i) for i in range(REPEATS)]
            with ThreadPoolExecutor(REPEATS) as pool:
                results.append([part.results.get(test, "passed")
                                for part in pool.map(Part.run, parts)])
        # With faults the expected result is the most frequent one in posix.
        right = "passed"
        if self.fault:
            right = Counter(results[0]).most_common(1)[0][0]
        return right, [sum(r != right for r in rs) for rs in results]


def read_known(path):
    """(suite, mode, test) -> reason. Test `vacuous`: the mode does not enter."""
    known = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.strip().split(None, 3)
            if fields and not line.startswith("#"):
                known[tuple(fields[:3])] = fields[3]
    return known


def judge(suite, known, say):
    """Says what is wrong with a suite; returns the number of modes that count
    as passed, as failed, and the number of differences."""
    passed = failed = different = 0
    for mode in suite.modes:
        if mode == "posix":
            if suite.fault:
                continue
            for test, result in sorted(suite.results[mode].items()):
                if result != "passed":
                    say("%s: %s without the plugin: %s" %
                        (suite.name, result, test))
            continue
        bad = False
        if suite.vacuous(mode):
            reason = known.get((suite.name, mode, "vacuous"))
            say("%s, %s: vacuous, %s%s" %
                (suite.name, mode,
                 "no fault was given" if suite.entered[mode].opens > 0 and
                 suite.fault else "the plugin was not entered",
                 "; known: " + reason if reason else ""))
            if reason is None:
                failed += 1
            continue
        for test, base, mine in suite.differences(mode):
            different += 1
            reason = known.get((suite.name, mode, test))
            note = "known: " + reason if reason else ""
            if reason is None:
                right, again = suite.repeat(mode, test)
                # A test that fails as often without the plugin is not ours.
                bad |= again[1] > again[0]
                note = ("repeated: not %s %d of %d in posix, %d of %d here" %
                        (right, again[0], REPEATS, again[1], REPEATS))
            say("%s, %s: %s in posix, %s here: %s; %s" %
                (suite.name, mode, base, mine, test, note))
        failed += bad
        passed += not bad
    if passed == 0 and failed == 0:
        say("%s: no mode has entered the plugin" % suite.name)
        failed = 1
    return passed, failed, different


def as_text(rows):
    return "".join("| " + " | ".join(map(str, row)) + " |\n" for row in rows)


def fault_table(suites, different):
    rows = [["suite", "calls that fail", "tests"]]
    for mode in suites[0].modes:
        rows[0] += [mode + " passed", "met faults", "faults"]
    rows[0] += ["differences", "time"]
    rows.append(["---"] * len(rows[0]))
    for suite in suites:
        row = [suite.name.partition("+")[0], suite.fault, len(suite.tests)]
        for mode in suite.modes:
            row += [suite.passed(mode), suite.met(mode),
                    suite.entered[mode].faults]
        rows.append(row + [different[suite.name], "%.0f s" % suite.seconds])
    return as_text(rows)


def table(suites, different):
    modes = [m for m in suites[0].options.modes if m != "posix"]
    head = ["suite", "tests", "posix passed"]
    for mode in modes:
        head += [mode + " passed", "opens"]
        if mode == "rings":
            head.append("ring ops")
    rows = [head + ["differences", "time"]]
    for suite in suites:
        row = [suite.name, len(suite.tests), suite.passed("posix")]
        for mode in modes:
            row.append("vacuous" if suite.vacuous(mode) else suite.passed(mode))
            row.append(suite.entered[mode].opens)
            if mode == "rings":
                row.append(suite.entered[mode].ring_ops)
        rows.append(row + [different[suite.name], "%.0f s" % suite.seconds])
    rows.insert(1, ["---"] * len(head + ["", ""]))
    return as_text(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--programs", required=True,
                        help="directory of the test programs")
    parser.add_argument("--plugin", required=True,
                        help="directory of librocksdb_uring.so")
    parser.add_argument("--work", required=True,
                        help="directory for files, outputs and reports")
    parser.add_argument("--known", default=os.path.join(here, "known_differences.txt"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--test-limit", type=float, default=300,
                        help="seconds for one test, before it counts as hung")
    parser.add_argument("--counts", help="file for: passed failed")
    parser.add_argument("suites", nargs="+")
    options = parser.parse_args()
    for name in ("programs", "plugin", "work"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    options.modes = options.modes.split(",")
    if "posix" not in options.modes or not set(options.modes) <= set(MODES):
        parser.error("modes are posix and any of " + ", ".join(MODES[1:]))

    suites = [Suite(options, name) for name in options.suites]
    lock = threading.Lock()

    def run(part):
        part.run()
        with lock:
            if part.fault:
                # Differences of the other mode are printed at the end.
                for test, result in part.results.items():
                    if part.mode == "posix" and not result.startswith("passed"):
                        print("%s: %s %s" % (part.suite, test, result),
                              flush=True)
                return
            print("%s %s %s: %d of %d passed, %d files opened by the plugin, "
                  "%.0f s" % (part.suite, part.mode, os.path.basename(part.directory),
                              sum(r == "passed" for r in part.results.values()),
                              len(part.tests), part.entered.opens, part.seconds),
                  flush=True)

    # Suite by suite, mode by mode, as many at once as there are jobs.
    parts = [p for s in suites for p in s.make_parts()]
    for fault, jobs in ((False, options.jobs),
                        (True, options.jobs * FAULT_JOBS)):
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(run, [p for p in parts if bool(p.fault) == fault]))

    passed = failed = 0
    different = {}
    known = read_known(options.known)
    print()
    for suite in suites:
        suite.collect()
        good, bad, different[suite.name] = judge(suite, known, print)
        passed, failed = passed + good, failed + bad
        for mode, entered in suite.entered.items():
            for reason in sorted(entered.fallbacks):
                print("%s, %s: no io_uring: %s" % (suite.name, mode, reason))
                failed += os.environ.get("ROCKSDB_URING_REQUIRE") == "1"
    text = ""
    for make, some in ((table, [s for s in suites if not s.fault]),
                       (fault_table, [s for s in suites if s.fault])):
        if some:
            text += ("\n" if text else "") + make(some, different)
    print("\n" + text)
    with open(os.path.join(options.work, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print("suites and modes: %d passed, %d failed" % (passed, failed))
    if options.counts:
        with open(options.counts, "w", encoding="utf-8") as file:
            file.write("%d %d\n" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
