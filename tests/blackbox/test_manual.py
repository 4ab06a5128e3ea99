# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages and the help agree, and each verb's help fits a terminal of 24 lines."""

import re
import subprocess

import pytest

import harness

MANUAL = harness.SOURCE / "man"


def verbs(cli):
    """All verbs of the help text."""
    text = cli("--help").check().stdout.partition("Verbs:")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z][\w-]*)", text, re.MULTILINE)


def options(text):
    """Long options of a help text."""
    return re.findall(r"^  .{3} --([\w-]+)", text, re.MULTILINE)


def test_help_fits_a_screen(cli):
    for verb in verbs(cli):
        lines = cli(verb, "--help").check().stdout.splitlines()
        assert len(lines) < 24, verb
        assert max(map(len, lines)) <= 80, (verb, max(lines, key=len))


def test_the_manual_has_every_verb_and_option(cli):
    page = (MANUAL / "machinectl-lite.1").read_text()
    heads = "\n".join(line for line in page.splitlines() if line.startswith(".It Ic"))
    for verb in verbs(cli):
        assert re.search(rf"(?<![\w-]){verb}(?![\w-])", heads), f"{verb} is not in the manual"
        for option in options(cli(verb, "--help").check().stdout):
            assert re.search(rf"[ \\]-{option}(?![\w-])", page), f"{verb} --{option}"
    for option in options(cli("--help").check().stdout):
        assert re.search(rf"[ \\]-{option}(?![\w-])", page), f"--{option}"


@pytest.mark.needs("program:groff")
@pytest.mark.parametrize("page", ["container@.service.8", "machine.5", "machinectl-lite.1",
                                  "network.5"])
def test_pages_are_rendered_without_a_warning(page):
    built = harness.SOURCE / "build/man" / page
    path = built if built.exists() else MANUAL / page
    if not path.exists():
        pytest.skip("needs a build tree")
    done = subprocess.run(["groff", "-ww", "-mdoc", "-Tutf8", path], capture_output=True,
                          text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > 40
