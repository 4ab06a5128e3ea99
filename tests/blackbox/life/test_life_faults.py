# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines under faults: kills at any time, full disks, many machines, much output."""

import collections
import contextlib
import fcntl
import itertools
import json
import os
import random
import signal
import time
from pathlib import Path

import full_disk
import harness
import hoststate
import networking
import pytest
from harness import state_of, wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
STAY = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]


@pytest.fixture
def name():
    """A machine name unique to the test, because control groups and journal entries contain it."""
    return f"faults-{os.getpid()}-{next(NUMBERS)}"


# ---- kills ----

def victims(ignored):
    """{kind: pids} of the processes of this test: command, supervisor, and payload's side."""
    found = collections.defaultdict(list)
    for pid, (program, _, parent, _) in hoststate.live_processes().items():
        if pid in ignored:
            continue
        if program not in ("machinectl-lite", "nsenter"):
            found["payload"].append(pid)
        elif os.getpid() == parent and os.getsid(pid) == os.getsid(0):
            found["command"].append(pid)
        else:
            found["supervisor"].append(pid)
    return found


def kill_one(kind, kills, ignored):
    """Kills a process of that kind, or of another if there is none."""
    with contextlib.suppress(ProcessLookupError):
        found = victims(ignored)
        chosen = kind if found[kind] else next((k for k, pids in found.items() if pids), None)
        if chosen:
            os.kill(random.choice(found[chosen]), signal.SIGKILL)
            kills[chosen] += 1


