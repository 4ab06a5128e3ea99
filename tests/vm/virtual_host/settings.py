# SPDX-License-Identifier: LGPL-2.1-or-later
"""Paths, names and limits shared by the other modules."""

import os
import pathlib
import sys

RELEASES = ("bookworm", "trixie")

VM = pathlib.Path(__file__).resolve().parents[1]
SOURCE = VM.parents[1]
# roots.py of the tests creates the busybox root in the virtual host as well.
sys.path.append(str(SOURCE / "tests/blackbox/support"))
WORK = SOURCE / "build-vm"
CACHE = pathlib.Path(
    os.environ.get("MACHINECTL_LITE_TEST_CACHE", "/var/cache/machinectl-lite-tests")
)

# Paths in the virtual host.
GUEST_HOME = "usr/share/machinectl-lite-tests"
GUEST_CACHE = "var/cache/machinectl-lite-tests"

# In seconds, for software emulation on a busy machine.
MAKE_LIMIT = 1200
BUILD_LIMIT = 900
BOOT_LIMIT = 300
TESTS_LIMIT = 3600
SILENCE_LIMIT = 600
RESULTS_LIMIT = 240
SHUTDOWN_LIMIT = 120

# How often tests of one run may restart the virtual host.
REBOOTS = 3

# How often a boot is retried if the kernel of an emulated processor panics.
BOOT_TRIES = 3

# How many failed tests --again runs once more; beyond that something is broken.
AGAIN_MAXIMUM = 5

# sysexits(3) EX_SOFTWARE; pytest itself uses 0 to 5.
EXIT_MACHINE_FAILED = 70


class Failure(Exception):
    """A failure that is shown as one message, without a traceback."""
