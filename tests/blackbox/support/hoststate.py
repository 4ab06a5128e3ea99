# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the state of the host before and after a test, which fails if they differ.

Only descendants of the test run count as processes. It makes itself the reaper of its orphans, so
that leftovers of a start cannot escape, and other activity on the host does not matter.
"""

import contextlib
import ctypes
import glob
import os
import re
import shutil
import socket
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
# A control group of this project, as opposed to unrelated ones.
OWN_CGROUP = re.compile(r"machine|mlite")


def become_reaper():
    """Makes this process the reaper of all orphans among its descendants."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


# The process that cleans up after a machine in the foreground, which nobody waits for.
HEIR = "machinectl-heir"


def _is_left_to_init(pid):
    """Whether a process is an orphan of a machine: it has a pid in a nested namespace, which direct
    children never do, or is an heir."""
    if _stat_fields(pid)[0] == HEIR:
        return True
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        return any(line.startswith("NSpid:") and len(line.split()) > 2 for line in file)


def reap_what_was_in_machines(interval=0.1):
    """Continuously reaps zombies, as a host's init does: a pid namespace ends only when all its
    processes have been reaped, including orphans that died outside of it."""
    def reap():
        while True:
            time.sleep(interval)
            with contextlib.suppress(OSError):
                with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
                    children = [int(pid) for pid in file.read().split()]
                for pid in children:
                    with contextlib.suppress(OSError, ValueError, IndexError):
                        if _stat_fields(pid)[1] == "Z" and _is_left_to_init(pid):
                            os.waitpid(pid, os.WNOHANG)

    threading.Thread(target=reap, daemon=True).start()


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        text = file.read()
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    fields = rest.split()
    return name, fields[0], int(fields[1]), int(fields[19])


def processes(ancestor=None):
    """{pid: (name, state, parent, start time)} of the descendants of a process (default: this
    one)."""
    ancestor = ancestor or os.getpid()
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                table[int(entry)] = _stat_fields(entry)
    found = {}
    for pid in table:
        at = pid
        while at in table and at != ancestor:
            at = table[at][2]
        if at == ancestor and pid != ancestor:
            found[pid] = table[pid]
    return found


def hanging(pids):
    """The first of these processes that hangs in an injected fault, or None."""
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            if file.read() == "fault-hang\n":
                return pid
    return None


def live_processes(ancestor=None):
    """The same without zombies."""
    return {pid: row for pid, row in processes(ancestor).items() if row[1] not in "ZX"}


def mounts(pid="self"):
    """The mount table of a process as a sorted list of lines."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="replace") as file:
        return sorted(file.read().splitlines())


def cgroup_mounts():
    """The mount points of control groups, of both versions."""
    points = []
    for line in mounts():
        left, right = line.split(" - ", 1)
        if right.split()[0] in ("cgroup", "cgroup2"):
            points.append(left.split()[4])
    return points


def cgroups(names=None):
    """The control groups of this project in every hierarchy; with `names`, only those of these
    machines, for hosts on which others start machines, too."""
    found = set()
    for point in cgroup_mounts():
        for directory, _, _ in os.walk(point):
            path = directory[len(point):]
            if OWN_CGROUP.search(path) and (names is None or names & set(path.split("/"))):
                found.add(directory)
    return found


def namespaces():
    """The namespaces of the test run's descendants."""
    found = set()
    for pid in live_processes():
        with contextlib.suppress(OSError):
            for kind in os.listdir(f"/proc/{pid}/ns"):
                with contextlib.suppress(OSError):
                    found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
    return found


def rules():
    """The names of the packet filter's tables."""
    if os.geteuid() != 0 or not shutil.which("nft"):
        return set()
    done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())


def disks(directories):
    """The loop devices of files beside these directories, and the devices of the device mapper that
    this project makes."""
    tops = tuple(os.path.dirname(str(each)) + "/" for each in directories)
    found = set()
    for device in glob.glob("/sys/block/loop*/loop"):
        with contextlib.suppress(OSError):
            with open(f"{device}/backing_file", encoding="utf-8", errors="replace") as file:
                backing = file.read().strip()
            if backing.startswith(tops):
                found.add(f"{device.split('/')[3]} {backing}")
    for name in glob.glob("/sys/block/dm-*/dm/name"):
        with contextlib.suppress(OSError), open(name, encoding="utf-8") as file:
            found |= {line for line in [file.read().strip()] if OWN_CGROUP.search(line)}
    return found


def files(directories):
    """{path: (type and mode)} of everything below these directories."""
    found = {}
    for top in directories:
        for directory, names, leaves in os.walk(top):
            for name in names + leaves:
                path = os.path.join(directory, name)
                with contextlib.suppress(OSError):
                    found[path] = oct(os.lstat(path).st_mode)
    return found


class HostState:
    """Takes and compares snapshots of the host. `directories` are those of the project; `config`
    contains the definitions of the machines whose control groups count (None: all)."""

    PARTS = ("mounts", "processes", "cgroups", "namespaces", "links", "rules", "disks", "files")

    def __init__(self, directories=(), config=None):
        self.directories = list(directories)
        self.config = config

    def _machines(self):
        return {path.stem for path in self.config.glob("*.machine")} if self.config else None

    @staticmethod
    def _await_heirs(patience=5.0):
        """Waits for machines that ended just now."""
        until = time.monotonic() + patience
        while (any(row[0] == HEIR for row in live_processes().values())
               and time.monotonic() < until):
            time.sleep(0.002)

    def snapshot(self):
        """A snapshot: {part: set of things}."""
        self._await_heirs()
        return {
            "mounts": set(mounts()),
            "processes": {f"{pid} {row[0]} started {row[3]}"
                          for pid, row in live_processes().items()},
            "cgroups": cgroups(self._machines()),
            "namespaces": namespaces(),
            "links": {name for _, name in socket.if_nameindex()},
            "rules": rules(),
            "disks": disks(self.directories),
            "files": {f"{path} {mode}" for path, mode in files(self.directories).items()},
        }

    @staticmethod
    def differences(before, after, ignore=()):
        """One line per addition and removal; [] if the snapshots are equal."""
        lines = []
        for part in before:
            if part in ignore:
                continue
            lines += [f"{part}: new: {thing}" for thing in sorted(after[part] - before[part])]
            lines += [f"{part}: gone: {thing}" for thing in sorted(before[part] - after[part])]
        return lines

    def compare(self, before, ignore=(), patience=5.0):
        """Asserts that the host has not changed; the kernel may need a moment to clean up."""
        until = time.monotonic() + patience
        while True:
            lines = self.differences(before, self.snapshot(), ignore)
            if not lines:
                return
            if time.monotonic() > until:
                raise AssertionError("the host differs:\n" + "\n".join(lines))
            time.sleep(0.02)

    @contextlib.contextmanager
    def unchanged(self, ignore=(), patience=5.0):
        """`with host_state.unchanged(): ...` fails if the block left something behind."""
        before = self.snapshot()
        yield before
        self.compare(before, ignore, patience)
