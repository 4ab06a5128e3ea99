# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test before and after a restart."""

import pathlib

import pytest

BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")
KEPT = pathlib.Path("/var/lib/boot-id-of-the-test")


@pytest.mark.needs("reboot")
def test_reboots(reboot):
    if reboot.count == 0:
        KEPT.write_text(BOOT_ID.read_text())
        reboot.request()
    else:
        assert KEPT.read_text() != BOOT_ID.read_text()
