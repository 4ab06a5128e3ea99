# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test that fails: `tests/vm/run tests/vm/proof/test_fails.py` must fail as well."""


def test_fails():
    assert "this test" == "one that passes"
