# SPDX-License-Identifier: LGPL-2.1-or-later
"""machinectl-lite-exporter as the tests run it."""

import contextlib
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import harness

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def find():
    """The exporter beside the command under test, or None if it was not built."""
    command = Path(harness.find_binary()).resolve()
    for place in (command.parent / "machinectl-lite-exporter",
                  command.parent / "../exporter/machinectl-lite-exporter"):
        if place.exists():
            return str(place.resolve())
    return None


@contextlib.contextmanager
def serving(runtime, *options, wrapper=(), **more):
    """The exporter on a free port; its address."""
    with open(os.devnull, "rb") as nothing:
        process = subprocess.Popen([*wrapper, find(), "--listen=127.0.0.1:0",
                                    f"--runtime-dir={runtime}", *options], stdin=nothing,
                                   stderr=subprocess.PIPE, **more)
    try:
        line = process.stderr.readline().decode()
        address = re.search(r"http://[0-9.:]+", line)
        assert address, line + process.stderr.read().decode()
        yield address.group(0)
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stderr.close()


def get(address, **fields):
    """(type, text) of a page that is there."""
    request = urllib.request.Request(address, headers={name.replace("_", "-"): value
                                                       for name, value in fields.items()})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(text):
    """{(name, {label: value} as a sorted tuple): value} of a text of metrics."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
        assert match, line
        labels = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or "")))
        assert (match.group(1), labels) not in found, line
        found[match.group(1), labels] = float(match.group(3))
    return found


def value(text, family, /, **labels):
    """The value of one sample, or None."""
    return samples(text).get((family, tuple(sorted(labels.items()))))
