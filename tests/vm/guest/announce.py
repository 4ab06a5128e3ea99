# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pytest plugin that reports the running test to the outside, so that a crash of the host can be
attributed."""

import os

CONTROL = int(os.environ.pop("MACHINECTL_LITE_TESTS_CONTROL"))
# Programs under test must not inherit descriptors, nor the variables for finding this file.
os.set_inheritable(CONTROL, False)
del os.environ["PYTHONPATH"]


def pytest_runtest_logstart(nodeid):
    os.write(CONTROL, f"test {nodeid}\n".encode(errors="replace"))