def reap():
    """Orphans of killed processes become children of this process."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def start_again(cli, path, number, wrapper):
    """A start after a kill succeeds immediately, unless a supervisor whose command was killed is
    still starting the machine."""
    def attempt():
        started = cli("start", path, wrapper=wrapper)
        assert started.status == 0 or "already running" in started.stderr, (
            f"round {number}: a start after a kill\n{started}")
        return started.status == 0

    wait_for(attempt, what="the start")


def kill_lives(cli, path, name, wrapper, wanted):
    """Starts and stops the machine until that many processes were killed. Returns the number of
    each kind."""
    kills, number = collections.Counter(), 0
    ignored = set(hoststate.live_processes())
    begin = time.monotonic()
    cli("start", path, wrapper=wrapper).check()
    started = time.monotonic() - begin
    stopped = cli("stop", name, wrapper=wrapper).check().seconds
    while sum(kills.values()) < wanted:
        number += 1
        if number % 2:
            start_again(cli, path, number, wrapper)
            running = cli.start("stop", name, wrapper=wrapper)
            time.sleep(random.uniform(0, stopped))
        else:
            running = cli.start("start", path, wrapper=wrapper)
            time.sleep(random.uniform(0, started))
        kill_one(("command", "supervisor", "payload")[number % 3], kills, ignored)
        result = running.wait(20)
        assert result.status in (0, 1, -signal.SIGKILL), result
        assert "damaged" not in result.stderr, result
        reap()
    return kills


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["none", "bridge"])
def test_killed_at_random_moments(cli, machine_file, name, host_state, mode):
    """After any process is killed at any time, the next start works and nothing is left behind."""
    # Leaks are searched for by a process of the sanitizer; if it is killed, wait for it.
    cli.environment["ASAN_OPTIONS"] = f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(contextlib.closing(networking.Host(cli)))
        wrapper = host.wrapper
        path = machine_file(name, command=STAY, upper="persistent", stop={"timeout": "500ms"},
                            network={"mode": mode},
                            **({"ports": ["8080:80"]} if mode == "bridge" else {}))
        cli("start", path, wrapper=wrapper).check()
        cli("delete", "--force", name, wrapper=wrapper).check()
        with host_state.unchanged():
            kills = kill_lives(cli, path, name, wrapper, 300 if mode == "none" else 100)
            print(f"killed: {dict(kills)}")
            assert min(kills[kind] for kind in ("command", "supervisor", "payload")) >= 5
            cli("stop", "--now", name, wrapper=wrapper)
            cli("collect", wrapper=wrapper).check()
            again = cli("--debug", "collect", wrapper=wrapper).check()
            assert "crashed" not in again.stderr, again
            record = cli.runtime / "machines" / f"{name}.json"
            assert not record.exists() or json.loads(record.read_text())["steps"] == []
            wait_for(host.is_clean, 20, "a clean network")
            cli("start", path, wrapper=wrapper).check()
            cli("delete", "--force", name, wrapper=wrapper).check()
            reap()


def test_collect_leaves_no_lock_of_a_machine_that_was_deleted_meanwhile(cli, machine_file, name):
    cli("start", machine_file(name, command=["true"])).check()
    cli("stop", name).check()
    lock = cli.runtime / "machines" / f"{name}.lock"
    with open(lock, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = cli.start("collect")
        time.sleep(0.5)
        # As in delete: the lock last.
        for path in (cli.runtime / "machines").glob(f"{name}.*"):
            path.unlink()
    running.wait().check()
    assert not lock.exists()


# ---- a full disk ----

@pytest.fixture
def small_disk():
    """small_disk(directory) mounts a SmallDisk on it."""
    with contextlib.ExitStack() as stack:
        yield lambda directory: stack.enter_context(contextlib.closing(full_disk.SmallDisk(directory)))


def test_a_full_disk_is_reported_and_other_machines_continue(cli, machine_file, name, small_disk):
    full = small_disk(cli.runtime)
    first = machine_file(name, command=STAY, stop={"timeout": "1s"})
    second = machine_file(f"{name}-b", command=STAY, stop={"timeout": "1s"})
    cli("start", first, wrapper=full.wrapper).check()
    full.fill()
    failed = cli("start", second, wrapper=full.wrapper).check(1)
    assert "No space left on device" in failed.stderr and str(cli.runtime) in failed.stderr
    listed = json.loads(cli("list", "--json=short", wrapper=full.wrapper).check().stdout)
    assert [(row["name"], row["state"]) for row in listed] == [(name, "running")]
    assert cli("exec", name, "echo", "hello", wrapper=full.wrapper).check().stdout == "hello\n"
    cli("stop", name, wrapper=full.wrapper).check()
    full.free()
    cli("start", first, second, wrapper=full.wrapper).check()
    cli("delete", "--force", "--all", wrapper=full.wrapper).check()
    assert not list(Path("/sys/fs/cgroup").rglob(f"{name}*"))


def test_a_full_log_does_not_stop_the_machine(cli, machine_file, name, small_disk):
    disk = small_disk(cli.log)
    count = "i=0; while :; do i=$((i + 1)); echo line $i %0200d; sleep 0.01; done"
    path = machine_file(name, command=["sh", "-c", count % 0], log={"driver": "file"},
                        stop={"timeout": "100ms"})
    cli("start", path, wrapper=disk.wrapper).check()
    disk.fill()
    time.sleep(1)
    assert state_of(cli, name)["state"] == "running"
    disk.free()
    lost = "lines were lost: the log could not be written"
    wait_for(lambda: lost in cli("logs", name, wrapper=disk.wrapper).stdout, what="the notice")
    time.sleep(0.2)
    lines = cli("logs", name, wrapper=disk.wrapper).check().stdout.splitlines()
    numbers = [int(line.split()[1]) for line in lines if lost not in line]
    before = lines.index(next(line for line in lines if lost in line))
    assert numbers[:before] == list(range(1, before + 1))
    assert numbers == sorted(numbers) and numbers[-1] > len(numbers)
    cli("delete", "--force", name, wrapper=disk.wrapper).check()


# ---- state files ----

@pytest.mark.parametrize("damage", ["truncated", "garbage", "version", "empty"])
def test_the_record_of_a_machine_that_runs_is_damaged(cli, machine_file, name, damage):
    """The error names the damaged record; other machines are not affected, and nothing is
    guessed."""
    machine_file(name, command=STAY, stop={"timeout": "1s"})
    machine_file(f"{name}-b", command=STAY, stop={"timeout": "1s"})
    cli("start", name, f"{name}-b").check()
    record = cli.runtime / "machines" / f"{name}.json"
    good = record.read_text()
    record.write_text({"truncated": good[:len(good) // 2], "garbage": "\0\xff{]" + good,
                       "version": good.replace('"version":1', '"version":2'),
                       "empty": ""}[damage])
    for verb in (["status"], ["stop"], ["exec"], ["start"], ["delete"], ["kill"], ["pause"],
                 ["config", "diff"], ["set-limit"]):
        rest = {"exec": ["true"], "set-limit": ["tasks=10"]}.get(verb[0], [])
        failed = cli(*verb, name, *rest)
        assert failed.status in (1, 125), failed
        assert str(record) in failed.stderr, failed
        assert ("version 2" if damage == "version" else "damaged") in failed.stderr, failed
    listed = cli("list", "--json=short").check()
    assert [row["name"] for row in json.loads(listed.stdout)] == [f"{name}-b"]
    assert str(record) in listed.stderr
    cli("collect")
    assert cli("exec", f"{name}-b", "echo", "well").check().stdout == "well\n"
    cli("stop", f"{name}-b").check()
    record.write_text(good)
    assert state_of(cli, name)["state"] == "running"
    cli("delete", "--force", "--all").check()


# ---- large numbers ----

@pytest.mark.slow
def test_two_hundred_machines(cli, machine_file, name, host_state):
    count = 200
    names = [f"{name}-{number}" for number in range(count)]
    paths = [machine_file(machine, command=["sleep", "3600"], stop={"timeout": "1s"})
             for machine in names]
    cli("start", paths[0]).check()
    cli("delete", "--force", names[0]).check()
    with host_state.unchanged(patience=20):
        cli("start", *paths, timeout=300).check()
        rows = json.loads(cli("list", "--json=short").check().stdout)
        assert sorted(row["name"] for row in rows) == sorted(names)
        assert {row["state"] for row in rows} == {"running"}
        assert cli("exec", names[-1], "hostname").check().stdout.strip() == names[-1]
        cli("stop", "--all", timeout=300).check()
        assert json.loads(cli("list", "--json=short").check().stdout) == []
        cli("delete", "--all", timeout=300).check()


@pytest.mark.slow
def test_a_hundred_megabytes_at_full_speed(cli, machine_file, name):
    lines = 1000000
    script = f'BEGIN {{ for (i = 1; i <= {lines}; i++) printf "%0100d\\n", i }}'
    path = machine_file(name, command=["sh", "-c", f"awk '{script}'; exec sleep 600"],
                        log={"driver": "file", "max_size": "1G"}, stop={"timeout": "100ms"})
    cli("start", path).check()
    status = Path(f"/proc/{state_of(cli, name)['supervisor']['pid']}/status")
    last = f"{lines:0100d}\n"
    wait_for(lambda: cli("logs", "-n", "1", name).stdout == last, 300, "the last line")
    with cli.start("logs", name).process as reading:
        expected = 0
        for expected, line in enumerate(reading.stdout, 1):
            assert int(line) == expected
    assert expected == lines
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines()
                if line.startswith("VmHWM"))
    if not harness.is_sanitized(cli.binary):
        # The peak resident size, including shared libraries.
        assert peak < 16384, f"the supervisor had {peak} kB"
    cli("delete", "--force", name).check()
