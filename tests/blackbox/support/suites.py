# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of other projects (tests/suites/fetch): reading their results, and comparing two runtimes."""

import dataclasses
import fnmatch
import re
from pathlib import Path

# Begin a reason why a test may fail with one runtime alone.
EXCUSES = ("by chance", "the test is wrong")

REASONS = Path(__file__).resolve().parents[2] / "suites/fails-in-both"


@dataclasses.dataclass
class Outcome:
    """One test of a suite: "ok", "skip" or "not ok", and what was printed with it."""
    word: str
    text: str = ""


def read_tap(text):
    """The outcomes by name, from the Test Anything Protocol. Expected failures are none."""
    found = {}
    last = None
    for line in text.splitlines():
        match = re.match(r"(ok|not ok) \d+ (?:- )?(.*?)(?: # (skip|TODO).*)?$", line, re.IGNORECASE)
        if not match:
            if last:
                last.text += line + "\n"
            continue
        word, name, directive = match.groups()
        number = sum(known == name or known.startswith(f"{name} (") for known in found)
        last = Outcome("skip" if (directive or "").lower() == "skip" else "ok" if directive else word)
        found[f"{name} ({number + 1})" if number else name] = last
    return found


def known_reasons(suite):
    """Patterns of tests that fail with every runtime, and why."""
    rows = [line.split(" | ", 2) for line in REASONS.read_text().splitlines()
            if line and not line.startswith("#")]
    return {name: reason for where, name, reason in rows if fnmatch.fnmatchcase(suite, where)}


def compare(suite, ours, theirs):
    """What is wrong: tests that pass only with the other runtime, and failures of both without a
    reason. Each with what was printed."""
    reasons = known_reasons(suite)
    wrong = []
    for name, outcome in ours.items():
        if outcome.word != "not ok":
            continue
        other = theirs.get(name, Outcome("missing"))
        reason = next((reason for pattern, reason in reasons.items()
                       if fnmatch.fnmatchcase(name, pattern)), "")
        if other.word != "not ok" and not reason.startswith(EXCUSES):
            wrong.append(f"only with ours: {name}\n{outcome.text}")
        elif not reason:
            wrong.append(f"in both, for no known reason: {name}\n{outcome.text}"
                         f"with the other:\n{other.text}")
    missing = theirs.keys() - ours.keys()
    return wrong + [f"did not run with ours: {name}" for name in sorted(missing)]
