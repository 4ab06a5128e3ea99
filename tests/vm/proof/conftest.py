# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests for tests/vm/proof/check, not for the suite: most of them must fail."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "blackbox/support"))
pytest_plugins = ["needs"]
