# SPDX-License-Identifier: LGPL-2.1-or-later
"""Places, names and limits that the other modules share."""

import os
import pathlib
import sys

RELEASES = ("bookworm", "trixie")

VM = pathlib.Path(__file__).resolve().parents[1]
SOURCE = VM.parents[1]
# The tests' own roots.py makes the busybox root in the virtual host too.
sys.path.append(str(SOURCE / "tests/blackbox"))
WORK = SOURCE / "build-vm"
CACHE = pathlib.Path(
    os.environ.get("MACHINECTL_LITE_TEST_CACHE", "/var/cache/machinectl-lite-tests")
)

# Where things are inside the virtual host.
GUEST_HOME = "usr/share/machinectl-lite-tests"

# Seconds. Software emulation on a busy machine is the measure, not the fastest case.
MAKE_LIMIT = 1200
BUILD_LIMIT = 900
BOOT_LIMIT = 300
TESTS_LIMIT = 3600
SILENCE_LIMIT = 600
RESULTS_LIMIT = 240
SHUTDOWN_LIMIT = 120

# How often one run may restart the virtual host because tests asked for it.
REBOOTS = 3

# How often a start is tried whose kernel panics before it is up, where the processor is emulated.
BOOT_TRIES = 3

# sysexits(3) EX_SOFTWARE; pytest itself uses 0 to 5.
EXIT_MACHINE_FAILED = 70


class Failure(Exception):
    """Something that the user is told in one message, without a traceback."""
