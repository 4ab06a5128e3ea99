# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completions know every verb and option, and the machines that there are."""

import re
import subprocess
from pathlib import Path

import images
import pytest

FILES = {"bash": "machinectl-lite", "zsh": "_machinectl-lite", "fish": "machinectl-lite.fish"}


@pytest.fixture
def place(cli):
    """Where the build tree has them."""
    path = Path(cli.binary).parents[2] / "completions"
    if not (path / FILES["bash"]).exists():
        pytest.skip("needs the completions beside the binary, as in a build tree")
    return path


def words_of_help(cli):
    """Each verb, and each option of each."""
    text = cli("--help").check().stdout
    verbs = re.findall(r"^  ([a-z][\w-]*)", text.partition("Verbs:")[2], re.MULTILINE)
    found = {verb: re.findall(r"^  .{3} --([\w-]+)", cli(verb, "--help").check().stdout,
                              re.MULTILINE) for verb in verbs}
    found[""] = re.findall(r"^  .{3} --([\w-]+)", text, re.MULTILINE)
    assert len(verbs) > 30 and found["run"] and found[""]
    return found


@pytest.mark.parametrize("shell", FILES)
def test_every_verb_and_option_occurs(cli, place, shell):
    text = (place / FILES[shell]).read_text()
    option = " -l {}" if shell == "fish" else "--{}"
    for verb, options in words_of_help(cli).items():
        assert re.search(rf"(?<![\w-]){verb}(?![\w-])", text)
        for name in options:
            assert re.search(rf"{option.format(name)}(?![\w-])", text), (verb, name)


def complete(cli, place, *words, line=""):
    """What bash offers for the last word of a line."""
    script = ('. "$1"; COMP_LINE=$2; COMP_POINT=${#2}; shift 2; COMP_WORDS=("$@"); '
              'COMP_CWORD=$(($# - 1)); _machinectl_lite; printf "%s\\n" "${COMPREPLY[@]}"')
    environment = {**cli.environment,
                   "PATH": f"{Path(cli.binary).parent}:{cli.environment['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", place / FILES["bash"],
                           line, "machinectl-lite", *words], env=environment, capture_output=True,
                          text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.needs("program:bash")
def test_bash(cli, place):
    (cli.config / "my-web.machine").write_text("")
    (cli.config / "$(id).machine").write_text("")
    assert complete(cli, place, "sta") == ["start", "status", "stats"]
    assert complete(cli, place, "start", "") == ["my-web"]
    assert complete(cli, place, "--quiet", "start", "my") == ["my-web"]
    assert complete(cli, place, "start", "--mem") == ["--memory"]
    assert complete(cli, place, "network", "") == ["list", "status", "reload"]
    assert complete(cli, place, "doctor", "m") == complete(cli, place, "check", "") == []


@pytest.mark.needs("program:bash", "root")
def test_bash_knows_images(cli, place):
    """In full and as people write them; a colon, which ends a word for bash, is no hindrance."""
    image = images.Image(images.layer(images.member("f", b"")))
    images.load(cli, image, "app:1")
    images.load(cli, image, "other.org/team/app:2")
    assert complete(cli, place, "remove-image", "") == [
        "app:1", "docker.io/library/app:1", "other.org/team/app:2"]
    assert complete(cli, place, "save", "oth") == ["other.org/team/app:2"]
    assert complete(cli, place, "push", "app", ":", "", line="machinectl-lite push app:") == ["1"]
    assert complete(cli, place, "load", "") == []


@pytest.mark.needs("program:bash")
def test_bash_knows_values(cli, place):
    assert complete(cli, place, "kill", "--signal", "=", "T") == ["TERM"]
    assert complete(cli, place, "kill", "-s", "U") == ["USR1", "USR2"]
    assert complete(cli, place, "list", "--json", "=") == ["short", "pretty", "off"]
    assert complete(cli, place, "--color", "n") == ["never"]
    assert complete(cli, place, "check", "--format", "=", "") == ["text", "json"]
    assert complete(cli, place, "stop", "-s", "T") == []
