# SPDX-License-Identifier: LGPL-2.1-or-later
"""`run` exits with the payload's status as soon as that is known; an heir cleans up after it."""

import os
import signal
import subprocess

import harness
import hoststate
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")


def heir_of(pid):
    """The heir that sleeps beside a `run`, by its pid."""
    def found():
        for child, row in hoststate.live_processes(pid).items():
            if row[0] == hoststate.HEIR:
                return child
        return None
    return harness.wait_for(found, what="the heir")


@pytest.fixture
def path(machine_file):
    """A machine that ends when its input does, with status 7."""
    return machine_file(command=["sh", "-c", "cat >/dev/null; exit 7"], network={"mode": "none"})


@pytest.fixture
def stuck(cli, path):
    """A `run` of it that has exited, and the pid of its heir, which is stopped."""
    running = cli.start("run", path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
    heir = heir_of(running.pid)
    os.kill(heir, signal.SIGSTOP)
    running.process.stdin.close()
    try:
        assert running.process.wait(10) == 7
        yield heir
    finally:
        if heir in hoststate.live_processes():
            os.kill(heir, signal.SIGKILL)


def test_nobody_waits_for_the_end_of_the_namespaces(cli, path, stuck):
    """The exit status is available before the cleanup."""
    assert (cli.runtime / "machines" / f"{path.stem}.json").exists()
    assert hoststate.cgroups({path.stem})


def test_the_next_verb_waits(cli, path, stuck):
    second = cli.start("run", path, stdin=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        second.process.wait(0.5)
    os.kill(stuck, signal.SIGCONT)
    second.wait().check(7)
    assert not list((cli.runtime / "machines").iterdir())


@pytest.mark.parametrize("way", ["run", "collect", "delete"])
def test_an_heir_that_is_killed(cli, path, host_state, stuck, way):
    """What it has not done is done by the next verb, as after any crash."""
    os.kill(stuck, signal.SIGKILL)
    harness.wait_for(lambda: stuck not in hoststate.live_processes(), what="its end")
    assert cli("status", path.stem).status == 3
    if way == "run":
        cli("run", path).check(7)
    else:
        cli(way, *([path.stem] if way == "delete" else [])).check()
    assert not list((cli.runtime / "machines").glob("*.json"))
    harness.wait_for(lambda: not hoststate.cgroups({path.stem}), what="the end of its group")


def test_a_killed_run_takes_its_heir_along(cli, path):
    """The heir of a killed process does nothing."""
    running = cli.start("run", path, stdin=subprocess.PIPE)
    heir = heir_of(running.pid)
    running.signal(signal.SIGKILL)
    running.process.wait()
    harness.wait_for(lambda: heir not in hoststate.live_processes(), what="its end")
    assert (cli.runtime / "machines" / f"{path.stem}.json").exists()
    cli("collect").check()
    assert not list((cli.runtime / "machines").glob("*.json"))


def test_at_once_after_the_end(cli, path, host_state):
    """A machine that has just ended is completely gone for every other command."""
    cli("run", path).check(7)
    with host_state.unchanged():
        for _ in range(40):
            running = cli.start("run", path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert running.process.wait(10) == 7
            assert path.stem not in cli("list").check().stdout
            assert "died" not in cli("status", path.stem).stdout


def test_the_network_goes_as_well(host, machine_file):
    """A background process of the heir removes what takes the kernel long."""
    path = machine_file(command=["true"], network={"mode": "bridge"}, ports=["18080:80"])
    for _ in range(10):
        host.command("run", path).check()
        harness.wait_for(host.is_clean, what="a clean host")
