# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits in effect, as measured on a host whose controllers are on cgroup v2."""

import json
import os
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

import harness

pytestmark = [pytest.mark.needs("root", "controllers")]

MIB = 1 << 20
BURN = ["sh", "-c", "while :; do :; done"]
IDLE = ["sleep", "1000"]


def eat(mebibytes, then="sleep 1000"):
    """A payload that touches this much memory, and survives when the process that used it is
    killed."""
    return ["sh", "-c", f"sleep 0.5; dd if=/dev/zero of=/dev/null bs={mebibytes}M count=1 "
            f"2>/dev/null; echo status $?; {then}"]


@pytest.fixture
def running(cli, machine_file):
    """running("web", command=[...], limits={...}) starts a machine; returns once it is running."""

    def start(name, command, **keys):
        process = cli.start("run", machine_file(name, command=command, **keys))
        harness.wait_for(lambda: process.process.poll() is not None or cli(
            "stats", name, "--json=short").status == 0, what="the machine")
        assert process.process.poll() is None, process.wait()
        return process

    return start


def stats(cli, name):
    """The usage of one machine."""
    return json.loads(cli("stats", name, "--json=short").check().stdout)[0]


def cpu_share(cli, name, seconds):
    """The share of one CPU that a machine uses, in percent."""
    before, start = stats(cli, name), time.monotonic()
    time.sleep(seconds)
    after, passed = stats(cli, name), time.monotonic() - start
    return (after["cpu"] - before["cpu"]) / passed / 1e4


def within(measure, low, high, what):
    """Measures a rate that must be between the two. On a busy host one measurement may be too low
    and the next too high: it is repeated, twice at most."""
    values = []
    while len(values) < 3:
        values.append(measure())
        print(f"{what}: {values[-1]:.2f}")
        if low <= values[-1] <= high:
            return
    pytest.fail(f"{what}: not between {low} and {high} three times: {values}")


def test_cpu(cli, running):
    """50 % of a CPU is 50 % of a CPU; changed at run time, the new share applies."""
    running("half", BURN, limits={"cpu": "50%"})
    within(lambda: cpu_share(cli, "half", 5), 45, 55, "cpu = 50%, over 5 s")
    assert stats(cli, "half")["cpu_throttled"] > 0
    cli("set-limit", "half", "cpu=20%").check()
    within(lambda: cpu_share(cli, "half", 3), 16, 24, "cpu = 20%, over 3 s")
    cli("set-limit", "half", "cpu=max").check()
    assert cpu_share(cli, "half", 2) > 60


@pytest.mark.parametrize("text,quota,period", [
    ("50%", 50000, 100000), ("1.5", 150000, 100000), ("20000 50000", 20000, 50000)])
def test_spellings_of_cpu(cli, running, text, quota, period):
    """Percent, CPUs, and the kernel's own syntax."""
    running("spelt", IDLE, limits={"cpu": text})
    usage = stats(cli, "spelt")
    assert (usage["cpu_quota"], usage["cpu_period"]) == (quota, period)


def test_memory(cli, running, settled):
    """Above the limit the kernel kills; the error has the name, and it is counted once."""
    with settled.unchanged():
        process = running("hungry", eat(64), limits={"memory": "24M"})
        process.read_until("status 137")
        usage = stats(cli, "hungry")
        assert usage["oom_kills"] == 1
        assert usage["memory_limit"] == 24 * MIB
        assert usage["memory_peak"] <= 24 * MIB
        cli("kill", "-s", "KILL", "hungry").check()
        result = process.wait()
        assert result.status == 128 + signal.SIGKILL
    assert re.search(r'machine "hungry" is out of memory \(limits\.memory is 24M\): the kernel '
                     r"killed its process \d+ \(dd\)", result.stderr), result


