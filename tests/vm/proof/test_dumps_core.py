# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that crashes: its core dump must be among the results."""

import subprocess


def test_dumps_core():
    assert subprocess.run(["sh", "-c", "kill -SEGV $$"]).returncode != 0
