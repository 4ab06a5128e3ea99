# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine's control group, on any host with cgroup v2: entered, paused, watched, removed."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

import harness

pytestmark = [pytest.mark.needs("root", "cgroup2")]

TICKS = ["sh", "-c", "while :; do echo tick; sleep 0.05; done"]


def machine_json(cli, name="test"):
    """What `list` reports about a machine, or None."""
    machines = json.loads(cli("list", "--json=short").check().stdout)
    return next((machine for machine in machines if machine["name"] == name), None)


def group_of(pid):
    """The path of a process within the unified hierarchy, and its directory."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    path = next(line[3:] for line in lines if line.startswith("0::"))
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()
              if line.split()[2] == "cgroup2"]
    return path, Path(mounts[0] + path)


@pytest.fixture
def running(cli, machine_file):
    """running(name, **keys) starts a machine and waits until it is running; returns the
    Running."""

    def start(name="test", command=None, **keys):
        process = cli.start("run", machine_file(name, command=command or ["sleep", "1000"],
                                                **keys))
        harness.wait_for(lambda: process.process.poll() is not None
                         or (machine_json(cli, name) or {}).get("state") == "running",
                         what="the machine")
        if process.process.poll() is not None:
            raise AssertionError(str(process.wait()))
        return process

    return start


def test_machine_is_in_its_own_group(cli, running):
    """.. including its first process, which sees that group as the root."""
    process = running("in-its-group", ["sh", "-c", "cat /proc/self/cgroup; sleep 1000"])
    process.read_until(r"(?m)^0::/$")
    path, directory = group_of(machine_json(cli, "in-its-group")["pid"])
    assert path.endswith("/machinectl-lite/in-its-group") or path.endswith("/payload")
    assert directory.is_dir()
    cli("kill", "-s", "KILL", "in-its-group").check()
    process.wait()
    assert not directory.exists()


def test_subtree_is_the_machines_own(cli, running):
    """Its root can create groups and move processes in it, but cannot change its limits."""
    process = running("own-subtree", [
        "sh", "-c",
        "cd /sys/fs/cgroup && mkdir a && echo $$ >a/cgroup.procs && cat /proc/self/cgroup;"
        "for file in cgroup.max.depth cgroup.max.descendants cgroup.freeze cpu.max memory.max "
        "memory.high memory.swap.max pids.max cpuset.cpus io.max; do"
        " if [ -e $file ] && (echo 1 >$file) 2>/dev/null; then echo WROTE $file; fi; done;"
        "echo done; sleep 1000"])
    text = process.read_until(r"(?s).*done").group()
    assert "0::/a" in text
    assert "WROTE" not in text


def test_groups_inside_are_bounded(running):
    """The depth and number of nested groups are limited."""
    process = running("bounded", [
        "sh", "-c",
        "cd /sys/fs/cgroup; i=0; while mkdir d 2>/dev/null && cd d && [ $i -lt 200 ];"
        "do i=$((i+1)); done; echo deep $i; sleep 1000"])
    assert int(process.read_until(r"deep (\d+)").group(1)) == 64


def test_nested_groups_go_with_the_machine(cli, running, settled):
    """Groups that the machine created below its own are removed with it."""
    with settled.unchanged():
        process = running("nested", [
            "sh", "-c", "cd /sys/fs/cgroup && mkdir -p a/b/c .hidden/x && "
            "sleep 1000 & echo $! >/sys/fs/cgroup/a/b/c/cgroup.procs; echo ready; wait"])
        process.read_until("ready")
        cli("kill", "-s", "KILL", "nested").check()
        process.wait()


def test_pause_stops_the_clock(cli, running):
    """A paused machine does nothing, and continues where it was."""
    process = running("paused", TICKS)
    process.read_until("tick")
    cli("pause", "paused").check()
    assert machine_json(cli, "paused")["state"] == "paused"
    os.set_blocking(process.process.stdout.fileno(), False)
    process.process.stdout.read()
    time.sleep(0.5)
    assert not process.process.stdout.read()
    cli("pause", "paused").check()
    cli("resume", "paused").check()
    assert machine_json(cli, "paused")["state"] == "running"
    os.set_blocking(process.process.stdout.fileno(), True)
    process.read_until("tick")
    cli("resume", "paused").check()


def test_paused_machine_can_be_killed(cli, running, settled):
    """A freezer does not delay the stop."""
    with settled.unchanged():
        process = running("paused-end", TICKS)
        cli("pause", "paused-end").check()
        cli("kill", "-s", "KILL", "paused-end").check()
        assert process.wait().status == 128 + signal.SIGKILL


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_pause_of_no_machine(cli, verb):
    """The error names a machine that is not running."""
    assert "nobody" in cli(verb, "nobody").check(66).stderr
    cli(verb).check(64)


def test_name_in_use_elsewhere(cli, running, machine_file, workspace, settled):
    """Machines of the same name with separate state do not share a group."""
    running("twice")
    with settled.unchanged():
        other = harness.Cli(workspace / "other")
        path = machine_file("twice", command=["true"])
        first = group_of(machine_json(cli, "twice")["pid"])[0]
        for _ in range(3):
            other("run", path).check()
    assert machine_json(cli, "twice")["state"] == "running"
    assert group_of(machine_json(cli, "twice")["pid"])[0] == first


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(5))
def test_hundreds_leave_no_group(cli, machine_file, settled, hundred):
    """500 machines, created and removed, leave no control group."""
    path = machine_file(command=["true"])
    with settled.unchanged():
        for number in range(100):
            cli("run", "--name", f"many-{hundred}-{number % 7}", path).check()


# Device nodes that machines lack by default, and that are harmless to open.
HARMLESS = ("/dev/loop-control", "/dev/fuse", "/dev/hpet", "/dev/cpu_dma_latency")


@pytest.fixture
def device():
    """A device of the host that its root can open for reading and writing."""
    for path in HARMLESS:
        try:
            os.close(os.open(path, os.O_RDWR))
            return path
        except OSError:
            continue
    return pytest.skip("no harmless device can be opened here")


NODE = """
mknod /tmp/node c $1 $2 && echo made
(: </tmp/node) 2>&1 | grep -o 'not permitted' || echo opened
"""


def node_test(machine_file, device, **keys):
    """A machine with the host's ids that creates a node of the device's number and opens it."""
    number = os.stat(device).st_rdev
    return machine_file("node", user_namespace="none", capabilities={"add": ["CAP_MKNOD"]},
                        mounts=({"type": "tmpfs", "target": "/tmp", "options": ["dev"]},),
                        command=["sh", "-c", NODE, "sh", str(os.major(number)),
                                 str(os.minor(number))], **keys)


def test_device_that_is_not_given(cli, machine_file, device):
    """The node can be created, but not opened."""
    text = cli("run", node_test(machine_file, device)).check().stdout
    assert text.splitlines() == ["made", "not permitted"]


def test_device_that_is_given(cli, machine_file, device):
    """The permission applies to the device, whatever node names it."""
    text = cli("run", node_test(machine_file, device, devices=[f"{device}:r"])).check().stdout
    assert text.splitlines() == ["made", "opened"]


def test_access_to_a_device(cli, machine_file, device):
    """One key provides exactly the node and the permission."""
    path = machine_file(
        "access", user_namespace="none", devices=[f"{device}:/dev/given:r"],
        command=["sh", "-c", "(: </dev/given) && echo read; (: <>/dev/given) || echo not-both"])
    assert cli("run", path).check().stdout.split() == ["read", "not-both"]


def test_default_devices(cli, machine_file):
    """The devices of every machine work."""
    path = machine_file(command=["sh", "-c", "for d in null zero full random urandom; do "
                                 "head -c 1 /dev/$d >/dev/null || echo cannot $d; done; "
                                 "echo x >/dev/null && echo fine"])
    assert cli("run", path).check().stdout == "fine\n"


def test_stats_as_json(cli, running):
    """Bytes and microseconds under stable names; CPU time grows."""
    running("counted", ["sh", "-c", "while :; do :; done"])
    first = json.loads(cli("stats", "counted", "--json=short").check().stdout)
    time.sleep(0.3)
    second = json.loads(cli("stats", "--json=pretty").check().stdout)
    assert [machine["name"] for machine in first] == ["counted"]
    machine = next(machine for machine in second if machine["name"] == "counted")
    for key in ("memory", "memory_peak", "memory_limit", "swap", "cpu", "cpu_user", "cpu_system",
                "io_read", "io_write", "tasks", "tasks_limit", "oom_kills", "pressure"):
        assert key in machine
    assert machine["cpu"] > first[0]["cpu"] > 0


def test_stats_as_a_table(cli, running):
    """A single snapshot if standard output is not a terminal; headings are optional."""
    running("shown", ["sh", "-c", "while :; do :; done"])
    lines = cli("stats", "shown").check().stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "CPU", "MEMORY"]
    assert re.match(r"shown +[█▉▊▋▌▍▎▏░]{8} +\d+\.\d%", lines[1]), lines
    assert float(re.search(r"(\d+\.\d)%", lines[1]).group(1)) > 2
    assert len(cli("stats", "--no-stream", "--no-legend", "shown").check().stdout.splitlines()) == 1
    plain = cli("stats", "shown", env={"LANG": "C"}).check().stdout.splitlines()
    assert re.match(r"shown +[#.]{8} +\d+\.\d%", plain[1]), plain


def test_stats_live(cli, running):
    """On a terminal it runs until it is interrupted."""
    running("live", ["sh", "-c", "while :; do :; done"])
    terminal = cli.terminal("stats", "--interval=200ms")
    for _ in range(3):
        terminal.read_until(r"live +\S+ +\d+\.\d%")
    terminal.send("\x03")
    terminal.wait()


def test_stats_of_no_machine(cli):
    """A named machine that is not running is an error; no running machines is an empty table."""
    assert "nobody" in cli("stats", "nobody").check(66).stderr
    assert cli("stats", "--json=short").check().stdout.strip() == "[]"
    cli("stats", "--interval=1us").check(64)


def test_set_limit_usage(cli, running):
    """Invalid settings are refused before anything is changed."""
    running("settable")
    for words, status, part in (
            ([], 64, "KEY=VALUE"), (["memory"], 64, "memory"), (["open_files=5"], 64, "open_files"),
            (["hostname=x"], 64, "hostname"), (["memory=-1"], 65, "negative"),
            (["memory=900T"], 65, "more than this host has"), (["tasks=0"], 65, "tasks")):
        assert part in cli("set-limit", "settable", *words).check(status).stderr
    assert "nobody" in cli("set-limit", "nobody", "memory=64M").check(66).stderr


def test_supervisor_killed_leaves_a_group_that_the_next_start_removes(cli, machine_file, running,
                                                                      settled):
    """.. and nothing is left behind."""
    with settled.unchanged():
        process = running("orphaned", TICKS)
        process.process.send_signal(signal.SIGKILL)
        process.process.wait()
        harness.wait_for(lambda: cli("run", machine_file("orphaned", command=["true"])).status == 0,
                         what="a start after a crash")
