# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines chosen by patterns of names and by labels."""

import json
import os

import pytest

import harness

NAMES = "blue", "green", "other"


@pytest.fixture
def machines(cli, machine_file):
    """Three running machines; returns their common prefix and a function to name one."""
    prefix = f"select-{os.getpid()}-"
    for name in NAMES:
        machine_file(prefix + name, command=["sh", "-c", f"echo says {name}; sleep 600"],
                     labels=[f"colour={name}", "site=one"] if name != "other" else ["site=two"],
                     log={"driver": "file"}, stop={"timeout": "100ms"})
    cli("start", *(prefix + name for name in NAMES)).check()
    yield prefix
    cli("delete", "--force", f"{prefix}*").check()


def listed(cli, *arguments):
    """The last part of the names that `list` shows."""
    records = json.loads(cli("list", "--json", *arguments).check().stdout)
    return sorted(record["name"].rpartition("-")[2] for record in records)


def test_list(cli, machines):
    assert listed(cli, f"{machines}*") == list(NAMES)
    assert listed(cli, f"{machines}*e*", "--label", "site=one") == ["blue", "green"]
    assert listed(cli, "--label", "colour") == ["blue", "green"]
    assert listed(cli, "--label=site=t*") == ["other"]
    assert listed(cli, "--label=colour=blue", "--label=site=two") == []
    assert listed(cli, "nothing-*") == []
    record = json.loads(cli("list", "--json", f"{machines}other").check().stdout)[0]
    assert record["labels"] == ["site=two"]


def test_stop_and_start(cli, machines):
    cli("stop", f"{machines}[bg]*").check()
    assert listed(cli) == ["other"]
    cli("start", "--label", "site=one").check()
    assert listed(cli) == list(NAMES)
    cli("stop", "--label", "colour=blue", "--label", "site=one").check()
    assert listed(cli) == ["green", "other"]
    cli("start", f"{machines}b*").check()
    cli("restart", "--label", "site").check()
    assert listed(cli) == list(NAMES)
    # A name and a label: only if the machine has it.
    cli("stop", machines + "other", machines + "blue", "--label", "site=one").check()
    assert listed(cli) == ["green", "other"]


@pytest.mark.parametrize("verb, message", [
    ("stop", 'no running machine matches "absent-*"'),
    ("kill", 'no running machine matches "absent-*"'),
    ("stats", 'no running machine matches "absent-*"'),
    ("delete", 'no machine matches "absent-*"'),
    ("start", 'no definition matches "absent-*"'),
])
def test_nothing_matches(cli, verb, message):
    done = cli(verb, "absent-*")
    assert done.status == 66 and message in done.stderr


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "kill", "delete", "logs", "pause"])
def test_all_excludes_names(cli, verb):
    done = cli(verb, "--all", "web")
    assert done.status == 64 and "--all and names exclude each other" in done.stderr


def test_logs_of_several(cli, machines):
    lines = harness.wait_for(lambda: (
        found := cli("logs", f"{machines}*").check().stdout.splitlines()) and len(found) == 3
        and found)
    width = len(machines) + len("green")
    assert sorted(lines) == sorted(f"{machines + name:{width}} | says {name}" for name in NAMES)
    objects = [json.loads(line) for line in
               cli("logs", "--label=colour", "--json=short").check().stdout.splitlines()]
    assert sorted((item["machine"], item["text"]) for item in objects) == [
        (machines + name, f"says {name}") for name in ("blue", "green")]
    # One named machine has no prefix, as always.
    assert cli("logs", machines + "blue").check().stdout == "says blue\n"


def test_follow_several(cli, machines):
    following = cli.start("logs", "--follow", f"{machines}[bg]*")
    cli("stop", f"{machines}[bg]*").check()
    output = following.wait().check().stdout
    assert sorted(line.partition(" | ")[2] for line in output.splitlines() if "says" in line) == [
        "says blue", "says green"]


def test_stats(cli, machines):
    def names(*arguments):
        return sorted(item["name"].rpartition("-")[2] for item in
                      json.loads(cli("stats", "--json", *arguments).check().stdout))

    assert names("--label", "site=one") == ["blue", "green"]
    assert names(f"{machines}o*") == ["other"]
    cli("stop", machines + "other").check()
    assert names() == ["blue", "green"]
    assert cli("stats", machines + "other").status != 0


@pytest.mark.parametrize("label", ["", "=x"])
def test_invalid_labels(cli, label):
    done = cli("list", f"--label={label}")
    assert done.status == 64 and "expected NAME or NAME=VALUE" in done.stderr
