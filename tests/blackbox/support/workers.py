# SPDX-License-Identifier: LGPL-2.1-or-later
"""Parallel tests (pytest -n 4): each worker has its own host as far as the kernel allows.

A worker compares the host before and after a test, and the networks of two workers would conflict.
Therefore each worker has its own namespaces: network, with an uplink that leads nowhere, mounts,
IPC and host name. Processes are distinguished by their ancestor, control groups by the names of
their machines. Workers cannot reach package registries, so the roots are made in advance.
"""

import contextlib
import ctypes
import os
import subprocess

import roots

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
COMMANDS = (
    "ip link set lo up",
    "ip link add eth0 type veth peer name outside",
    "ip link set outside up",
    "ip link set eth0 up",
    "ip address add 192.0.2.2/24 dev eth0",
    "ip route add default via 192.0.2.1",
)


def _call(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "cannot separate a worker from the host")


def _separate():
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET))
    _call(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for command in COMMANDS:
        subprocess.run(command.split(), check=True)


def _make_roots():
    for make in (roots.busybox, roots.debian):
        # The tests that need one report why it is missing.
        with contextlib.suppress(roots.Unavailable):
            make()


def pytest_configure(config):
    """Runs first, in each worker and in the process that starts workers."""
    if os.geteuid() != 0:
        return
    if hasattr(config, "workerinput"):
        _separate()
    elif getattr(config.option, "numprocesses", None):
        _make_roots()
