# SPDX-License-Identifier: LGPL-2.1-or-later
"""Namespaces of bundles: new ones, the caller's, and those of others, joined by their paths."""

import os
import re

import oci as oci_runtime
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")

STAY = ["sleep", "1000"]
FILES = {"pid": "pid", "mount": "mnt", "ipc": "ipc", "uts": "uts", "network": "net",
         "cgroup": "cgroup", "time": "time"}


def names(pid):
    """{kind: its namespace} of a process."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{file}") for kind, file in FILES.items()}


def listed(*kinds, **paths):
    """Namespaces of a configuration: new ones and joined ones."""
    return [{"type": kind} for kind in kinds] + [{"type": kind, "path": path}
                                                for kind, path in paths.items()]


def test_new_and_absent(oci):
    """Those that are listed are new; the others are the caller's."""
    own = names("self")
    for kinds in (["mount"], ["mount", "pid"], ["mount", "uts", "time"],
                  ["mount", "pid", "ipc", "uts", "network", "cgroup", "time"]):
        name, _ = oci.begin(*STAY, linux_namespaces=listed(*kinds),
                            hostname="box" if "uts" in kinds else None)
        found = names(oci.state(name)["pid"])
        assert {kind for kind in FILES if found[kind] != own[kind]} == set(kinds)
        oci("delete", "--force", name).check()


@pytest.mark.parametrize("kind", ["pid", "ipc", "uts", "network", "cgroup", "time"])
def test_joined(oci, kind):
    """One by its path is that of the other container, as in a pod."""
    every = [each for each in FILES]
    other, _ = oci.begin(*STAY, linux_namespaces=listed(*every))
    pid = oci.state(other)["pid"]
    path = f"/proc/{pid}/ns/{FILES[kind]}"
    name, _ = oci.begin(*STAY, hostname=None, linux_namespaces=listed(
        *(each for each in every if each != kind), **{kind: path}))
    own, others = names(oci.state(name)["pid"]), names(pid)
    assert own[kind] == others[kind]
    assert all(own[each] != others[each] for each in every if each != kind)
    assert oci("exec", name, "true").check()


def test_joined_pid_namespace_without_processes_of_ours(oci):
    """What is visible in the other container's pid namespace is the program alone."""
    other, _ = oci.begin(*STAY)
    pid = oci.state(other)["pid"]
    oci.begin("sleep", "2000", linux_namespaces=listed(
        "mount", "ipc", "uts", "network", "cgroup", pid=f"/proc/{pid}/ns/pid"))
    shown = oci("exec", other, "ps", "-o", "args").check().stdout
    assert "sleep 2000" in shown and "machine" not in shown


def test_joined_user_namespace(oci, workspace):
    """A pod with a user namespace: the second container joins that and the others that it owns."""
    maps = {"linux_uidMappings": [{"containerID": 0, "hostID": 700000, "size": 65536}],
            "linux_gidMappings": [{"containerID": 0, "hostID": 700000, "size": 65536}]}
    every = ["pid", "mount", "ipc", "uts", "network", "cgroup", "user"]
    other, _ = oci.begin(*STAY, linux_namespaces=listed(*every), **maps)
    pid = oci.state(other)["pid"]
    assert re.search(r"^Uid:\t700000\t", open(f"/proc/{pid}/status").read(), re.MULTILINE)
    name, _ = oci.begin(*STAY, hostname=None, linux_namespaces=listed(
        "mount", "cgroup", **{kind: f"/proc/{pid}/ns/{FILES.get(kind, kind)}"
                              for kind in ("user", "ipc", "uts", "network", "pid")}))
    joined = oci.state(name)["pid"]
    assert os.readlink(f"/proc/{joined}/ns/user") == os.readlink(f"/proc/{pid}/ns/user")
    assert re.search(r"^Uid:\t700000\t", open(f"/proc/{joined}/status").read(), re.MULTILINE)
    assert oci("exec", name, "id", "-u").check().stdout == "0\n"


def test_path_that_is_none(oci, workspace):
    """A path that is no namespace, or does not exist, is named; nothing is left."""
    (workspace / "file").write_text("")
    for path in (workspace / "none", workspace / "file"):
        result = oci("create", "--bundle", oci.bundle(*STAY, hostname=None, linux_namespaces=listed(
            "mount", "pid", network=str(path))), oci.name()).check(1)
        assert str(path) in result.stderr
    assert list((oci.records / "machines").iterdir()) == []
