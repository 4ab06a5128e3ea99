# SPDX-License-Identifier: LGPL-2.1-or-later
"""--json without a value: several lines on a terminal, otherwise one."""

import json
import os

import images
import pytest
from images import Image, layer, load

pytestmark = pytest.mark.needs("root", "cgroup2")


@pytest.fixture
def name(cli, machine_file):
    """A machine that runs, and an image in the store."""
    made = f"json-{os.getpid()}"
    cli("start", machine_file(made, command=["sh", "-c", "echo hello; exec sleep 1000"])).check()
    load(cli, Image(layer(*images.base_members())))
    yield made
    cli("delete", "--force", made)


VERBS = [["list"], ["status", "NAME"], ["show", "NAME"], ["stats", "NAME"], ["logs", "NAME"],
         ["network", "list"], ["config", "show", "NAME"],
         ["check"], ["doctor"], ["schema"], ["run", "--dry-run", "NAME"], ["list-images"],
         ["image-status", "test/app:1"], ["prune"]]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_without_a_value(cli, name, verb):
    """Before and after the verb; only text after an equals sign is a value."""
    command = [name if word == "NAME" else word for word in verb]
    for line in (["--json", *command], [command[0], "--json", *command[1:]]):
        piped = cli(*line)
        assert piped.stdout.count("\n") == 1 and json.loads(piped.stdout) is not None, piped
    short = cli(command[0], "--json=short", *command[1:]).check(piped.status).stdout
    pretty = cli(command[0], "--json=pretty", *command[1:]).check(piped.status).stdout
    terminal = cli.terminal("--json", *command)
    assert terminal.wait() == piped.status
    lines = terminal.text.replace("\r\n", "\n").count("\n")
    assert lines == pretty.count("\n"), terminal.text
    if pretty.count("\n") > 1:
        assert short.count("\n") == 1


def test_names_and_statuses(cli, busybox_root):
    """What is one word without it is an object with it."""
    made = json.loads(cli("create", "--json", "--rootfs", busybox_root, "--set",
                          'upper="volatile"', "--set", 'network.mode="none"', "--set",
                          'command=["sh","-c","exit 3"]').check().stdout)
    cli("delete", made["name"]).check()
    started = json.loads(cli("--json", "start", "--rootfs", busybox_root, "--set",
                             'upper="volatile"', "--set", 'network.mode="none"', "--set",
                             'command=["sh","-c","exit 3"]').check().stdout)
    ended = json.loads(cli("wait", started["name"], "--json").check().stdout)
    assert ended == {"name": started["name"], "exit_status": 3}
    cli("delete", started["name"]).check()


def test_a_word_is_no_value(cli, name):
    """It would be a machine's name elsewhere."""
    result = cli("status", "--json", "short").check(4)
    assert '"short"' in result.stderr
    assert "pretty" in cli("list", "--json=wrong").check(64).stderr
    assert cli("status", "--json=off", name).check().stdout.startswith(name)


def test_commit_looks_at_the_machine_behind_options(cli, name):
    """An option before it does not hide that it runs."""
    result = cli("commit", "--json", name, "test/other:1").check(1)
    assert "is running" in result.stderr
