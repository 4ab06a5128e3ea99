# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests shared out among virtual hosts that run side by side."""

import ctypes
import os
import signal
import sys
import tempfile
import traceback

from settings import EXIT_MACHINE_FAILED


def shared_out(tests, hosts):
    """Lists of tests, at most HOSTS and none of them empty. The tests of a file stay together, since
    they share what is costly to make."""
    files = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    parts = [[] for _ in range(hosts)]
    for group in sorted(files.values(), key=len, reverse=True):
        min(parts, key=len).extend(group)
    return [sorted(part, key=tests.index) for part in parts if part]


def side_by_side(works):
    """Runs each work in a process of its own and returns their statuses. The first prints as it goes
    on; the output of the others follows when they have ended."""
    if len(works) == 1:
        return [works[0]()]
    outputs = [None, *(tempfile.TemporaryFile() for _ in works[1:])]
    sys.stdout.flush()
    children = [start(work, output) for work, output in zip(works, outputs)]
    # Ctrl-C reaches them as well, and they decide what it means.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return [end(child, output) for child, output in zip(children, outputs)]
    finally:
        signal.signal(signal.SIGINT, previous)


def start(work, output):
    parent = os.getpid()
    child = os.fork()
    if child > 0:
        return child
    status = EXIT_MACHINE_FAILED
    try:
        end_with(parent)
        if output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        status = work()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)


def end_with(parent):
    """prctl(2) PR_SET_PDEATHSIG: virtual hosts must not outlive the command that started them."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(EXIT_MACHINE_FAILED)


def end(child, output):
    """Waits for a child and prints what it has printed."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if output:
        output.seek(0)
        sys.stdout.buffer.write(output.read())
        sys.stdout.buffer.flush()
    return status if status >= 0 else EXIT_MACHINE_FAILED
