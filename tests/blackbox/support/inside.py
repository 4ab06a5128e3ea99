# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shortcuts to run commands in a machine and to examine what they left."""

import hashlib
import os
import stat
import subprocess
import sys

# A machine with all rights in its namespaces that the kernel allows.
MIGHTY = {"capabilities": {"add": ["all"]}, "seccomp": {"profile": "off"}}


def shell(cli, machine_file, script, *options, status=0, name="test", **keys):
    """Runs a shell script in the machine, checks its status, and returns the Result."""
    path = machine_file(name, command=["/bin/sh", "-c", script], **keys)
    return cli("run", *options, path).check(status)


def refused(cli, machine_file, *texts, name="test", **keys):
    """Checks that the start fails with all the texts on standard error; returns the Result."""
    keys.setdefault("command", ["/bin/true"])
    result = cli("run", machine_file(name, **keys))
    assert result.status in (65, 125), str(result)
    for text in texts:
        assert text in result.stderr, f"no {text!r} in\n{result}"
    return result


def picture(top):
    """Everything about a directory tree but its access times: a difference is a change."""
    found = {}
    for directory, names, leaves in os.walk(top):
        for name in [""] + names + leaves:
            path = os.path.join(directory, name) if name else directory
            info = os.lstat(path)
            content = ""
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            elif stat.S_ISLNK(info.st_mode):
                content = os.readlink(path)
            attributes = {key: os.getxattr(path, key, follow_symlinks=False)
                          for key in os.listxattr(path, follow_symlinks=False)}
            found[path] = (info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_rdev,
                           info.st_mtime_ns, info.st_ctime_ns, content, str(attributes))
    return found


def mount_table(text):
    """{mount point: (options, type, source)} of a text of /proc/PID/mountinfo, top mounts last."""
    table = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) >= 6 and len(kind) >= 2:
            table[fields[4]] = (set(fields[5].split(",")), kind[0], kind[1])
    return table


# Exchanges two names in a loop: renameat2(2) with RENAME_EXCHANGE.
SWAP = """
import ctypes, sys
libc = ctypes.CDLL(None)
first, second = (name.encode() for name in sys.argv[1:3])
print("on", flush=True)
while True:
    libc.renameat2(-100, first, -100, second, 2)
"""


def swapping(first, second):
    """A process that exchanges two names until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", SWAP, str(first), str(second)],
                               stdout=subprocess.PIPE)
    process.stdout.readline()
    return process
