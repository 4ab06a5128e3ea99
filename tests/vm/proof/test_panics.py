# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that crashes the kernel, which tests/vm/run must report."""

import pathlib
import time


def test_panics():
    # c: crash, by a null pointer (Documentation/admin-guide/sysrq.rst).
    pathlib.Path("/proc/sysrq-trigger").write_text("c")
    time.sleep(60)
