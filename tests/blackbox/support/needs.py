# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requirements of a test on its host:
`@pytest.mark.needs("root", "controller:memory", "kernel:6.5")`.

The same tests run on a developer's machine, in a container and in the virtual hosts of tests/vm. If
a requirement is not met, the test is skipped with the first one as the reason, and a summary at the
end counts them. An unknown requirement is an error.

    root               effective uid 0
    cgroup2            a cgroup v2 hierarchy is mounted, with or without controllers
    controllers        all controllers that `limits` uses are on cgroup v2
    controller:NAME    this controller is on cgroup v2
    hybrid-cgroups     at least one controller is on cgroup v1
    systemd            the host's PID 1 is systemd
    user-namespace     the test's user can create user namespaces
    kernel:MAJOR.MINOR this version or a newer one
    program:NAME       a program in PATH
    module:NAME        a module of Python
    suite:NAME         another project's tests, which tests/suites/fetch fetches
    device-mapper      the kernel's device mapper with dm-verity
    loop               loop devices
    filesystem:NAME    a file system that the kernel has or can load
    protocol:NAME      an internet protocol, such as sctp, that the kernel has or can load
    link:KIND          a kind of stacked link, such as ipvlan, that the kernel has or can load
    bridge-filter      the packet filter can be applied to bridged packets
    security-module:M  a security module that is enabled, such as apparmor
    native-speed       the processor is not emulated, so that measured times are meaningful
    virtual-host       a host for tests only, which a test may change at will
    reboot             a virtual host that can be rebooted, see reboot.py
