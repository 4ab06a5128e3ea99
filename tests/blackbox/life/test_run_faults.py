# SPDX-License-Identifier: LGPL-2.1-or-later
"""A start that fails, or is killed, at each of its steps in turn leaves the host as it was."""

import errno
import os
import signal

import faults
import disks
import harness
import hoststate
import pytest

pytestmark = pytest.mark.slow


def image_of(closed, busybox_root):
    """An image with partitions that are read, and one that is written to."""
    maker = disks.Maker(closed, busybox_root)
    return maker.table("faulty.raw", [
        ("root", maker.file_system("squashfs", {"mnt/usr/empty": "", "mnt/kept/empty": ""})),
        ("home", maker.file_system("ext4", whole=False, name="home"))])


@pytest.fixture(params=["directory", "image"])
def faulty(cli, machine_file, closed, busybox_root, request):
    """The binary with faults to inject, and a machine that uses every step there is."""
    root = {"rootfs": image_of(closed, busybox_root)} if request.param == "image" else {}
    path = machine_file(f"faulty-{os.getpid()}", command=["true"], hostname="faulty", **root,
                        mounts=[{"source": "/usr", "target": "/mnt/usr", "read_only": True},
                                {"type": "volume", "source": "faulty", "target": "/mnt/kept"}],
                        credentials=[{"name": "word", "value": "secret"}],
                        sysctl=["net.ipv4.ip_default_ttl=100"],
                        environment=["A=1"], limits={"open_files": "100:100"})
    for binary in faults.candidates():
        cli.binary = binary
        if cli("run", path, env={"MACHINECTL_LITE_FAULT": "state:5"}).status == 125:
            return path
    return pytest.skip("needs a build with -Dfault_injection=true")


def test_error_at_each_step(cli, faulty, host_state):
    """Each error names its step, and everything is undone immediately."""
    wrong = []
    for name, _ in faults.steps(cli, faulty):
        try:
            with host_state.unchanged():
                result = cli("run", faulty,
                             env={"MACHINECTL_LITE_FAULT": f"{name}:{errno.ENOSPC}"}).check(125)
            assert "injected fault: No space left on device" in result.stderr, result
            assert f"step: {name}" in result.stderr, result
        except AssertionError as error:
            wrong.append(f"==== {name}\n{error}")
    assert not wrong, "\n".join(wrong)


def descendants(pid):
    """The processes that a command started, without itself."""
    return [each for each in hoststate.live_processes(pid) if each != pid]


def kill_in_step(cli, path, name, victim):
    """Starts, waits until the start hangs in the step, and kills the supervisor or its child."""
    running = cli.start("run", "--debug", path, env={"MACHINECTL_LITE_FAULT": f"{name}:hang"})

    target = harness.wait_for(
        lambda: hoststate.hanging([running.pid] + descendants(running.pid)), 20,
        f"the start to hang in {name}")
    assert victim == "supervisor" or target != running.pid, f"no child in step {name}"
    os.kill(running.pid if victim == "supervisor" else target, signal.SIGKILL)
    return running.wait(timeout=20)


def test_supervisor_killed_at_each_step(cli, faulty, host_state):
    """No process, mount, namespace or link is left; cgroup and files go with the next start."""
    wrong = []
    for name, _ in faults.steps(cli, faulty):
        try:
            with host_state.unchanged():
                with host_state.unchanged(ignore=("cgroups", "files")):
                    result = kill_in_step(cli, faulty, name, "supervisor")
                    assert result.status == -signal.SIGKILL, result
                cli("run", faulty).check()
        except AssertionError as error:
            wrong.append(f"==== {name}\n{error}")
    assert not wrong, "\n".join(wrong)


def test_child_killed_at_each_step(cli, faulty, host_state):
    """The death of the child is reported as a failure of this program, and everything is undone."""
    wrong = []
    for name, of_child in faults.steps(cli, faulty):
        if not of_child:
            continue
        try:
            with host_state.unchanged():
                result = kill_in_step(cli, faulty, name, "child")
                assert result.status == 125, result
                assert "error: " in result.stderr, result
        except AssertionError as error:
            wrong.append(f"==== {name}\n{error}")
    assert not wrong, "\n".join(wrong)
