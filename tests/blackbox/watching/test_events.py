# SPDX-License-Identifier: LGPL-2.1-or-later
"""`events`: what happens to machines, in order and without gaps."""

import itertools
import json
import os
import signal
from pathlib import Path

import pytest
from harness import state_of, wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
SLEEP = {"command": ["sleep", "1000"], "stop": {"timeout": "100ms"}}


@pytest.fixture
def name():
    return f"events-{os.getpid()}-{next(NUMBERS)}"


@pytest.fixture
def started(cli, machine_file, name):
    """started(KEY=VALUE..) starts the machine, which is deleted afterwards."""
    def start(**keys):
        cli("start", machine_file(name, **{**SLEEP, **keys})).check()
        return name

    yield start
    cli("delete", "--force", name)


def logged(cli, *arguments):
    """The events that are logged, as objects."""
    done = cli("events", "--no-follow", "--json=short", *arguments).check()
    return [json.loads(line) for line in done.stdout.splitlines()]


def words(events):
    return [event["event"] for event in events]


def test_a_life_from_creation_to_deletion(cli, machine_file, started, name):
    cli("create", machine_file(name, labels=["team=web"], **SLEEP)).check()
    started(labels=["team=web"])
    for verb in ("pause", "resume", "stop"):
        cli(verb, name).check()
    cli("delete", name).check()
    events = logged(cli)
    assert words(events) == ["create", "start", "ready", "pause", "resume", "stop", "end",
                             "delete"]
    assert {event["machine"] for event in events} == {name}
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    end = events[6]
    assert (end["state"], end["reason"], end["labels"]) == ("stopped", "stopped on request",
                                                            ["team=web"])
    assert set(end) == {"time", "machine", "event", "state", "health", "exit_status", "reason",
                        "restarts", "image", "definition", "labels"}
    assert logged(cli, "--label", "team=web") == logged(cli, "events-*") == events
    assert logged(cli, "--label", "team=data") == logged(cli, "other") == []


def test_a_machine_in_the_foreground_has_its_status_in_its_end(cli, machine_file, name):
    cli("run", machine_file(name, command=["sh", "-c", "exit 3"])).check(3)
    wait_for(lambda: words(logged(cli)) == ["start", "ready", "end", "delete"])
    end = logged(cli)[2]
    assert (end["state"], end["exit_status"]) == ("failed", 3)
    text = cli("events", "--no-follow").check().stdout.splitlines()
    assert len(text) == 4 and text[2].endswith(f"  end            {name}")


def test_restarts_and_the_reason_of_each_end(cli, started):
    name = started(command=["sh", "-c", "sleep 0.1; exit 5"],
                   restart={"policy": "on-failure", "delay": "10ms", "limit": 1})
    wait_for(lambda: state_of(cli, name)["state"] == "failed", 20)
    events = logged(cli)
    assert words(events) == ["start", "ready", "end", "restart", "ready", "end"], events
    assert [event["reason"] for event in events if event["event"] == "end"] == [
        "ended with status 5", "restarted too often, giving up"]


def test_health_that_changes(cli, started, workspace):
    flag = workspace / "share"
    flag.mkdir()
    name = started(health={"command": ["test", "-e", "/share/good"], "interval": "50ms",
                           "retries": 1},
                   mounts=({"source": flag, "target": "/share"},))
    wait_for(lambda: "unhealthy" in words(logged(cli)), 20)
    (flag / "good").touch()
    wait_for(lambda: "healthy" in words(logged(cli)), 20)
    events = logged(cli)
    assert words(events) == ["start", "ready", "unhealthy", "healthy"]
    assert [event["health"] for event in events] == [None, None, "unhealthy", "healthy"]
    assert name == events[3]["machine"]


def test_events_are_shown_as_they_happen(cli, machine_file, started, name):
    """Only those since the command began; of a killed supervisor, too."""
    cli("run", machine_file(f"{name}-before", command=["true"])).check()
    following = cli.start("events", "--json=short")
    wait_for(lambda: any("inotify" in os.readlink(link)
                         for link in Path(f"/proc/{following.pid}/fd").glob("*")))
    started()
    following.read_until(r'(?s)^.*"event":"start".*"event":"ready".*\n')
    os.kill(state_of(cli, name)["supervisor"]["pid"], signal.SIGKILL)
    end = json.loads(following.read_until(r"^.*\n").group(0))
    assert (end["event"], end["state"], end["reason"]) == ("end", "failed", "its supervisor died")
    following.signal(signal.SIGTERM)
    following.wait(20).check()


def test_the_log_does_not_grow(cli, started, name):
    """It has two files of 1 MiB, and a machine whose beginning is not in them is known still."""
    started()
    log = cli.runtime / "events"
    line = log.read_text().splitlines()[-1] + "\n"
    log.write_text(line * (2 ** 20 // len(line) + 1))
    cli("pause", name).check()
    cli("resume", name).check()
    assert log.stat().st_size < 2 ** 20
    assert (cli.runtime / "events.old").stat().st_size < 2 ** 20 + 2 * len(line)
    (cli.runtime / "events.old").unlink()
    assert "start" not in words(logged(cli))
    cli("stop", name).check()
    assert words(logged(cli))[-2:] == ["stop", "end"]
