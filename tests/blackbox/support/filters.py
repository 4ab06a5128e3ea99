# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls that fail for a command, as on a kernel or host that lacks or forbids them."""

import os
import sys

# Installs the filter as root, without no-new-privileges, so that set-user-ID programs keep working.
# Arguments: the number of the call, the errno, its arguments that matter as INDEX=VALUE, "--", and
# the command.
_INSTALL = """
import ctypes, os, struct, sys
front, command = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
number, error, conditions = int(front[0]), int(front[1]), [part.split("=") for part in front[2:]]
checks = [(0, number)] + [(16 + 8 * int(index), int(value)) for index, value in conditions]
lines = []
for position, (offset, value) in enumerate(checks):
    left = 2 * (len(checks) - position - 1)
    lines += [(0x20, 0, 0, offset), (0x15, 0, left + 1, value)]
lines += [(0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(header)), 0, 0) == 0, ctypes.get_errno()
os.execvp(command[0], command)
"""

_NUMBERS = {
    "x86_64": {"prctl": 157, "setsockopt": 54},
    "aarch64": {"prctl": 167, "setsockopt": 208},
}
# The same on all architectures.
_COMMON = {"landlock_create_ruleset": 444}


def failing(name, error, **arguments):
    """The front of a command for which a system call fails with an errno, if its arguments have
    these values: failing("prctl", errno.EPERM, a0=24)."""
    number = {**_COMMON, **_NUMBERS.get(os.uname().machine, {})}[name]
    return [sys.executable, "-c", _INSTALL, str(number), str(error),
            *(f"{key[1:]}={value}" for key, value in arguments.items()), "--"]
