# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which tests were skipped in every place where the suite ran, and why in each."""

import xml.etree.ElementTree


def outcomes(path):
    """Of one report in JUnit's format: tests' names, each with the reason of its skip or None."""
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        # An expected failure has the same element with another type, and has run.
        skips = [skip for skip in case.iter("skipped") if skip.get("type") == "pytest.skip"]
        reason = skips[0].get("message", "") if skips else None
        found[f"{case.get('classname')}::{case.get('name')}"] = reason
    return found


def ran_nowhere(reports):
    """
    REPORTS are paths by the name of their place.

    Returns each test that was skipped wherever it was seen, with its (place, reason) pairs.
    """
    skips, ran = {}, set()
    for place, path in reports:
        for test, reason in outcomes(path).items():
            if reason is None:
                ran.add(test)
            else:
                skips.setdefault(test, []).append((place, reason))
    return {test: why for test, why in sorted(skips.items()) if test not in ran}
