# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same bundle in crun: where the specification leaves something open, the container is the
same."""

import shutil
import subprocess

import harness
import pytest

SHOW = {
    "status": 'grep -E "Cap|NoNew|Groups|Seccomp:" /proc/self/status; umask; id; env; '
              "head -3 /proc/self/limits",
    "mounts": 'cut -d " " -f 2-4 /proc/self/mounts',
    "devices": "cd /dev; for n in *; do stat -c '%n %F %a %u:%g %t,%T' $n; done",
    "propagation": 'cut -d " " -f 5-8 /proc/self/mountinfo',
    "paths": 'cat /proc/keys; ls /sys/firmware; cut -d " " -f 2 /proc/self/mounts | sort',
    "directory": "pwd; stat -c %a .",
    "network": "ip addr show lo",
    "names": "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward",
}


def _user(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5]}
    for name in ("inheritable", "ambient"):
        bundle.process["capabilities"][name] = ["CAP_CHOWN"]


def _mounts(bundle):
    bundle.mount("/data", type="tmpfs", source="x", options=["size=1m", "mode=700", "noexec"])
    bundle.bind("/usr/share", "/share", "rbind", "ro", "nosuid", "rslave")


def _devices(bundle):
    bundle.linux["devices"] = [{"type": "c", "path": "/dev/fuse", "major": 10, "minor": 229,
                                "fileMode": 0o640, "uid": 1, "gid": 2},
                               {"type": "p", "path": "/dev/fifo", "fileMode": 0o600}]


def _paths(bundle):
    bundle.linux["maskedPaths"] = ["/proc/keys", "/sys/firmware", "/nothing"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/proc/bus"]


CASES = {
    "root": ("status", lambda bundle: None),
    "user": ("status", _user),
    "mounts": ("mounts", _mounts),
    "devices": ("devices", _devices),
    "shared": ("propagation", lambda bundle: bundle.linux.update(rootfsPropagation="shared")),
    "paths": ("paths", _paths),
    "directory": ("directory", lambda bundle: bundle.process.update(cwd="/new/directory")),
    "network": ("network", lambda bundle: None),
    "names": ("names", lambda bundle: (bundle.config.update(domainname="x"),
                                       bundle.linux.update(sysctl={"net.ipv4.ip_forward": "1"}))),
}


@pytest.mark.needs("program:crun")
@pytest.mark.parametrize("name", CASES)
def test_the_container_is_the_same(bundle, name):
    show, change = CASES[name]
    change(bundle)
    own = bundle.out(SHOW[show])
    bundle.linux["cgroupsPath"] = "/" + bundle.id
    bundle.write()
    peer = subprocess.run(
        [*harness.WITH_CGROUP2, shutil.which("crun"), "--cgroup-manager=disabled", "--root",
         str(bundle.directory / "peer"), "run", "--bundle", str(bundle.directory), bundle.id],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    if "cgroup" in peer.stderr:
        pytest.skip("crun does not run on this host: " + peer.stderr.strip())
    assert own == peer.stdout.rstrip("\n"), peer.stderr