"""

import collections
import functools
import importlib.util
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

pytest_plugins = ["reboot"]

# Where tests/suites/fetch puts what it fetches, here and in a virtual host.
SUITES = Path(os.environ.get("MACHINECTL_LITE_TEST_CACHE", "/var/cache/machinectl-lite-tests"),
              "suites")

CONTROLLERS = ("cpu", "cpuset", "hugetlb", "io", "memory", "pids")


def _mounts(kind):
    """Mount points of a file system type, from the fields of /proc/self/mounts (fstab(5))."""
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [row[1] for row in rows if row[2] == kind]


def _root():
    return None if os.geteuid() == 0 else "the tests run as an ordinary user"


def _cgroup2():
    return None if _mounts("cgroup2") else "no cgroup v2 hierarchy is mounted"


def _controller(name):
    for place in _mounts("cgroup2"):
        if name in Path(place, "cgroup.controllers").read_text().split():
            return None
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if name in line.split(":")[1].split(","):
            return f"{name} is on cgroup v1"
    return f"the kernel or a parent cgroup does not offer {name}"


def _controllers():
    return next((reason for reason in map(_controller, CONTROLLERS) if reason), None)


def _hybrid_cgroups():
    return None if _mounts("cgroup") else "no controller is on cgroup v1"


def _systemd():
    # sd_booted(3)
    return None if Path("/run/systemd/system").is_dir() else "PID 1 of the host is not systemd"


def _user_namespace():
    attempt = subprocess.run(["unshare", "--user", "--map-root-user", "true"],
                             capture_output=True, text=True, check=False)
    return None if attempt.returncode == 0 else attempt.stderr.strip()


def _kernel(wanted):
    running = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if tuple(map(int, running.groups())) >= tuple(map(int, wanted.split("."))):
        return None
    return f"the kernel is {os.uname().release}"


def _program(name):
    return None if shutil.which(name) else f"{name} is not installed"


def _module(name):
    return None if importlib.util.find_spec(name) else f"Python has no module {name}"


def _load(module):
    """Loads a kernel module, if there are any."""
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--quiet", module], capture_output=True, check=False)


def _suite(name):
    return None if (SUITES / name).is_dir() else f"`tests/suites/fetch {name}` fetches it"


def _device_mapper():
    _load("dm-verity")
    known = "device-mapper" in Path("/proc/misc").read_text(encoding="ascii")
    return None if known else "the kernel has no device mapper"


def _loop():
    _load("loop")
    return None if Path("/dev/loop-control").exists() else "the kernel has no loop devices"


def _filesystem(name):
    def known():
        lines = Path("/proc/filesystems").read_text().splitlines()
        return name in (line.split()[-1] for line in lines)

    if not known():
        _load(f"fs-{name}")
    return None if known() else f"the kernel has no {name}"


def _protocol(name):
    try:
        # The kernel loads the module on demand.
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.getprotobyname(name)).close()
    except OSError as error:
        return f"the kernel has no {name}: {error.strerror}"
    return None


def _link(kind):
    script = ("ip link add one type veth peer name two && "
              f"ip link add three link one type {kind}")
    attempt = subprocess.run(["unshare", "--net", "sh", "-c", script],
                             capture_output=True, text=True, check=False)
    return None if attempt.returncode == 0 else f"the kernel has no {kind}"


def _bridge_filter():
    _load("br_netfilter")
    if Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists():
        return None
    return "the kernel has no br_netfilter"


def _security_module(name):
    # securityfs lists the enabled ones (Documentation/admin-guide/LSM).
    path = Path("/sys/kernel/security/lsm")
    running = path.read_text().split(",") if path.exists() else []
    return None if name in running else f"the kernel runs without {name}"


def _native_speed():
    try:
        # systemd-detect-virt(1): "qemu" is QEMU without KVM.
        found = subprocess.run(["systemd-detect-virt", "--vm"], capture_output=True, text=True,
                               check=False)
    except FileNotFoundError:
        return None
    return "the processor is emulated" if found.stdout.strip() == "qemu" else None


def _virtual_host():
    if "MACHINECTL_LITE_TESTS_VM" in os.environ:
        return None
    return "not a host for tests only; tests/vm/run makes one"


KINDS = {
    "root": _root,
    "cgroup2": _cgroup2,
    "controllers": _controllers,
    "controller": _controller,
    "hybrid-cgroups": _hybrid_cgroups,
    "device-mapper": _device_mapper,
    "loop": _loop,
    "systemd": _systemd,
    "user-namespace": _user_namespace,
    "kernel": _kernel,
    "program": _program,
    "module": _module,
    "suite": _suite,
    "filesystem": _filesystem,
    "protocol": _protocol,
    "link": _link,
    "bridge-filter": _bridge_filter,
    "security-module": _security_module,
    "native-speed": _native_speed,
    "virtual-host": _virtual_host,
    "reboot": _virtual_host,
}
WITH_ARGUMENT = ("controller", "kernel", "program", "module", "suite", "filesystem", "protocol",
                 "link", "security-module")


@functools.cache
def missing(need):
    """The reason why the host does not meet a requirement, or None if it does."""
    kind, _, argument = need.partition(":")
    return KINDS[kind](argument) if argument else KINDS[kind]()


def _needs(item):
    return [need for mark in item.iter_markers("needs") for need in mark.args]


def _is_known(need):
    kind, colon, argument = need.partition(":")
    return kind in KINDS and bool(colon and argument) == (kind in WITH_ARGUMENT)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "needs(need, ..): skipped where the host lacks one; see needs.py")


def pytest_collection_modifyitems(items):
    for item in items:
        for need in _needs(item):
            if not _is_known(need):
                raise pytest.UsageError(
                    f"{item.nodeid} needs {need!r}, which tests/blackbox/support/needs.py does not know")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for need in _needs(item):
        reason = missing(need)
        if reason:
            pytest.skip(f"needs {need}: {reason}")


def pytest_terminal_summary(terminalreporter):
    # From the reports, which arrive from all workers.
    found = [re.match(r"Skipped: needs (\S+): (.*)", report.longrepr[2])
             for report in terminalreporter.stats.get("skipped", ())]
    unmet = collections.Counter(match.groups() for match in found if match)
    if unmet:
        terminalreporter.section("needs that this host does not meet")
    for (need, reason), count in unmet.most_common():
        terminalreporter.line(f"{count:5} tests need {need}: {reason}")
