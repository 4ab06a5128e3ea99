# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in a running machine end with all processes they have started."""

import itertools
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import harness
import pytest
from test_exec import sleepers

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1000)


@pytest.fixture(params=["stub", "no-stub"])
def keys(request):
    """Keys of a machine with and without a PID 1 that reaps orphans."""
    return {"command": ["sleep", "600"], "init": request.param == "stub",
            "stop": {"timeout": "100ms"}}


@pytest.fixture(params=["group", "no-group"])
def machine(cli, machine_file, request, keys):
    """The name of a running machine whose programs have control groups of their own, or cannot have
    any."""
    name = f"end-{os.getpid()}"
    cli("start", machine_file(name, **keys)).check()
    if request.param == "no-group":
        Path(group_of(cli, name), "cgroup.max.descendants").write_text("0")
    yield name
    cli("delete", "--force", name).check()


def group_of(cli, name):
    """The directory of the machine's control group."""
    return json.loads(cli("show", name).check().stdout)["cgroup"]


@pytest.fixture
def seconds():
    """A number of seconds for sleep(1) that is unique on the host."""
    return os.getpid() % 100000 * 1000 + next(NUMBERS)


def crowd(seconds):
    """A program with a pipeline, a process in another session, and one in the background."""
    return ["sh", "-c", f"setsid sleep {seconds} & sleep {seconds} & sleep {seconds} | "
                        f"sleep {seconds}; true"]


def none_left(seconds):
    harness.wait_for(lambda: not sleepers(seconds), 10, "the end of the whole pipeline")


@pytest.mark.parametrize("number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, 143),
                                            (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_terminated_command_ends_all_its_processes(cli, machine, seconds, number, status):
    running = cli.start("exec", machine, *crowd(seconds))
    harness.wait_for(lambda: len(sleepers(seconds)) == 4)
    running.signal(number)
    assert running.wait().status == status
    none_left(seconds)


def test_a_signal_reaches_those_that_a_shell_waits_for(cli, machine, seconds):
    """As Ctrl-C in a terminal does: a shell that catches a signal continues when its child has
    exited."""
    running = cli.start("exec", machine, "sh", "-c",
                        f"trap 'echo caught' INT; sleep {seconds}; echo on; exit 7")
    harness.wait_for(lambda: sleepers(seconds))
    running.signal(signal.SIGINT)
    ended = running.wait(timeout=10)
    assert (ended.status, ended.stdout) == (7, "caught\non\n")


def test_the_second_interrupt_kills(cli, machine, seconds):
    running = cli.start("exec", machine, "sh", "-c",
                        f"trap '' INT; sleep {seconds} | sleep {seconds}")
    harness.wait_for(lambda: len(sleepers(seconds)) == 2)
    running.signal(signal.SIGINT)
    time.sleep(0.2)
    assert len(sleepers(seconds)) == 2
    running.signal(signal.SIGINT)
    assert running.wait(timeout=10).status == 137
    none_left(seconds)


def test_what_a_program_leaves_in_the_background_runs_on(cli, machine, seconds):
    cli("exec", machine, "sh", "-c", f"sleep {seconds} >/dev/null 2>&1 &").check()
    time.sleep(0.3)
    assert len(sleepers(seconds)) == 1
    os.kill(sleepers(seconds)[0], signal.SIGKILL)


def test_a_program_that_keeps_forking_is_killed(cli, machine_file, request):
    """The kernel kills the whole control group, so no fork escapes."""
    name = f"end-fork-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], stop={"timeout": "100ms"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    group = Path(group_of(cli, name))
    running = cli.start("exec", name, "sh", "-c",
                        "fly() { ( fly ) & exit; }; for i in 1 2 3 4 5 6; do ( fly ) & done; wait; "
                        "sleep 600")
    time.sleep(0.5)
    running.kill()
    harness.wait_for(lambda: not any(
        (place / "cgroup.procs").read_text() for place in group.glob("program.*")), 10, "the end")
    assert cli("exec", name, "true").check().seconds < 5


def test_a_timed_out_check_ends_all_its_processes(cli, machine_file, request, keys, seconds):
    name = f"end-health-{os.getpid()}"
    cli("start", machine_file(name, **keys, health={
        "command": crowd(seconds), "interval": "50ms", "timeout": "200ms"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    seen = []
    until = time.monotonic() + 2
    while time.monotonic() < until:
        seen.append(len(sleepers(seconds)))
    assert 4 in seen and max(seen) == 4


def test_a_check_leaves_nothing_in_the_background(cli, machine_file, request, keys, seconds):
    name = f"end-left-{os.getpid()}"
    cli("start", machine_file(name, **keys, health={
        "command": ["sh", "-c", f"sleep {seconds} & true"], "interval": "20ms"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    time.sleep(1)
    assert len(sleepers(seconds)) <= 1


def test_a_program_has_a_group_of_its_own_which_goes(cli, machine_file, request, seconds):
    name = f"end-group-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], stop={"timeout": "100ms"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    group = Path(group_of(cli, name))
    assert cli("exec", name, "cat", "/proc/self/cgroup").check().stdout.endswith("/program.1\n")
    assert not list(group.glob("program.*"))
    cli("exec", name, "sh", "-c", f"sleep {seconds} >/dev/null 2>&1 &").check()
    # A group that is in use, and one whose command could not remove it.
    running = cli.start("exec", name, "sleep", str(seconds + 1))
    harness.wait_for(lambda: sleepers(seconds + 1))
    assert [path.name for path in sorted(group.glob("program.*"))] == ["program.1", "program.2"]
    running.kill()
    harness.wait_for(lambda: not sleepers(seconds + 1))
    os.kill(sleepers(seconds)[0], signal.SIGKILL)
    harness.wait_for(lambda: not sleepers(seconds))

    # The kernel removes killed processes from their group a moment after they exited.
    def is_cleared_up():
        cli("exec", name, "true").check()
        return [path.name for path in group.glob("program.*")] in ([], ["program.2"])

    harness.wait_for(is_cleared_up)


# Repeatedly starts a machine and programs that enter it, and kills the machine. Unlike an init,
# this process does not reap the orphans it inherits.
ENTER_AND_KILL = """
import ctypes, subprocess, sys, time

def run(*arguments, start=subprocess.run, **options):
    return start([sys.argv[1], *arguments], stdin=subprocess.DEVNULL, **options)

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
for number in range(40):
    run("start", sys.argv[2], check=True)
    entering = [run("exec", sys.argv[2], "true", start=subprocess.Popen,
                    stderr=subprocess.DEVNULL) for _ in range(4)]
    time.sleep(number % 13 / 1000)
    run("delete", "--force", sys.argv[2], check=True, timeout=10)
    for process in entering:
        process.wait()
"""


def test_a_machine_that_is_killed_while_programs_enter_it_ends(cli, machine_file, keys):
    """The parents of its processes outside must survive: they reap these, for which the kernel waits
    at the end of the pid namespace. Each round is a race; without that one in ten hung."""
    name = f"race-{os.getpid()}"
    machine_file(name, **keys, health={"command": ["true"], "interval": "10ms"})
    result = subprocess.run(["python3", "-c", ENTER_AND_KILL, cli.binary, name],
                            env=cli.environment, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        cli("delete", "--force", name)
    assert result.returncode == 0, result.stderr
