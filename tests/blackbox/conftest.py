# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the black-box tests. The tests run as root; each has its own directories."""

import importlib.util
import os
import secrets
import shutil
import signal
from pathlib import Path

import bundles
import harness
import hoststate
import networking
import oci as oci_runtime
import pytest
import roots

# Markers for requirements of a test on its host.
if importlib.util.find_spec("needs"):
    pytest_plugins = ["needs", "users", "owners", "workers"]


# If the tests run in the background of a shell, it makes them and their children ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_report_header(config):
    """Which binary is under test."""
    return f"binary: {harness.find_binary()}"


@pytest.fixture(scope="session", autouse=True)
def reaper():
    """Makes the test run the parent of orphans; none may outlive it."""
    hoststate.become_reaper()
    hoststate.reap_what_was_in_machines()
    yield
    for pid in hoststate.live_processes():
        harness.kill_quietly(pid)


@pytest.fixture
def workspace():
    """A directory of the test that every user may enter. Its parent must not be 0700: a machine's
    root is an unprivileged user of the host. The name is hexadecimal, because podman derives an
    image's name from it, which must not end with an underscore, as tempfile's may."""
    path = Path("/var/tmp", f"mlite-test-{secrets.token_hex(6)}")
    path.mkdir()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cli(workspace, owner, request):
    """The binary with its own configuration, state, runtime and log directories."""
    if owner == "user":
        yield request.getfixturevalue("user")
        return
    runner = harness.Cli(workspace)
    yield runner
    runner.finish()


@pytest.fixture
def oci(workspace, busybox_root):
    """machine-oci with its own records; bundles have the shared busybox root, read-only."""
    runner = oci_runtime.Oci(workspace, busybox_root)
    yield runner
    runner.finish()


@pytest.fixture
def host_state(cli):
    """`with host_state.unchanged():` fails if the block leaves anything on the host."""
    return hoststate.HostState([cli.state, cli.runtime], cli.config)


@pytest.fixture
def host(cli):
    """A host with IPv4 and IPv6."""
    made = networking.Host(cli)
    yield made
    made.close()


def _root(make):
    try:
        return make()
    except roots.Unavailable as reason:
        return pytest.skip(str(reason))


@pytest.fixture(scope="session")
def busybox_root():
    """A shared busybox root directory: use it below an overlay, or take `own_root`."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return _root(roots.busybox)


@pytest.fixture(scope="session")
def debian_root():
    """A shared Debian 12 root directory with python3, ping and nginx: use it below an overlay."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return _root(roots.debian)


@pytest.fixture
def closed(workspace, trees):
    """A directory that only the owner of the machines may enter, for files that a machine writes as
    root."""
    path = workspace / "closed"
    path.mkdir(mode=0o700)
    return trees.give(path)


@pytest.fixture
def own_root(closed, busybox_root, trees):
    """A busybox root that the test may change."""
    target = closed / "root"
    target.mkdir()
    return trees.give(roots.copy(busybox_root, target))


@pytest.fixture
def bundle(closed, own_root):
    """An OCI bundle with a busybox root that the test may change."""
    made = bundles.Bundle(closed, own_root)
    yield made
    made.finish()


@pytest.fixture
def machine_file(cli, busybox_root, trees):
    """machine_file("web", command=[...], limits={...}) writes web.machine and returns its path.

    The defaults are the busybox root below a volatile layer, and the network "none".
    machine_file("web", text="...") writes the text unchanged.
    """

    def write(name=None, text=None, **keys):
        # Control groups are named after their machines, for all test runs of the host.
        name = name or f"test-{os.getpid()}"
        path = cli.config / f"{name}.machine"
        if text is None:
            if not {"rootfs", "overlay", "image"} & set(keys):
                keys = {"overlay": [busybox_root], "upper": "volatile", **keys}
            keys.setdefault("network", {"mode": "none"})
            text = harness.definition(**trees.keys(keys))
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return trees.give(path)

    return write


@pytest.fixture
def settled(cli, machine_file, host_state):
    """The state of a host on which one machine has run, with everything that a first run
    creates."""
    cli("run", machine_file("first", command=["true"])).check()
    return host_state
