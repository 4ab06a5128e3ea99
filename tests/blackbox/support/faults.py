# SPDX-License-Identifier: LGPL-2.1-or-later
"""Steps that are made to fail or to hang, by binaries built with -Dfault_injection=true."""

import os
import re

import harness

# The lines of --debug: steps of the parent, and indented those of the child.
STEP = re.compile(r"^\[[^]]*ms\] ( *)([a-z-]+): done$", re.MULTILINE)


def candidates(variable="MACHINECTL_LITE_FAULT_BINARY", program="src/cli/machinectl-lite",
               usual=harness.find_binary):
    """Binaries that may inject faults: the one in the variable, or the usual one and those of the
    builds that have faults."""
    chosen = os.environ.get(variable)
    builds = [harness.SOURCE / build / program for build in ("build-fault", "build-asan")]
    return [chosen] if chosen else [usual()] + [str(each) for each in builds if each.exists()]


def steps(cli, path):
    """[(name, whether it is the child's)] of a start that works."""
    found = STEP.findall(cli("run", "--debug", path).check().stderr)
    assert len(found) >= 15, found
    return [(name, bool(indent)) for indent, name in found]
