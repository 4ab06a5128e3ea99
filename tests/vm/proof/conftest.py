# SPDX-License-Identifier: LGPL-2.1-or-later
"""These are for tests/vm/proof/check, not for the suite: most of them have to go wrong."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "blackbox"))
pytest_plugins = ["needs"]
