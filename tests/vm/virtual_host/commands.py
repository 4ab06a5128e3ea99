# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs with a log and a time limit, and shows the progress."""

import collections
import os
import signal
import subprocess
import sys
import time

from settings import Failure

TAIL_LINES = 40


def say(text):
    print(f"tests/vm: {text}", file=sys.stderr, flush=True)


def tail(path, lines=TAIL_LINES):
    """The last lines of a file, or a note that it is empty."""
    try:
        with open(path, errors="replace") as file:
            last = collections.deque(file, maxlen=lines)
    except FileNotFoundError:
        last = ()
    return "".join(last).rstrip() or "(nothing)"


def run_logged(command, log, limit, what, **options):
    """Runs a command with its output in LOG; a failure or LIMIT seconds show the log's tail."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        # In its own session, so that a time limit also ends the children (chroots start many).
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            **{"stdin": subprocess.DEVNULL, **options},
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if status != 0:
        how = f"took longer than {limit} s" if status is None else f"failed with status {status}"
        raise Failure(f"{what} {how}. The end of {log}:\n{tail(log)}")


class Stopwatch:
    def __init__(self):
        self.start = time.monotonic()

    def __str__(self):
        return f"{self.seconds():.1f} s"

    def seconds(self):
        return time.monotonic() - self.start
