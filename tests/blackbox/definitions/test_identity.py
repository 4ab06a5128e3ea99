# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine is its definition's path: two files of one name are two machines."""

import itertools
import json
import os

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
# Prints which definition it was started from, and what an earlier start left in the root.
STAY = ["sh", "-c", "echo {0} >>/written; cat /written; trap 'exit 0' TERM;"
                    "while :; do sleep 0.1; done"]


@pytest.fixture
def name():
    """A name of the test's own."""
    return f"identity-{os.getpid()}-{next(NUMBERS)}"


@pytest.fixture
def pair(cli, busybox_root, name):
    """Two definitions of the same name, in d1 and d2. Their machines are deleted afterwards."""
    files = []
    for directory in ("d1", "d2"):
        file = cli.directory / directory / f"{name}.machine"
        file.parent.mkdir()
        command = STAY[:2] + [STAY[2].format(directory)]
        file.write_text(harness.definition(overlay=[busybox_root], command=command,
                                           network={"mode": "none"}), encoding="utf-8")
        files.append(file)
    yield files
    cli("delete", "--force", name)


def refused(result, first, second, status=1):
    """An error that names both files and the way out."""
    result.check(status)
    assert str(first) in result.stderr and str(second) in result.stderr, result
    assert "--name" in result.stderr and "delete" in result.stderr, result


VERBS = [["start"], ["restart"], ["stop"], ["delete"], ["delete", "--force"], ["create"], ["run"],
         ["status"], ["show"], ["stats"], ["logs"], ["kill"], ["pause"], ["wait"],
         ["exec", None, "true"], ["set-limit", None, "memory=64M"],
         ["copy-from", None, "/etc", "here"], ["config", "diff"]]


def test_a_running_machine_is_not_another_files(cli, name, pair):
    """Verbs with the other file do not touch it, and fail."""
    first, second = pair
    cli("start", first).check()
    before = json.loads(cli("show", name).check().stdout)
    for verb in VERBS:
        command = [second if word is None else word for word in verb]
        if None not in verb:
            command.append(second)
        refused(cli(*command), first, second, 125 if verb[0] in ("run", "exec") else 1)
    assert json.loads(cli("show", name).check().stdout)["pid"] == before["pid"]
    cli("start", second, "--name", f"{name}-other").check()
    cli("delete", "--force", f"{name}-other").check()
    cli("start", first).check()
    cli("exec", first, "true").check()
    cli("stop", first).check()


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_was_written_is_not_for_another_file(cli, name, pair, forgotten):
    """Also when the machine has stopped, and when the host has booted since, as records go then."""
    first, second = pair
    cli("start", first).check()
    cli("stop", first).check()
    if forgotten:
        for file in (cli.runtime / "machines").iterdir():
            file.unlink()
    for verb in ("start", "restart", "create", "delete"):
        refused(cli(verb, second), first, second)
    refused(cli("run", second), first, second, 125)
    cli("start", first).check()
    written = cli("exec", first, "cat", "/written").check().stdout
    assert written == "d1\nd1\n"
    cli("delete", "--force", first).check()
    cli("start", second).check()
    assert cli("exec", second, "cat", "/written").check().stdout == "d2\n"


def test_two_files_of_one_name_at_once(cli, pair):
    """The second is not silently left out."""
    first, second = pair
    refused(cli("start", first, second), first, second)


def test_links_and_spellings_are_one_file(cli, name, pair):
    """Symbolic links of the file and of its directory, hard links, dots, a relative path."""
    first, _ = pair
    cli("start", first).check()
    (cli.directory / "link").symlink_to("d1")
    (cli.directory / "d3").mkdir()
    (cli.directory / "d3" / first.name).symlink_to(first)
    (cli.directory / "d4").mkdir()
    (cli.directory / "d4" / first.name).hardlink_to(first)
    for spelling in ("link", "d3", "d4", "d1/../d1/.", "./d1/"):
        cli("status", f"{spelling}/{first.name}", cwd=cli.directory).check()
        cli("start", f"{spelling}/{first.name}", cwd=cli.directory).check()
    cli("status", first.name, cwd=first.parent).check()


def test_a_file_that_is_edited_or_removed_stays_the_same(cli, pair):
    """Editors write a new file and rename it; a removed file still identifies its machine."""
    first, _ = pair
    cli("start", first).check()
    new = first.with_suffix(".new")
    new.write_text(first.read_text(encoding="utf-8") + "description = \"edited\";\n",
                   encoding="utf-8")
    new.rename(first)
    cli("status", first).check()
    cli("restart", first).check()
    first.unlink()
    cli("status", first).check()
    cli("stop", f"./{first.name}", cwd=first.parent).check()
    cli("delete", first).check()


def test_a_file_that_was_moved(cli, name, pair):
    """Its machine is not taken over silently; the suggested remedy keeps its data."""
    first, second = pair
    cli("start", first).check()
    cli("stop", first).check()
    first.rename(second)
    result = cli("start", second)
    refused(result, first, second)
    assert f"ln -s {second} {first}" in result.stderr
    first.symlink_to(second)
    cli("start", second).check()
    assert cli("exec", name, "cat", "/written").check().stdout == "d1\nd1\n"
    cli("stop", name).check()
    first.unlink()
    cli("start", second).check()


def test_the_search_path_has_one_machine_of_a_name(cli, name, pair):
    """A file that precedes another one in the search path overrides it."""
    first, second = pair
    environment = {"MACHINECTL_LITE_CONFIG_PATH": f"{second.parent}:{first.parent}"}
    hidden = second.rename(second.with_suffix(".hidden"))
    cli("start", name, env=environment).check()
    cli("stop", name, env=environment).check()
    hidden.rename(second)
    cli("start", name, env=environment).check()
    written = cli("exec", name, "cat", "/written").check().stdout
    assert written == "d1\nd2\n"


def test_a_machine_of_the_command_line_is_not_a_files(cli, name, pair, busybox_root):
    """Nor the other way round."""
    first, _ = pair
    cli("start", "--rootfs", busybox_root, "--name", name, "--set", 'upper="volatile"', "--set",
        'network.mode="none"', "--set", 'command=["sleep","1000"]').check()
    refused(cli("start", first), "the command line", first)
    cli("delete", "--force", name).check()
    cli("start", first).check()
    refused(cli("start", "--rootfs", busybox_root, "--name", name, "--set",
                'command=["sleep","1000"]'), first, "the command line")
