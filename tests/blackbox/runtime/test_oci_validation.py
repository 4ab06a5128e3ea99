# SPDX-License-Identifier: LGPL-2.1-or-later
"""The validation programs of the specification (runtime-tools) with machine-oci and with crun: what
passes with crun passes with ours, and what fails with both has its reason in
tests/suites/fails-in-both."""

import os
import shutil
import subprocess

import harness
import needs
import oci as oci_runtime
import pytest
import suites

pytestmark = [pytest.mark.needs("root", "cgroup2", "suite:runtime-tools"), pytest.mark.slow]

SUITE = needs.SUITES / "runtime-tools"
NAMES = sorted(path.stem for path in SUITE.glob("*.t"))
# crun cannot run without the controllers, so there is nothing to compare with.
COMPARED = needs.missing("controllers") is None and shutil.which("crun")


def run_program(name, runtime):
    """The outcomes of one program, whose own failure is one more."""
    done = subprocess.run([*harness.WITH_CGROUP2, SUITE / f"{name}.t"], cwd=SUITE, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=300, check=False,
                          env={**os.environ, "RUNTIME": str(runtime)})
    outcomes = suites.read_tap(done.stdout)
    if done.returncode:
        outcomes["the program itself"] = suites.Outcome("not ok", done.stdout)
    return outcomes


@pytest.mark.parametrize("name", NAMES or ["none"])
def test_validation(name):
    ours = run_program(name, oci_runtime.find_binary())
    theirs = run_program(name, shutil.which("crun")) if COMPARED else ours
    wrong = suites.compare(f"runtime-tools/{name}", ours, theirs)
    assert not wrong, "\n".join(wrong)
