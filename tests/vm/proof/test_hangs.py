# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that never ends, and one that cannot even be interrupted."""

import signal
import time


def test_hangs():
    time.sleep(3600)


def test_hangs_deaf():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(3600)
