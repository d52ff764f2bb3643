# SPDX-License-Identifier: Apache-2.0
"""What the processes of a session are doing, for a test that does not end.

Everything comes from /proc, and from gdb where it is installed. A process that
vanishes, or a file that may not be read, is left out: the report is made when
something is wrong already.
"""

import glob
import os
import shutil
import signal
import subprocess
import time

# gdb waits for a thread that sleeps in the kernel and cannot be stopped.
GDB_SECONDS = 60


def read(path):
    """The text of a file of /proc, without its last newline; None if it cannot be
    had."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n\0")
    except OSError:
        return None


def stat_fields(pid):
    """The fields of /proc/PID/stat that follow the name, which may have spaces:
    state, parent, group, session, ..."""
    text = read("/proc/%d/stat" % pid)
    return text.rpartition(")")[2].split() if text else None


def processes(session):
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        fields = stat_fields(int(name)) if name.isdigit() else None
        if fields and int(fields[3]) == session and fields[0] != "Z":
            found.append(int(name))
    return sorted(found)


def cpu_seconds(session):
    """Processor time that the living processes of a session have used."""
    ticks = 0
    for pid in processes(session):
        fields = stat_fields(pid)
        ticks += int(fields[11]) + int(fields[12]) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def kill(session):
    """Ends all processes of a session, and waits until they are gone: until then
    they may hold files."""
    for _ in range(100):
        pids = processes(session)
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    print("processes that SIGKILL does not end: %s" % pids, flush=True)


def by_number(path):
    """For sorting by the number that is a path's last component."""
    return int(os.path.basename(path))


def print_indented(text):
    for line in text.splitlines():
        print("      " + line)


def report_threads(pid):
    """For every thread: name, state, where the kernel has it, and the way there."""
    for task in sorted(glob.glob("/proc/%d/task/*" % pid), key=by_number):
        state = read(task + "/stat")
        if state is None:
            continue
        print("    thread %s %s: state %s, wchan %s, system call %s" % (
            os.path.basename(task), read(task + "/comm"),
            state.rpartition(")")[2].split()[0], read(task + "/wchan") or "?",
            (read(task + "/syscall") or "?").split(" ")[0]))
        # For root only.
        print_indented(read(task + "/stack") or "")


def report_rings(pid):
    """What the kernel says of each io_uring: entries that are waiting, and
    requests that are under way."""
    for link in sorted(glob.glob("/proc/%d/fd/*" % pid), key=by_number):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if "io_uring" in target:
            print("    descriptor %s, %s" % (os.path.basename(link), target))
            print_indented(read(link.replace("/fd/", "/fdinfo/")) or "")


def report_stacks(pid):
    """The stacks of all threads, by gdb."""
    if not shutil.which("gdb"):
        print("    no stacks: gdb is not installed")
        return
    # --kill-after: gdb itself may be stuck with what it traces.
    command = ["timeout", "--kill-after=5", str(GDB_SECONDS), "gdb", "--batch",
               "--nx", "--pid=%d" % pid, "-ex", "set width 0",
               "-ex", "thread apply all backtrace 30"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False, encoding="utf-8",
        errors="replace", env={**os.environ, "DEBUGINFOD_URLS": ""})
    print_indented("\n".join(
        line for line in done.stdout.splitlines()
        if not line.startswith(("[New LWP", "warning:"))))


def report(session):
    """Prints what each process of the session is doing. They go on."""
    for pid in processes(session):
        command = (read("/proc/%d/cmdline" % pid) or "").replace("\0", " ")
        print("  process %d: %s" % (pid, command[:200]))
        report_threads(pid)
        report_rings(pid)
        # Of programs that are not scripts.
        if "db_crashtest.py" not in command:
            report_stacks(pid)
    print("  end of the report", flush=True)
