# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limits of a pod are those of all its members together."""

import json
import os
import secrets
import signal
from pathlib import Path

import harness
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2", "controller:memory", "controller:pids")]

RUN = secrets.token_hex(3)
POD = f"limited-{RUN}"
STAY = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"


def named(name):
    """The name of a machine, which no other test run has."""
    return f"{name}-{RUN}"


@pytest.fixture
def pod(cli):
    """Writes the definition of the pod."""
    def write(limits):
        path = cli.config / f"{POD}.pod"
        path.write_text('network = { mode = "none"; };' +
                        (f" limits = {{ {limits} }};" if limits else ""))
        return path
    yield write
    cli("stop", "--all")


@pytest.fixture
def member(machine_file):
    """Writes the definition of a member."""
    def write(name, script=STAY, **keys):
        return machine_file(named(name), command=["/bin/sh", "-c", script], pod=POD, network=None,
                            **keys)
    return write


def group(cli, name):
    """The control group of a machine."""
    return Path(json.loads(cli("show", name).check().stdout)["cgroup"])


def members_group(cli):
    """The group of all members."""
    path = group(cli, POD)
    return path.with_name(path.name + "+members")


def value(path, name):
    """The content of a file of a group."""
    return (path / name).read_text().split()[0]


def test_all_members_are_in_one_group(cli, pod, member):
    """With the pod's limits; a member's own hold as well, and a restart changes nothing."""
    pod('memory = "200M"; tasks = 40;')
    member("one", limits={"tasks": 7})
    member("two")
    cli("start", named("one"), named("two")).check()
    common = members_group(cli)
    assert value(common, "memory.max") == str(200 << 20) and value(common, "pids.max") == "40"
    for name in ("one", "two"):
        assert group(cli, named(name)) == common / named(name)
    assert value(group(cli, named("one")), "pids.max") == "7"
    assert value(group(cli, POD), "pids.max") != "40"
    cli("restart", named("one")).check()
    assert group(cli, named("one")) == common / named("one")
    cli("stop", named("one"), named("two")).check()
    assert value(common, "pids.max") == "40"
    cli("stop", POD).check()
    assert not common.exists()


def test_the_limit_is_that_of_all_together(cli, pod, member):
    """Processes that no member alone has too many of."""
    pod("tasks = 16;")
    fork = "i=0; while [ $i -lt 9 ]; do sleep 300 & i=$((i + 1)); done; echo ready; wait"
    member("one", fork)
    member("two", fork)
    cli("start", named("one")).check()
    cli("start", named("two"))
    # Before Linux 6.11 the kernel counts in the group of the process that could not fork.
    harness.wait_for(lambda: any(events.read_text().split()[1] != "0"
                                 for events in members_group(cli).rglob("pids.events")),
                     what="the limit to be reached")
    assert int(value(members_group(cli), "pids.current")) <= 16


def test_limits_change_while_it_runs(cli, pod, member):
    """`set-limit` and `stats` take the pod; one without limits has no such group."""
    pod('memory = "300M";')
    member("one")
    cli("start", named("one")).check()
    cli("set-limit", POD, "memory=250M", "tasks=55").check()
    assert value(members_group(cli), "memory.max") == str(250 << 20)
    assert value(members_group(cli), "pids.max") == "55"
    tasks = json.loads(cli("stats", "--no-stream", "--json=short", POD).check().stdout)[0]["tasks"]
    assert tasks["current"] if isinstance(tasks, dict) else tasks >= 2
    cli("stop", POD).check()
    pod("")
    cli("start", named("one")).check()
    error = cli("set-limit", POD, "memory=250M").check(1).stderr
    assert "started without limits" in error and "restart it" in error


def test_members_outlive_a_killed_pod(cli, pod, member):
    """The pod that is started again limits those that kept running."""
    pod("tasks = 40;")
    member("one")
    cli("start", named("one")).check()
    common = members_group(cli)
    supervisor = json.loads(cli("show", POD).check().stdout)["supervisor"]
    os.kill(supervisor if isinstance(supervisor, int) else supervisor["pid"], signal.SIGKILL)
    harness.wait_for(lambda: cli("status", POD).status != 0, what="the pod to be gone")
    cli("exec", named("one"), "true").check()
    pod("tasks = 30;")
    cli("start", POD).check()
    assert members_group(cli) == common and value(common, "pids.max") == "30"
    assert group(cli, named("one")).parent == common
    cli("exec", named("one"), "true").check()
    cli("stop", POD).check()
    assert not common.exists() and cli("status", named("one")).status == 3


def test_a_limit_that_the_host_cannot_set(cli, pod, member):
    """The start of the pod fails at that step, and leaves nothing."""
    result = cli("start", pod('cpus = "4000";')).check(65)
    assert "limits.cpus" in result.stderr
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{POD}*"))
