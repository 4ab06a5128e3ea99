# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the black-box tests. The tests run as root; each has directories of its own."""

import importlib.util
import os
import secrets
import shutil
import signal
from pathlib import Path

import harness
import hoststate
import networking
import pytest
import roots

# Markers that name what a test needs from its host.
if importlib.util.find_spec("needs"):
    pytest_plugins = ["needs"]


# A shell that begins the tests in the background has them ignore these, and whatever they begin.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def pytest_report_header(config):
    """Which binary is under test."""
    return f"binary: {harness.find_binary()}"


@pytest.fixture(scope="session", autouse=True)
def reaper():
    """Orphans of what the tests start become children of the test run; none outlives it."""
    hoststate.become_reaper()
    yield
    for pid in hoststate.live_processes():
        harness.kill_quietly(pid)


@pytest.fixture
def workspace():
    """A directory of the test's own that every user may enter. Not under a 0700 parent: a machine's
    root is an unprivileged user of the host. In hexadecimal: podman makes an image's name of its
    place, in which the underscore that tempfile likes may not stand at the end."""
    path = Path("/var/tmp", f"mlite-test-{secrets.token_hex(6)}")
    path.mkdir()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cli(workspace):
    """The binary with its own configuration, state, runtime and log directories."""
    runner = harness.Cli(workspace)
    yield runner
    runner.finish()


@pytest.fixture
def host_state(cli):
    """`with host_state.unchanged():` fails where the block leaves anything on the host."""
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
    """A root directory with busybox, shared: lay an overlay over it, or take `own_root`."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return _root(roots.busybox)


@pytest.fixture(scope="session")
def debian_root():
    """A Debian 12 root directory with python3, ping and nginx, shared: lay an overlay over it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return _root(roots.debian)


@pytest.fixture
def own_root(workspace, busybox_root):
    """A busybox root that the test may change."""
    target = workspace / "root"
    target.mkdir()
    return roots.copy(busybox_root, target)


@pytest.fixture
def machine_file(cli, busybox_root):
    """machine_file("web", command=[...], limits={...}) writes web.machine and returns its path.

    The root is the busybox one under a volatile layer and the network "none" unless the keys say
    otherwise. machine_file("web", text="...") writes the text as it is.
    """

    def write(name=None, text=None, **keys):
        # Control groups are named like their machines, for all test runs of the host together.
        name = name or f"test-{os.getpid()}"
        path = cli.config / f"{name}.machine"
        if text is None:
            if not {"rootfs", "overlay", "image"} & set(keys):
                keys = {"overlay": [busybox_root], "upper": "volatile", **keys}
            keys.setdefault("network", {"mode": "none"})
            text = harness.definition(**keys)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return path

    return write
