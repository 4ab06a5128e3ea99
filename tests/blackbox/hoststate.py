# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a host looks like before and after: the two compare equal or the test fails.

Processes are those that descend from the test run, which makes itself the reaper of its orphans:
other activity on the host is not seen, and nothing that a start leaves behind can hide.
"""

import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
# A control group of this project, among those of others that come and go.
OWN_CGROUP = re.compile(r"machine|mlite")


def become_reaper():
    """Makes this process the parent of every orphan that its children leave."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        text = file.read()
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    fields = rest.split()
    return name, fields[0], int(fields[1]), int(fields[19])


def processes(ancestor=None):
    """{pid: (name, state, parent, start time)} of what descends from a process (this one)."""
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


def live_processes(ancestor=None):
    """The same without zombies."""
    return {pid: row for pid, row in processes(ancestor).items() if row[1] not in "ZX"}


def mounts(pid="self"):
    """The mount table of a process as a sorted list of lines."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="replace") as file:
        return sorted(file.read().splitlines())


def cgroup_mounts():
    """Where control groups are mounted, of either version."""
    points = []
    for line in mounts():
        left, right = line.split(" - ", 1)
        if right.split()[0] in ("cgroup", "cgroup2"):
            points.append(left.split()[4])
    return points


def cgroups(names=None):
    """The control groups that are this project's, in every hierarchy; with `names`, those of the
    machines named so, for hosts on which others start machines too."""
    found = set()
    for point in cgroup_mounts():
        for directory, _, _ in os.walk(point):
            path = directory[len(point):]
            if OWN_CGROUP.search(path) and (names is None or names & set(path.split("/"))):
                found.add(directory)
    return found


def namespaces():
    """The namespaces that descendants of the test run live in."""
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


def files(directories):
    """{path: (type and mode)} of everything below some directories."""
    found = {}
    for top in directories:
        for directory, names, leaves in os.walk(top):
            for name in names + leaves:
                path = os.path.join(directory, name)
                with contextlib.suppress(OSError):
                    found[path] = oct(os.lstat(path).st_mode)
    return found


class HostState:
    """Takes and compares pictures of the host; `directories` are the project's own, and `config`
    holds the definitions of the machines whose control groups count (None: those of all)."""

    PARTS = ("mounts", "processes", "cgroups", "namespaces", "links", "rules", "files")

    def __init__(self, directories=(), config=None):
        self.directories = list(directories)
        self.config = config

    def _machines(self):
        return {path.stem for path in self.config.glob("*.machine")} if self.config else None

    def snapshot(self):
        """One picture: {part: set of things}."""
        return {
            "mounts": set(mounts()),
            "processes": {f"{pid} {row[0]} started {row[3]}"
                          for pid, row in live_processes().items()},
            "cgroups": cgroups(self._machines()),
            "namespaces": namespaces(),
            "links": {name for _, name in socket.if_nameindex()},
            "rules": rules(),
            "files": {f"{path} {mode}" for path, mode in files(self.directories).items()},
        }

    @staticmethod
    def differences(before, after, ignore=()):
        """Lines that say what is new and what is gone, [] for equal pictures."""
        lines = []
        for part in before:
            if part in ignore:
                continue
            lines += [f"{part}: new: {thing}" for thing in sorted(after[part] - before[part])]
            lines += [f"{part}: gone: {thing}" for thing in sorted(before[part] - after[part])]
        return lines

    def compare(self, before, ignore=(), patience=5.0):
        """Asserts that the host is as it was; the kernel may take a moment to take things down."""
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
        """`with host_state.unchanged(): ...` fails where the block left something behind."""
        before = self.snapshot()
        yield before
        self.compare(before, ignore, patience)
