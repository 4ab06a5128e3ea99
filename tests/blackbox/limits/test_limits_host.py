# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits that cannot be applied: on a host without the controllers, and out of range anywhere."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("root")

# A limit, its controller in cgroup v2, and the controller's name in cgroup v1.
LIMITS = {
    "memory": ("64M", "memory", "memory"),
    "memory_high": ("64M", "memory", "memory"),
    "memory_low": ("16M", "memory", "memory"),
    "swap": ("1M", "memory", "memory"),
    "cpu": ("50%", "cpu", "cpu"),
    "cpu_weight": (50, "cpu", "cpu"),
    "cpus": ("0", "cpuset", "cpuset"),
    "memory_nodes": ("0", "cpuset", "cpuset"),
    "tasks": (64, "pids", "pids"),
    "io_weight": (50, "io", "blkio"),
}


def legacy_mount(controller):
    """Where cgroup v1 has a controller, or None."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind == "cgroup" and controller in options.split(","):
            return mount.split()[4]
    return None


@pytest.mark.needs("hybrid-cgroups")
@pytest.mark.parametrize("limit", LIMITS)
def test_controller_on_cgroup_v1(cli, machine_file, settled, limit):
    """The error names the limit, the controller and the hierarchy that holds it."""
    value, controller, legacy = LIMITS[limit]
    where = legacy_mount(legacy)
    if not where:
        pytest.skip(f"{legacy} is not on cgroup v1 here")
    path = machine_file(command=["true"], limits={limit: value})
    with settled.unchanged():
        result = cli("run", path).check(125)
    assert f"limits.{limit}" in result.stderr
    assert f'"{controller}"' in result.stderr
    assert where in result.stderr
    assert "hint:" in result.stderr


@pytest.mark.needs("hybrid-cgroups")
def test_no_limit_on_a_hybrid_host(cli, machine_file, settled):
    """A machine without limits runs there; "max" is no limit."""
    with settled.unchanged():
        cli("run", machine_file(command=["true"])).check()
        cli("run", machine_file(command=["true"], limits={
            "memory": "max", "memory_high": "max", "swap": "max", "cpu": "max",
            "tasks": "max"})).check()


@pytest.mark.needs("cgroup2")
def test_no_cgroup_v2_at_all(cli, machine_file, settled):
    """The error says what to mount; there is no fallback to cgroup v1."""
    path = machine_file(command=["true"])
    without = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               'grep " - cgroup2 " /proc/self/mountinfo | cut -d" " -f5 | '
               'while read -r place; do umount "$place"; done; exec "$@"', "sh"]
    with settled.unchanged():
        result = cli("run", path, wrapper=without).check(125)
    assert "no cgroup v2 hierarchy is mounted" in result.stderr
    assert "mount -t cgroup2" in result.stderr


def host_memory():
    """This host's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


WRONG = {
    "negative": ({"memory": "-1"}, "negative"),
    "wrong suffix": ({"memory": "64Q"}, "64Q"),
    "no number": ({"memory": "lots"}, "lots"),
    "too small": ({"memory": "64K"}, "too small"),
    "above the host": ({"memory": "900T"}, "more than this host has"),
    "high above the host": ({"memory_high": "900T"}, "more than this host has"),
    "low above the host": ({"memory_low": "900T"}, "more than this host has"),
    "too large for a number": ({"memory": "99999999999999999999"}, "99999999999999999999"),
    "swap negative": ({"swap": "-1M"}, "negative"),
    "no tasks": ({"tasks": 0}, "tasks"),
    "negative tasks": ({"tasks": -5}, "tasks"),
    "too many tasks": ({"tasks": 5000000}, "too large"),
    "no cpu": ({"cpu": "0%"}, "0%"),
    "negative cpu": ({"cpu": "-50%"}, "-50%"),
    "cpu in words": ({"cpu": "half"}, "half"),
    "cpu period": ({"cpu": "50000 10"}, "period"),
    "weight 0": ({"cpu_weight": 0}, "cpu_weight"),
    "weight 10001": ({"cpu_weight": 10001}, "cpu_weight"),
    "io weight": ({"io_weight": 10001}, "io_weight"),
    "cpus beyond the host": ({"cpus": "8191"}, "no CPU 8191"),
    "cpus malformed": ({"cpus": "0-"}, "0-"),
    "cpus backwards": ({"cpus": "3-1"}, "3-1"),
    "memory nodes": ({"memory_nodes": "1000"}, "no memory node 1000"),
    "huge pages of no size": ({"hugepages": ["3M=6M"]}, "3M"),
    "huge pages the host has not": ({"hugepages": ["8M=16M"]}, "8M"),
    "huge pages not whole": ({"hugepages": ["2M=3M"]}, "2M=3M"),
    "io without a device": ({"io": ({"device": "/dev/none-such", "read_iops": 5},)},
                            "/dev/none-such"),
    "io on a character device": ({"io": ({"device": "/dev/null", "read_iops": 5},)},
                                 "not a block device"),
    "io on a number that is none": ({"io": ({"device": "4095:5", "read_iops": 5},)}, "4095:5"),
    "io of nothing": ({"io": ({"device": "/dev/null"},)}, "limits"),
}


@pytest.mark.parametrize("case", WRONG)
def test_value_out_of_range(cli, machine_file, settled, case):
    """Each invalid value is an error, before anything is created."""
    limits, part = WRONG[case]
    with settled.unchanged():
        result = cli("run", machine_file(command=["true"], limits=limits)).check(125)
    assert part in result.stderr, result
    assert next(iter(limits)) in result.stderr, result


def test_memory_of_exactly_the_host_is_no_range_error(cli, machine_file):
    """The bound itself is allowed; the only possible error is a missing controller."""
    result = cli("run", machine_file(command=["true"], limits={"memory": f"{host_memory()}"}))
    assert "more than this host has" not in result.stderr, result
