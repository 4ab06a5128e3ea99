# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host is as other tests expect: with systemd and all controllers."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

MIB = 1 << 20


@contextlib.contextmanager
def temporary_cgroup(name):
    """A cgroup below the root of the hierarchy, where the controllers are enabled for it."""
    root = Path("/sys/fs/cgroup")
    enabled = (root / "cgroup.subtree_control").read_text().split()
    if "memory" not in enabled:
        (root / "cgroup.subtree_control").write_text("+memory")
    group = root / name
    group.mkdir()
    try:
        yield group
    finally:
        (group / "cgroup.kill").write_text("1")
        group.rmdir()


@pytest.mark.needs("root", "controller:memory", "systemd")
def test_allocation_past_memory_max_is_killed():
    """The kernel's own limit works here, so that a test of ours fails by our fault alone."""
    allocate = f"held = bytearray({256 * MIB})"
    with temporary_cgroup(f"memory-test-{os.getpid()}") as group:
        (group / "memory.max").write_text(str(32 * MIB))
        if (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")

        def enter():
            (group / "cgroup.procs").write_text("0")

        status = subprocess.run(["/usr/bin/python3", "-c", allocate], preexec_fn=enter, check=False)
        events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    assert status.returncode == -signal.SIGKILL
    assert events["oom_kill"] == "1"


@pytest.mark.needs("virtual-host", "systemd")
def test_host_is_up():
    """No unit has failed, and all controllers can be delegated."""
    state = subprocess.run(["systemctl", "is-system-running"], capture_output=True, text=True,
                           check=False)
    failed = subprocess.run(["systemctl", "--failed", "--no-legend"], capture_output=True,
                            text=True, check=True)
    assert (state.stdout.strip(), failed.stdout) == ("running", "")
    controllers = Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
    assert {"cpu", "cpuset", "hugetlb", "io", "memory", "pids"} <= set(controllers)


@pytest.mark.needs("virtual-host")
@pytest.mark.parametrize("module", ["bridge", "ipvlan", "macvlan", "nf_tables", "overlay", "sctp",
                                    "veth"])
def test_kernel_has_what_machines_use(module):
    """Debian's cloud kernel has the drivers, and they load."""
    subprocess.run(["modprobe", module], check=True)


@pytest.mark.needs("virtual-host")
def test_debian_root_can_boot(debian_root):
    """The second Debian root has an init, and starts none of its services automatically."""
    assert (debian_root / "usr/lib/systemd/systemd").exists()
    wanted = [link.name for link in (debian_root / "etc/systemd/system").glob("*.wants/*")]
    assert not {"nginx.service", "postgresql.service", "redis-server.service"} & set(wanted)
    for program in ("nginx", "redis-server", "iperf3", "curl", "python3"):
        found = [debian_root / "usr" / place / program for place in ("bin", "sbin")]
        assert any(path.exists() for path in found), program
