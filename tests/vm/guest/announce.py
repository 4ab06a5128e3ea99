# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pytest plugin that tells the outside which test runs: a crash of the host gets a name."""

import os

CONTROL = int(os.environ.pop("MACHINECTL_LITE_TESTS_CONTROL"))
# Programs under test find no descriptor that they did not open, and not how this file was found.
os.set_inheritable(CONTROL, False)
del os.environ["PYTHONPATH"]


def pytest_runtest_logstart(nodeid):
    os.write(CONTROL, f"test {nodeid}\n".encode(errors="replace"))