def test_killed_for_memory(cli, machine_file):
    """A killed payload exits with 137, and the reason is reported."""
    path = machine_file("killed", limits={"memory": "24M"},
                        command=["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])
    result = cli("run", path).check(128 + signal.SIGKILL)
    assert "out of memory" in result.stderr and "(dd)" in result.stderr


def test_name_of_a_victim_is_harmless(cli, machine_file):
    """A process chooses its name; it reaches the terminal only escaped."""
    path = machine_file("hostile", limits={"memory": "24M"}, command=[
        "sh", "-c", "ln -s /bin/busybox /tmp/$(printf '\\033[31mx') ; cd /tmp; "
        "exec -a dd ./$(printf '\\033[31mx') dd if=/dev/zero of=/dev/null bs=64M count=1"])
    result = cli("run", path)
    assert "\033" not in result.stderr


def test_memory_within_the_limit(cli, machine_file):
    """A payload within its limit is not killed, and nothing is reported."""
    path = machine_file("fits", limits={"memory": "64M"},
                        command=["dd", "if=/dev/zero", "of=/dev/null", "bs=24M", "count=1"])
    assert "memory" not in cli("run", path).check().stderr


def test_swap_stays_0(cli, running):
    """With a memory limit there is no swap by default."""
    running("no-swap", IDLE, limits={"memory": "64M"})
    usage = stats(cli, "no-swap")
    assert usage["swap"] in (0, None)
    assert usage["swap_limit"] in (0, None)
    running("some-swap", IDLE, limits={"memory": "64M", "swap": "32M"})
    assert stats(cli, "some-swap")["swap_limit"] in (32 * MIB, None)


@pytest.mark.needs("virtual-host", "program:mkswap")
def test_swap_stays_0_under_pressure(cli, machine_file, workspace):
    """.. even if the host has swap space: the limit is reached, and nothing is swapped out."""
    swap = workspace / "swap"
    subprocess.run(["dd", "if=/dev/zero", f"of={swap}", "bs=1M", "count=128"], check=True,
                   capture_output=True)
    swap.chmod(0o600)
    subprocess.run(["mkswap", str(swap)], check=True, capture_output=True)
    subprocess.run(["swapon", str(swap)], check=True)
    try:
        command = ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"]
        cli("run", machine_file("no-swap", command=command, limits={"memory": "24M"})).check(137)
        cli("run", machine_file("swap", command=command,
                                limits={"memory": "24M", "swap": "100M"})).check()
    finally:
        subprocess.run(["swapoff", str(swap)], check=True)


def test_memory_high(cli, running):
    """Throttles, and does not kill."""
    # Doubles a string repeatedly: throttling happens when a process returns to user mode.
    process = running("slow", ["awk", 'BEGIN { s = "x"; while (length(s) < 64 * 1024 * 1024) s = s s; '
                               'print "done"; fflush(); while (1) system("sleep 1000") }'],
                      limits={"memory_high": "24M"})
    harness.wait_for(lambda: stats(cli, "slow")["memory"] > 22 * MIB, what="memory in use")
    time.sleep(4)
    usage = stats(cli, "slow")
    print(f"memory_high = 24M: {usage['memory'] / MIB:.0f} MiB of 96 after 4 s")
    assert usage["memory"] < 60 * MIB
    assert usage["oom_kills"] == 0
    assert usage["memory_high"] == 24 * MIB
    cli("set-limit", "slow", "memory_high=max").check()
    process.read_until("done")
    assert stats(cli, "slow")["oom_kills"] == 0


def test_tasks(cli, running):
    """A fork bomb stops at the limit, and the machine can be stopped."""
    process = running("bomb", ["sh", "-c", "(while :; do sleep 1000 & done) 2>/dev/null;"
                               "echo stopped; sleep 1000"], limits={"tasks": 32})
    process.read_until("stopped")
    events = (group("bomb") / "pids.events").read_text()
    usage = stats(cli, "bomb")
    assert 30 <= usage["tasks"] <= 32
    assert int(events.split()[1]) > 0
    cli("kill", "-s", "KILL", "bomb").check()
    assert process.wait().status == 128 + signal.SIGKILL


def test_tasks_are_counted(cli, running):
    """stats shows the limit next to the number."""
    running("counted", IDLE, limits={"tasks": 77})
    usage = stats(cli, "counted")
    assert usage["tasks_limit"] == 77
    assert 1 <= usage["tasks"] <= 3
    assert re.search(r"\d / 77", cli("stats", "counted").check().stdout)


def test_cpus(cli, machine_file):
    """Both ways in which a process can query it."""
    path = machine_file("pinned", limits={"cpus": "0", "memory_nodes": "0"}, command=[
        "sh", "-c", "nproc; grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status"])
    assert cli("run", path).check().stdout.split() == [
        "1", "Cpus_allowed_list:", "0", "Mems_allowed_list:", "0"]


def test_cpu_weight(cli, running, machine_file):
    """The kernel has the setting."""
    running("weighty", IDLE, limits={"cpu_weight": 250})
    assert (group("weighty") / "cpu.weight").read_text() == "250\n"


def group(name):
    """The directory of a machine's group."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1], "machinectl-lite", name)
    raise AssertionError("no cgroup2 mount")


def root_disk():
    """The device that /var/tmp is on, and the whole disk's number."""
    source = subprocess.run(["findmnt", "-n", "-o", "SOURCE", "--target", "/var/tmp"], check=True,
                            capture_output=True, text=True).stdout.strip()
    if not source.startswith("/dev/"):
        pytest.skip(f"/var/tmp is on {source}")
    return source


def test_write_bandwidth(cli, running, settled):
    """A throttled write runs at the configured rate; a machine that waits for it can still be
    stopped immediately, although only the disk's answer wakes its process."""
    rate = 4
    with settled.unchanged():
        process = running("throttled", [
            "sh", "-c", "dd if=/dev/zero of=/tmp/data bs=1M count=100 conv=fsync"],
            mounts=({"type": "bind", "source": str(cli.directory), "target": "/tmp"},),
            user_namespace="none",
            limits={"io": ({"device": root_disk(), "write_bandwidth": f"{rate}M"},)})
        harness.wait_for(lambda: (stats(cli, "throttled")["io_write"] or 0) > 2 * MIB,
                         what="the first writes")

        def measure():
            before, start = stats(cli, "throttled"), time.monotonic()
            time.sleep(6)
            after, passed = stats(cli, "throttled"), time.monotonic() - start
            return (after["io_write"] - before["io_write"]) / passed / MIB

        within(measure, rate * 0.85, rate * 1.15, f"write_bandwidth = {rate}M, MiB/s")
        killed = time.monotonic()
        process.signal(signal.SIGINT)
        time.sleep(0.2)
        process.signal(signal.SIGINT)
        result = process.wait()
        print(f"ended {time.monotonic() - killed:.1f} s after it was killed")
        assert result.status == 128 + signal.SIGKILL and not result.stderr, result


@pytest.fixture
def partition(workspace):
    """A partition of a loop device: (its path, the number of the disk)."""
    image = workspace / "disk"
    table = bytearray(512)
    # One entry of a DOS partition table: type 0x83 at sector 2048, 4096 sectors long.
    table[446:462] = struct.pack("<B3sB3sII", 0, b"\0" * 3, 0x83, b"\0" * 3, 2048, 4096)
    table[510:] = b"\x55\xaa"
    with open(image, "wb") as file:
        file.write(table)
        file.truncate(4 * MIB)
    loop = subprocess.run(["losetup", "--find", "--show", "--partscan", str(image)], check=True,
                          capture_output=True, text=True).stdout.strip()
    try:
        harness.wait_for(lambda: Path(f"{loop}p1").exists(), what="the partition")
        number = os.stat(loop).st_rdev
        yield f"{loop}p1", f"{os.major(number)}:{os.minor(number)}"
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


@pytest.mark.needs("virtual-host")
def test_limit_of_a_partition(cli, running, partition):
    """The kernel limits whole disks: the limit applies to the disk, with a warning."""
    device, disk = partition
    process = running("part", IDLE, limits={"io": ({"device": device, "read_bandwidth": "1M"},)})
    assert f"{disk} rbps=1048576" in (group("part") / "io.max").read_text()
    cli("kill", "-s", "KILL", "part").check()
    warning = process.wait().stderr
    assert device in warning and "is a partition" in warning and disk in warning


def test_io_of_a_running_machine(cli, running):
    """In the definition's syntax; other keys of the device stay."""
    device = root_disk()
    running("io", IDLE, limits={"io": ({"device": device, "write_bandwidth": "4M"},)})
    cli("set-limit", "io", f'io=( {{ device = "{device}"; read_iops = 100; }} )').check()
    assert re.search(r"wbps=4194304 riops=100", (group("io") / "io.max").read_text())


def test_set_limit_on_a_running_machine(cli, running):
    """Every key takes effect immediately."""
    running("changed", IDLE, limits={"memory": "64M", "tasks": 20})
    cli("set-limit", "changed", "memory=48M", "memory_high=40M", "limits.memory_low=8M", "swap=1M",
        "cpu=150%", "cpu_weight=77", "cpus=0", "memory_nodes=0", "tasks=30").check()
    usage = stats(cli, "changed")
    assert usage["memory_limit"] == 48 * MIB and usage["memory_high"] == 40 * MIB
    assert usage["tasks_limit"] == 30
    assert (usage["cpu_quota"], usage["cpu_period"]) == (150000, 100000)
    for file, value in (("memory.low", 8 * MIB), ("cpu.weight", 77), ("cpuset.cpus", 0),
                        ("cpuset.mems", 0)):
        assert (group("changed") / file).read_text() == f"{value}\n"
    cli("set-limit", "changed", "memory=max", "tasks=max").check()
    usage = stats(cli, "changed")
    assert usage["memory_limit"] is None and usage["tasks_limit"] is None


def test_set_limit_is_all_or_none(cli, running):
    """A failing one leaves the others unchanged."""
    running("whole", ["sh", "-c", "dd if=/dev/zero bs=40M count=1 2>/dev/null | sleep 1000"],
            limits={"memory": "96M", "tasks": 20})
    harness.wait_for(lambda: stats(cli, "whole")["memory"] > 40 * MIB, what="memory in use")
    result = cli("set-limit", "whole", "tasks=50", "cpu_weight=50", "memory_high=90M",
                 "memory=16M").check(1)
    assert "limits.memory" in result.stderr and "would kill" in result.stderr
    usage = stats(cli, "whole")
    assert usage["memory_limit"] == 96 * MIB and usage["memory_high"] is None
    assert usage["tasks_limit"] == 20 and usage["oom_kills"] == 0
    assert (group("whole") / "cpu.weight").read_text() == "100\n"


def test_pause_stops_cpu_time(cli, running):
    """The CPU clock of a paused machine stops."""
    running("paused", BURN)
    assert cpu_share(cli, "paused", 0.5) > 20
    cli("pause", "paused").check()
    assert cpu_share(cli, "paused", 1) < 1
    cli("resume", "paused").check()
    assert cpu_share(cli, "paused", 0.5) > 20


INSIDE = """
cd /sys/fs/cgroup
mkdir leaf && echo $$ >leaf/cgroup.procs
cat cgroup.controllers
for c in cpu cpuset io memory pids; do echo +$c >cgroup.subtree_control || echo cannot $c; done
mkdir child && echo 16M >child/memory.max && cat child/memory.max
for f in memory.max memory.high memory.swap.max cpu.max pids.max cpuset.cpus io.max cgroup.freeze
do [ ! -e $f ] || (echo 12345678 >$f) 2>/dev/null && echo wrote $f; done
echo 1 >../cgroup.procs 2>/dev/null && echo left
ls -d ../machinectl-lite 2>/dev/null
echo end
"""


@pytest.mark.parametrize("user_namespace", ["auto", "none"])
def test_machine_governs_its_own_subtree(cli, machine_file, user_namespace):
    """A manager inside gets every controller, but cannot raise the limits of the whole machine."""
    path = machine_file("delegated", command=["sh", "-c", INSIDE], user_namespace=user_namespace,
                        init=False,
                        limits={"memory": "64M", "tasks": 50, "cpu": "90%"})
    lines = cli("run", path).check().stdout.splitlines()
    assert {"cpu", "cpuset", "io", "memory", "pids"} <= set(lines[0].split())
    assert lines[1:] == [str(16 * MIB), "end"]


def test_exec_enters_beside_a_manager(cli, running):
    """Once controllers are enabled below the machine's group, an additional program enters the
    group of the first one, and the machine's limits apply to it."""
    running("managed", ["sh", "-c", "cd /sys/fs/cgroup && mkdir init && echo $$ >init/cgroup.procs "
                        "&& for p in $(cat cgroup.procs); do echo $p >init/cgroup.procs; done; "
                        "echo +memory >cgroup.subtree_control && sleep 1000"])
    harness.wait_for(lambda: (group("managed") / "cgroup.subtree_control").read_text().strip(),
                     what="controllers at work")
    result = cli("exec", "managed", "cat", "/proc/self/cgroup").check()
    assert result.stdout.startswith("0::/")


@pytest.mark.slow
def test_hundreds_with_limits_leave_no_group(cli, machine_file, settled):
    """.. with every controller enabled."""
    path = machine_file("many", command=["true"], limits={"memory": "64M", "cpu": "50%",
                                                          "tasks": 20})
    with settled.unchanged():
        for _ in range(100):
            cli("run", path).check()


def shown(cli, name):
    """What `show` reports about a machine."""
    return json.loads(cli("show", name).check().stdout)


@pytest.fixture
def started(cli, machine_file):
    """started("web", ...) starts a machine in the background; it is deleted afterwards."""
    names = []

    def start(name, **keys):
        names.append(name)
        cli("start", machine_file(name, **keys), timeout=120).check()

    yield start
    for name in names:
        cli("delete", "--force", name, timeout=120)


def test_restart_after_a_kill_for_memory(cli, started):
    """A failure for `restart`, with a reason of its own, and counted."""
    started("again", limits={"memory": "24M"},
            restart={"policy": "on-failure", "delay": "100ms", "limit": 1, "window": "10min"},
            command=["sh", "-c", "sleep 1; exec dd if=/dev/zero of=/dev/null bs=64M count=1"])
    harness.wait_for(lambda: shown(cli, "again")["state"] == "failed", timeout=60,
                     what="the second kill")
    record = shown(cli, "again")
    assert record["restarts"] == 1
    assert record["out_of_memory_kills"] == 2
    assert record["exit_status"] == 128 + signal.SIGKILL
    assert "2 killed for lack of memory" in cli("status", "again").stdout
    victims = re.findall(r"out of memory \(limits\.memory is 24M\): the kernel killed its process "
                         r"(\d+) \(dd\)", cli("logs", "again").stdout)
    assert len(set(victims)) == 2


@pytest.mark.needs("virtual-host")
def test_systemd_in_a_machine_gets_its_controllers(cli, started, debian_root):
    """A booted system manages its subtree, enforces limits of its own units, and keeps the
    machine's."""
    started("nested", overlay=[debian_root], upper="volatile", boot=True, command=None,
            limits={"memory": "512M", "tasks": 400})
    harness.wait_for(lambda: cli("exec", "nested", "systemctl", "is-system-running").stdout.strip()
                     in ("running", "degraded"), timeout=120, what="a booted machine")
    available = cli("exec", "nested", "cat", "/sys/fs/cgroup/cgroup.controllers").check().stdout
    assert {"cpu", "cpuset", "io", "memory", "pids"} <= set(available.split())
    unit = cli("exec", "nested", "systemd-run", "--wait", "--pipe", "-p", "MemoryMax=16M", "-p",
               "CPUQuota=40%", "sh", "-c", "cat /proc/self/cgroup; "
               "cd /sys/fs/cgroup$(cut -c4- /proc/self/cgroup) && cat memory.max cpu.max",
               timeout=60).check().stdout.split()
    assert unit[0].startswith("0::/system.slice/")
    assert unit[1:] == [str(16 * MIB), "40000", "100000"]
    inside = cli("exec", "nested", "cat", "/proc/self/cgroup").check().stdout
    # A group of the program, next to those that the booted system manages.
    assert inside.startswith("0::/program."), inside
    assert cli("exec", "nested", "sh", "-c", "echo max >/sys/fs/cgroup/memory.max").status != 0
    assert stats(cli, "nested")["memory_limit"] == 512 * MIB


def in_unit(cli, *properties):
    """Runs a command in a unit of its own, with its environment."""
    return ["systemd-run", "--wait", "--pipe", "--quiet", "--collect",
            *[f"--property={text}" for text in properties],
            *[f"--setenv={key}={value}" for key, value in cli.environment.items()]]


@pytest.mark.needs("systemd")
def test_delegated_unit(cli, machine_file, settled):
    """The machine's group is next to its supervisor's, below the unit's, with its limits."""
    path = machine_file("in-unit", command=["sh", "-c", "cat /sys/fs/cgroup/memory.max; sleep 1"],
                        limits={"memory": "48M", "cpus": "0"})
    with settled.unchanged():
        process = cli.start("run", path, wrapper=in_unit(cli, "Delegate=yes"))
        process.read_until(str(48 * MIB))
        where = shown(cli, "in-unit")["cgroup"]
        assert where.endswith(".service/payload")
        supervisor = Path(where).parent / "supervisor"
        # The command, and the process that clears up after it has exited.
        assert len((supervisor / "cgroup.procs").read_text().split()) in (1, 2)
        process.wait().check()


@pytest.mark.needs("systemd")
def test_controller_that_a_unit_was_not_given(cli, machine_file):
    """The error names the unit's group and what to set."""
    path = machine_file("not-given", command=["true"], limits={"cpus": "0"})
    # In a slice of its own: a unit has all controllers requested by any of its siblings.
    unit = in_unit(cli, "Delegate=pids", "Slice=notgiven.slice")
    result = cli("run", path, wrapper=unit).check(125)
    assert "limits.cpus" in result.stderr and "is not enabled for" in result.stderr, result
    assert "Delegate=yes" in result.stderr
