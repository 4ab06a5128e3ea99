# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages and the help agree, and each verb's help fits a terminal of 24 lines."""

import re
import subprocess

import pytest

import harness

MANUAL = harness.SOURCE / "man"


def verbs(cli):
    """All verbs of the help text, without aliases."""
    text = cli("--help", "all").check().stdout.partition("\nOther names:")[0]
    return re.findall(r"^  ([a-z][\w-]*)", text, re.MULTILINE)


def options(text):
    """Long options of a help text."""
    return re.findall(r"^  .{3} --([\w-]+)", text, re.MULTILINE)


def test_help_fits_a_screen(cli):
    for arguments in [], *([verb] for verb in verbs(cli)):
        lines = cli(*arguments, "--help").check().stdout.splitlines()
        assert len(lines) < 24, arguments
        assert max(map(len, lines)) <= 80, (arguments, max(lines, key=len))


def test_help_of_everything(cli):
    everything = cli("--help", "all").check().stdout
    assert max(map(len, everything.splitlines())) <= 80
    assert cli("help", "all").check().stdout == everything
    assert cli("help").check().stdout == cli("--help").check().stdout
    assert cli("help", "exec").check().stdout == cli("exec", "--help").check().stdout
    shown = re.findall(r"^  ([a-z][\w-]*)", cli("--help").stdout, re.MULTILINE)
    assert shown and set(shown) <= set(verbs(cli))


def test_other_names_of_verbs(cli):
    rows = cli("--help", "all").check().stdout.partition("\nOther names:\n")[2].partition("\n\n")[0]
    aliases = dict(row.split() for row in rows.splitlines())
    assert aliases["ps"] == "list" and aliases["rmi"] == "remove-image"
    for alias, verb in aliases.items():
        assert cli(alias, "--help").check().stdout == cli(verb, "--help").check().stdout


@pytest.mark.parametrize("typed, advice", [
    ("cp", '"copy-to" and "copy-from" copy files'),
    ("strat", 'did you mean "start"?'),
    ("frobnicate", "machinectl-lite --help shows the usage"),
])
def test_an_unknown_verb(cli, typed, advice):
    done = cli(typed)
    assert done.status == 64
    assert f'unknown verb "{typed}"' in done.stderr and advice in done.stderr


def test_the_manual_has_every_verb_and_option(cli):
    page = (MANUAL / "machinectl-lite.1").read_text()
    heads = "\n".join(line for line in page.splitlines() if line.startswith(".It Ic"))
    for verb in verbs(cli):
        assert re.search(rf"(?<![\w-]){verb}(?![\w-])", heads), f"{verb} is not in the manual"
        for option in options(cli(verb, "--help").check().stdout):
            assert re.search(rf"[ \\]-{option}(?![\w-])", page), f"{verb} --{option}"
    for option in options(cli("--help", "all").check().stdout):
        assert re.search(rf"[ \\]-{option}(?![\w-])", page), f"--{option}"


@pytest.mark.needs("program:groff")
@pytest.mark.parametrize("page", ["container@.service.8", "machine-oci-bundle.5", "machine.5",
                                  "machinectl-lite.1", "machinectl-lite-apply.7",
                                  "network.5", "pod.5", "volume.5"])
def test_pages_are_rendered_without_a_warning(page):
    built = harness.SOURCE / "build/man" / page
    path = built if built.exists() else MANUAL / page
    if not path.exists():
        pytest.skip("needs a build tree")
    done = subprocess.run(["groff", "-ww", "-mdoc", "-Tutf8", path], capture_output=True,
                          text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > 40
