# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests that a restart of the host is a part of. They need "reboot".

    @pytest.mark.needs("reboot")
    def test_comes_back(reboot):
        if reboot.count == 0:
            ...                 # before it
            reboot.request()
        else:
            ...                 # after it; the disk is as it was left

A requested restart happens when all other tests have run. One start serves all who asked for it, so
what has to survive must be in the system's own directories: those of fixtures are gone by then.
"""

import os
from pathlib import Path

import pytest


class Reboot:
    """How often the host was restarted for this run of tests, and the way to ask for one more."""

    def __init__(self, item):
        self.count = int(os.environ["MACHINECTL_LITE_TESTS_START"]) - 1
        self._file = Path(os.environ["MACHINECTL_LITE_TESTS_AFTER_REBOOT"])
        self._test = f"{item.path}::{item.nodeid.partition('::')[2]}"

    def request(self):
        """Has the host restarted after the other tests, and this test called again."""
        with open(self._file, "a", encoding="utf-8") as file:
            file.write(f"{self._test}\n")


@pytest.fixture
def reboot(request):
    """The restart that this test is about."""
    return Reboot(request.node)
