# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that takes the kernel down, which is an outcome that tests/vm/run has to name."""

import pathlib
import time


def test_panics():
    # c: crash, by a null pointer (Documentation/admin-guide/sysrq.rst).
    pathlib.Path("/proc/sysrq-trigger").write_text("c")
    time.sleep(60)
