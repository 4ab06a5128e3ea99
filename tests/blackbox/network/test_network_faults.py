# SPDX-License-Identifier: LGPL-2.1-or-later
"""A start with a network that fails, or is killed, at any step leaves nothing of it."""

import errno
import signal

import faults
import harness
import pytest

pytestmark = [pytest.mark.needs("root", "program:nft", "program:ip"), pytest.mark.slow]


@pytest.fixture
def faulty(host, machine_file):
    """The binary with fault injection, and a machine with two bridges and ports."""
    (host.cli.config / "back.network").write_text("internal = true;\n")
    path = machine_file("faulty", command=["true"], network={"mode": "bridge"},
                        networks=[{"name": "back", "aliases": ["app"]}],
                        ports=["8080:80", "53:53/udp"])
    for binary in faults.candidates():
        host.cli.binary = binary
        if host.command("run", path, env={"MACHINECTL_LITE_FAULT": "state:5"}).status == 125:
            return path
    return pytest.skip("needs a build with -Dfault_injection=true")


def parent_steps(host, path):
    """The steps of a successful start, from the network on."""
    found = [name for indent, name in
             faults.STEP.findall(host.command("--debug", "run", path).check().stderr) if not indent]
    assert "network" in found and "network-attach" in found
    return found[found.index("network"):]


def clean(host):
    """Waits until the host is clean."""
    harness.wait_for(host.is_clean, 20, "a clean host")
    assert not list((host.cli.runtime / "network" / "hosts").iterdir())


def test_error_at_each_step(host, faulty):
    """Everything is undone before the start returns, and the ports are free."""
    for name in parent_steps(host, faulty):
        host.command("run", faulty,
                     env={"MACHINECTL_LITE_FAULT": f"{name}:{errno.ENOSPC}"}).check(125)
        clean(host)


def test_killed_at_each_step(host, faulty):
    """The next start works and cleans up after both."""
    for name in parent_steps(host, faulty):
        running = host.cli.start("--debug", "run", faulty, wrapper=host.wrapper,
                                 env={"MACHINECTL_LITE_FAULT": f"{name}:kill"})
        assert running.wait().status == -signal.SIGKILL, name
        host.command("run", faulty).check()
        clean(host)
