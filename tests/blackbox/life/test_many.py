# SPDX-License-Identifier: LGPL-2.1-or-later
"""One command for many machines: side by side, with messages in the order of the arguments."""

import json
import re
import time

import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

SLEEP = {"command": ["sleep", "600"], "stop": {"timeout": "100ms"}}


@pytest.fixture
def machines(cli, machine_file):
    """machines(NAMES, keys..) writes definitions: their paths. The machines are deleted later."""
    paths = []

    def write(names, **keys):
        new = [machine_file(name, **{**SLEEP, **keys}) for name in names]
        paths.extend(new)
        return new

    yield write
    cli("delete", "--force", *paths, timeout=120)


def states(cli):
    """{name: state} of all known machines."""
    return {row["name"]: row["state"]
            for row in json.loads(cli("list", "--all", "--json=short").check().stdout)}


def test_start_stop_delete(cli, machines):
    names = [f"m{number}" for number in range(60)]
    paths = machines(names)
    assert cli("start", *paths, timeout=120).check().stderr == ""
    assert states(cli) == {name: "running" for name in names}
    assert cli("stop", "--all", timeout=120).check().stderr == ""
    assert states(cli) == {name: "stopped" for name in names}
    assert cli("delete", "--all", timeout=120).check().stderr == ""
    assert states(cli) == {}


def test_failures_are_printed_in_order(cli, machines):
    """Whichever fails first; machines that do not fail are not affected."""
    good = machines([f"good{number}" for number in range(10)])
    bad = [machines([f"bad{number}"], command=["sh", "-c", f"sleep 0.{9 - number}; exit 3"],
                    ready="notify")[0] for number in range(10)]
    arguments = [path for pair in zip(good, bad) for path in pair]
    for _ in range(2):
        result = cli("start", *arguments, timeout=120).check(1)
        told = re.findall(r'error: machine "(\w+)"', result.stderr)
        assert told == [f"bad{number}" for number in range(10)]
        assert sum(state == "running" for state in states(cli).values()) == 10
    result = cli("delete", "none1", "good0", "bad0", "none2", "bad1").check(66)
    assert re.findall(r'"(\w+)"', result.stderr.replace("\n  hint", "")) \
        == ["none1", "good0", "none2"]
    assert "bad0" not in states(cli) and "bad1" not in states(cli)


def test_those_that_are_not_ready_hold_up_nobody(cli, machines):
    """Many wait for each other's readiness; a chain of requirements is kept."""
    slow = machines([f"slow{number}" for number in range(40)], ready="health",
                    health={"command": ["sh", "-c", "test -e /tmp/up"], "interval": "100ms",
                            "retries": 1000, "start_period": "1min"},
                    command=["sh", "-c", "sleep 2; touch /tmp/up; sleep 600"])
    last = machines(["last"], requires=["slow39"])
    before = time.monotonic()
    cli("start", *last, *slow, timeout=120).check()
    # One after the other they would take 80 s; sixteen at a time, 6.
    assert time.monotonic() - before < 30
    began = {row["name"]: row["started_usec"]
             for row in (json.loads(cli("show", name).check().stdout)
                         for name in ("slow39", "last"))}
    assert began["last"] - began["slow39"] > 1_900_000


@pytest.mark.needs("program:strace")
def test_a_stop_reads_the_records_of_dependents_only(cli, machines, workspace):
    """However many others run; what a crash has left of a dependent is ignored."""
    machines(["base"])
    [needs] = machines(["needs"], requires=["base"])
    counts = []
    for number in (3, 30):
        cli("start", needs, *machines([f"m{number}-{each}" for each in range(number)]),
            timeout=120).check()
        (cli.runtime / "requires/base/ghost").touch()
        trace = workspace / "trace"
        stopped = cli("stop", "base", wrapper=["strace", "-qq", "-e", "trace=open,openat", "-o",
                                               trace]).check()
        assert re.findall(r'machine "(\w+)" requires', stopped.stderr) == ["needs"]
        assert states(cli)["needs"] == states(cli)["base"] == "stopped"
        counts.append(trace.read_text().count(".json"))
    assert counts[0] == counts[1] > 0
    cli("delete", "needs").check()
    assert not (cli.runtime / "requires/base/needs").exists()
