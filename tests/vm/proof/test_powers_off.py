# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that powers the host off without notice."""

import pathlib
import time


def test_powers_off():
    # o: power off (Documentation/admin-guide/sysrq.rst).
    pathlib.Path("/proc/sysrq-trigger").write_text("o")
    time.sleep(60)
