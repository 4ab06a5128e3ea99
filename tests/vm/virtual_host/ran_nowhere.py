# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests that were skipped everywhere, with the reasons."""

import xml.etree.ElementTree


def outcomes(path):
    """The tests in a JUnit report, each with the reason why it was skipped, or None."""
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        # An expected failure, which did run, has the same element with another type.
        skips = [skip for skip in case.iter("skipped") if skip.get("type") == "pytest.skip"]
        reason = skips[0].get("message", "") if skips else None
        found[f"{case.get('classname')}::{case.get('name')}"] = reason
    return found


def failures(path):
    """The tests in a JUnit report that failed."""
    return [f"{case.get('classname')}::{case.get('name')}"
            for case in xml.etree.ElementTree.parse(path).iter("testcase")
            if case.find("failure") is not None or case.find("error") is not None]


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
