# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user's start that fails, or is killed, at each of its steps in turn leaves nothing, at the
latest after the next start."""

import errno
import os
import signal

import faults
import harness
import hoststate
import pytest
import users
from user_hosts import UserHost

pytestmark = [pytest.mark.slow,
              pytest.mark.needs("root", "program:nft", "program:ip", "program:pasta")]

PORT = 8080


@pytest.fixture
def host(user):
    made = UserHost(user)
    yield made
    made.close()


@pytest.fixture
def faulty(host, user, busybox_root, monkeypatch):
    """A machine of the user with a network, a port, mounts and credentials, and the binary with
    faults to inject."""
    (user.home / "shared").mkdir()
    user.own(user.home / "shared")
    path = user.define("faulty", rootfs=user.copy_root(busybox_root), command=["true"],
                       network={"mode": "bridge"}, ports=[f"{PORT}:80"], hostname="faulty",
                       mounts=[{"source": str(user.home / "shared"), "target": "/mnt/shared"}],
                       credentials=[{"name": "word", "value": "secret"}],
                       sysctl=["net.ipv4.ip_default_ttl=100"], environment=["A=1"])
    for binary in faults.candidates():
        monkeypatch.setattr(users.harness, "find_binary", lambda binary=binary: binary)
        user.binary = users.public_binary()
        if user("run", path, env=fault("state", errno.EIO)).status == 125:
            return path
    return pytest.skip("needs a build with -Dfault_injection=true")


def fault(step, what):
    return {"MACHINECTL_LITE_FAULT": f"{step}:{what}"}


def left(host, user):
    """Processes of the user, also without an address space of his; files; sockets on the port."""
    paths = [str(path.relative_to(base)) for base in (user.home, user.session)
             for path in base.rglob("*") if "root" not in path.parts]
    listening = host.sh(f"ss -Hlnt sport = {PORT}")
    return {"processes": user.processes() + host.programs(), "files": sorted(paths),
            "sockets": listening}


def settled(host, user, expected):
    """Whether it is as expected, soon: a program that was killed may still be ending."""
    def same():
        found = left(host, user)
        return found == expected or None
    try:
        harness.wait_for(same, 10, "what is left to go")
    except AssertionError as error:
        found = left(host, user)
        changed = {key: found[key] for key in found if found[key] != expected[key]}
        raise AssertionError(f"left: {changed}") from error


def each_step(host, user, path, attempt):
    """Runs attempt(step, whether it is the child's) for each step of a start, and compares what is
    left after it with what a complete run leaves."""
    found = faults.steps(user, path)
    expected = left(host, user)
    harness.wait_for(lambda: expected.update(left(host, user)) or not expected["processes"], 10,
                     "the end of the first run")
    wrong = []
    for name, of_child in found:
        try:
            attempt(name, of_child)
            settled(host, user, expected)
        except AssertionError as error:
            wrong.append(f"==== {name}\n{error}")
    assert not wrong, "\n".join(wrong)


def test_error_at_each_step(host, user, faulty):
    """Named, and undone at once."""
    def fail(name, _):
        result = user("run", faulty, env=fault(name, errno.ENOSPC)).check(125)
        assert "injected fault: No space left on device" in result.stderr, result
        assert f"step: {name}" in result.stderr, result

    each_step(host, user, faulty, fail)


def _kill(user, path, name, victim):
    running = user.start("run", "--debug", path, env=fault(name, "hang"))
    target = harness.wait_for(lambda: hoststate.hanging(user.processes()), 20,
                              f"the start to hang in {name}")
    os.kill(running.pid if victim == "supervisor" else target, signal.SIGKILL)
    return running.wait(timeout=20)


def test_supervisor_killed_at_each_step(host, user, faulty):
    """What is left goes with the next start."""
    def kill(name, _):
        result = _kill(user, faulty, name, "supervisor")
        assert result.status == -signal.SIGKILL, result
        user("run", faulty).check()

    each_step(host, user, faulty, kill)


def test_child_killed_at_each_step(host, user, faulty):
    """A failure of this program; undone at once."""
    def kill(name, of_child):
        if of_child:
            result = _kill(user, faulty, name, "child")
            assert result.status == 125 and "error: " in result.stderr, result

    each_step(host, user, faulty, kill)
