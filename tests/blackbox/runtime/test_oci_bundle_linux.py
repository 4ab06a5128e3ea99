# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each member of `linux` in a bundle does in the container."""

import json
import os
import socket
import struct
import subprocess
import threading
import fcntl

import pytest

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup",
         "time": "time", "user": "user", "mount": "mnt"}


def namespace(kind, pid="self"):
    """The identity of a namespace of a process."""
    return os.readlink(f"/proc/{pid}/ns/{KINDS[kind]}")


# ---- namespaces ----

@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "cgroup", "time"])
def test_a_namespace_is_new_or_the_hosts(bundle, kind):
    if kind == "time":
        bundle.linux["namespaces"].append({"type": "time"})
    script = f"readlink /proc/self/ns/{KINDS[kind]}"
    assert bundle.out(script) != namespace(kind)
    bundle.without(kind)
    assert bundle.out(script) == namespace(kind)


@pytest.fixture
def holder():
    """A process in namespaces of its own."""
    with subprocess.Popen(["unshare", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
                           "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children, encoding="ascii") as file:
            yield int(file.read().split()[0])
        process.kill()


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts"])
def test_a_namespace_is_joined_by_its_path(bundle, holder, kind):
    for entry in bundle.linux["namespaces"]:
        if entry["type"] == kind:
            entry["path"] = f"/proc/{holder}/ns/{KINDS[kind]}"
    wanted = namespace(kind, holder)
    assert bundle.out(f"readlink /proc/self/ns/{KINDS[kind]}") == wanted


def test_a_path_of_another_kind_is_refused(bundle, holder):
    for entry in bundle.linux["namespaces"]:
        if entry["type"] == "ipc":
            entry["path"] = f"/proc/{holder}/ns/uts"
    bundle.refused("ipc")


def test_a_path_that_is_missing_is_refused(bundle):
    for entry in bundle.linux["namespaces"]:
        if entry["type"] == "ipc":
            entry["path"] = "/no/such/namespace"
    bundle.refused("/no/such/namespace")


def test_a_kind_twice_is_refused(bundle):
    bundle.linux["namespaces"].append({"type": "pid"})
    bundle.refused("linux.namespaces[6].type: the pid namespace is here for the second time")


def test_loopback_is_up_in_a_new_network(bundle):
    assert "127.0.0.1" in bundle.out("ip addr show lo")


# ---- user namespace and clocks ----

def test_maps_of_several_lines(bundle):
    bundle.with_user_namespace(root=False)
    bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1},
                                   {"containerID": 1, "hostID": 300000, "size": 10},
                                   {"containerID": 1000, "hostID": 400000, "size": 5}]
    bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1},
                                   {"containerID": 5, "hostID": 500000, "size": 10}]
    lines = [line.split() for line in
             bundle.out("cat /proc/self/uid_map; echo; cat /proc/self/gid_map").splitlines()]
    assert lines == [["0", "0", "1"], ["1", "300000", "10"], ["1000", "400000", "5"], [],
                     ["0", "0", "1"], ["5", "500000", "10"]]


def test_a_user_that_is_not_mapped_is_refused(bundle):
    bundle.with_user_namespace(count=10)
    bundle.process["user"] = {"uid": 10, "gid": 0}
    bundle.refused("process.user.uid: linux.uidMappings does not map this")


def test_offsets_of_clocks(bundle):
    bundle.linux["namespaces"].append({"type": "time"})
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 86400, "nanosecs": 5},
                                   "boottime": {"secs": 172800}}
    before = float(open("/proc/uptime", encoding="ascii").read().split()[0])
    assert bundle.out("cat /proc/self/timens_offsets").split() == [
        "monotonic", "86400", "5", "boottime", "172800", "0"]
    assert float(bundle.out("cut -d ' ' -f 1 /proc/uptime")) - before > 172000


# ---- devices ----

DEFAULT_NODES = {"null": "1,3", "zero": "1,5", "full": "1,7", "random": "1,8", "urandom": "1,9",
                 "tty": "5,0"}


@pytest.mark.parametrize("mapped", [False, True])
def test_the_usual_devices(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    lines = bundle.out("for n in null zero full random urandom tty; do "
                       "stat -c '%n %t,%T %a %u:%g' /dev/$n; done; for n in fd stdin stdout "
                       "stderr ptmx; do readlink /dev/$n; done; echo x > /dev/null; "
                       "head -c 3 /dev/zero | wc -c").splitlines()
    assert lines[:6] == [f"/dev/{name} {number} 666 0:0" for name, number in DEFAULT_NODES.items()]
    assert lines[6:] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2",
                         "pts/ptmx", "3"]


@pytest.mark.parametrize("mapped", [False, True])
def test_devices_of_the_bundle(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    bundle.linux["devices"] = [
        {"type": "c", "path": "/dev/deep/kmsg", "major": 1, "minor": 11, "fileMode": 0o640,
         "uid": 3, "gid": 4},
        {"type": "p", "path": "/somewhere/fifo", "fileMode": 0o622},
        {"type": "u", "path": "/dev/other", "major": 1, "minor": 3}]
    assert bundle.out("stat -c '%F %t,%T %a %u:%g' /dev/deep/kmsg /somewhere/fifo /dev/other"
                      ).splitlines() == ["character special file 1,b 640 3:4",
                                         "fifo 0,0 622 0:0",
                                         "character special file 1,3 666 0:0"]


def test_another_file_in_the_place_of_a_device(bundle):
    (bundle.root / "node").write_text("")
    bundle.linux["devices"] = [{"type": "c", "path": "/node", "major": 1, "minor": 3}]
    bundle.refused('linux.devices[0]: another file is in the place of the node "/node"')


def test_rules_decide_about_devices(bundle):
    bundle.linux["devices"] = [{"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11}]
    bundle.process["capabilities"] = {name: ["CAP_SYSLOG"] for name in ("bounding", "permitted")}
    bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    opens = "dd if=/dev/kmsg count=0 2>/dev/null && echo read; true > /dev/kmsg && echo written; true"
    assert bundle.out(opens) == ""
    bundle.linux["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"})
    assert bundle.out(opens).split() == ["read", "written"]
    bundle.linux["resources"]["devices"].append(
        {"allow": False, "type": "c", "major": 1, "access": "w"})
    assert bundle.out(opens) == "read"


# ---- network devices ----

@pytest.fixture
def interface():
    """An interface of the host with addresses."""
    name = f"oci{os.getpid() % 100000}"
    for command in (
            f"link add {name} type veth peer name {name}p", f"addr add 10.99.1.2/24 dev {name}",
                    f"addr add 2001:db8::5/64 dev {name} nodad", f"link set {name} up"):
        subprocess.run(["ip", *command.split()], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("given, name", [({}, None), ({"name": "inner0"}, "inner0"),
                                         ({"name": "inner%d"}, "inner0")])
def test_an_interface_moves_with_its_addresses(bundle, interface, given, name):
    bundle.linux["netDevices"] = {interface: given}
    text = bundle.out(f"ip addr show {name or interface}")
    assert "10.99.1.2/24" in text and "2001:db8::5/64" in text and ",UP" in text
    assert not os.path.exists(f"/proc/sys/net/ipv4/conf/{interface}")


def test_an_interface_that_is_missing(bundle):
    bundle.linux["netDevices"] = {"nosuch0": {}}
    bundle.refused('linux.netDevices["nosuch0"]: the host has no such interface')


def test_a_name_that_the_container_has(bundle, interface):
    bundle.linux["netDevices"] = {interface: {"name": "lo"}}
    bundle.refused(f'linux.netDevices["{interface}"]: the container has an interface "lo" already')


def test_an_interface_needs_a_network_namespace(bundle):
    bundle.without("network")
    bundle.linux["netDevices"] = {"lo": {}}
    bundle.refused("linux.netDevices: linux.namespaces has no network namespace")


# ---- limits ----

@pytest.mark.needs("controllers")
def test_resources_are_in_the_files_of_the_group(bundle):
    bundle.linux["namespaces"] = [entry for entry in bundle.linux["namespaces"]
                                  if entry["type"] != "cgroup"] + [{"type": "cgroup"}]
    bundle.mount("/sys/fs/cgroup", type="cgroup", source="cgroup", options=["ro"])
    bundle.linux["resources"] = {
        "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 96 << 20},
        "cpu": {"shares": 2048, "quota": 50000, "period": 100000, "burst": 10000, "cpus": "0"},
        "pids": {"limit": 50}, "unified": {"memory.high": str(48 << 20)}}
    files = {"memory.max": str(64 << 20), "memory.low": str(32 << 20),
             "memory.swap.max": str(32 << 20), "memory.high": str(48 << 20), "cpu.weight": "174",
             "cpu.max": "50000 100000", "cpu.max.burst": "10000", "cpuset.cpus": "0",
             "pids.max": "50"}
    lines = bundle.out("cd /sys/fs/cgroup; cat " + " ".join(files)).splitlines()
    assert dict(zip(files, lines)) == files


@pytest.mark.needs("controllers")
def test_a_file_that_the_group_lacks(bundle):
    bundle.linux["resources"] = {"unified": {"memory.nosuch": "1"}}
    bundle.refused("linux.resources.unified", "memory.nosuch")


def controllers():
    """The controllers that the host has in cgroup v2."""
    for directory in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        path = directory + "/cgroup.controllers"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                return file.read().split()
    return []


@pytest.mark.skipif("hugetlb" not in controllers() or
                    not os.path.exists("/sys/kernel/mm/hugepages/hugepages-2048kB"),
                    reason="needs the controller hugetlb and pages of 2M")
def test_huge_pages_and_a_file_by_its_name(bundle):
    bundle.mount("/sys/fs/cgroup", type="cgroup", source="cgroup", options=["ro"])
    bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}],
                                 "unified": {"hugetlb.1GB.max": str(1 << 30)}}
    assert bundle.out("cd /sys/fs/cgroup; cat hugetlb.2MB.max hugetlb.2MB.rsvd.max "
                      "hugetlb.1GB.max").split() == [str(4 << 20), str(4 << 20), str(1 << 30)]
    bundle.linux["resources"] = {"unified": {"hugetlb.2MB.max": "what"}}
    bundle.refused("linux.resources.unified", 'writing "what"')
    bundle.linux["resources"] = {"unified": {"hugetlb.nosuch": "1"}}
    bundle.refused("linux.resources.unified", "hugetlb.nosuch")
    bundle.linux["resources"] = {"hugepageLimits": [{"pageSize": "3MB", "limit": 0}]}
    bundle.refused("linux.resources.hugepageLimits: this host has no huge pages of the size")


def test_a_controller_that_the_host_lacks_is_named(bundle):
    if "pids" in controllers():
        pytest.skip("the host has it")
    bundle.linux["resources"] = {"pids": {"limit": 50}}
    bundle.refused('linux.resources.pids.limit needs the controller "pids"')


# ---- system calls ----

def profile(*rules, default="SCMP_ACT_ALLOW", **more):
    """A profile of system calls."""
    return {"defaultAction": default, "syscalls": list(rules), **more}


@pytest.mark.parametrize("action, text", [
    ({"action": "SCMP_ACT_ERRNO"}, "Operation not permitted"),
    ({"action": "SCMP_ACT_ERRNO", "errnoRet": 28}, "No space left on device"),
    ({"action": "SCMP_ACT_TRACE"}, "Function not implemented"),
])
def test_actions_with_an_errno(bundle, action, text):
    bundle.linux["seccomp"] = profile({"names": ["mkdir", "mkdirat"], **action})
    assert text in bundle.run(script="mkdir /tmp/x", status=1).stderr


@pytest.mark.parametrize("action, status", [
    ("SCMP_ACT_KILL", 128 + 31), ("SCMP_ACT_KILL_THREAD", 128 + 31),
    ("SCMP_ACT_KILL_PROCESS", 128 + 31), ("SCMP_ACT_TRAP", 128 + 31), ("SCMP_ACT_LOG", 0)])
def test_other_actions(bundle, action, status):
    bundle.linux["seccomp"] = profile({"names": ["mkdir", "mkdirat"], "action": action})
    bundle.run("/bin/mkdir", "/tmp/x", status=status)


def test_conditions_of_arguments(bundle):
    bundle.linux["seccomp"] = profile(
        {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 16,
         "args": [{"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_NE"}]})
    bundle.run("/bin/true")


@pytest.mark.parametrize("wrong, text", [
    ({"defaultAction": "SCMP_ACT_NO"}, 'unknown action "SCMP_ACT_NO"'),
    ({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}, "returns no errno"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]},
     '"SCMP_ARCH_Z80" is not an architecture'),
    ({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["FAST"]}, 'unknown flag "FAST"'),
    ({"defaultAction": "SCMP_ACT_NOTIFY"}, "SCMP_ACT_NOTIFY needs an agent"),
    ({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]},
     "only with SCMP_ACT_NOTIFY"),
])
def test_a_wrong_profile_is_refused(bundle, wrong, text):
    bundle.linux["seccomp"] = wrong
    bundle.refused("linux.seccomp", text)


def test_flags_are_the_kernels(bundle):
    bundle.linux["seccomp"] = profile(flags=["SECCOMP_FILTER_FLAG_TSYNC",
                                             "SECCOMP_FILTER_FLAG_LOG",
                                             "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
    assert "Seccomp:\t2" in bundle.out("cat /proc/self/status")


def answer_once(listener, seen):
    """An agent that answers one call with ENOSPC."""
    connection, _ = listener.accept()
    with connection:
        data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 4)
    seen["state"], seen["count"] = json.loads(data), len(descriptors)
    request = bytearray(80)
    fcntl.ioctl(descriptors[0], 0xC0502100, request)
    number, = struct.unpack_from("Q", request)
    fcntl.ioctl(descriptors[0], 0xC0182101, bytearray(struct.pack("QqiI", number, 0, -28, 0)))
    os.close(descriptors[0])


def test_an_agent_answers(bundle):
    path = bundle.directory / "agent.sock"
    seen = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        thread = threading.Thread(target=answer_once, args=(listener, seen), daemon=True)
        thread.start()
        bundle.config["annotations"] = {"a": "b"}
        bundle.linux["seccomp"] = profile(
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"},
            listenerPath=str(path), listenerMetadata="some data")
        assert "No space left" in bundle.run(script="mkdir /tmp/x", status=1).stderr
        thread.join(10)
    state = seen["state"]
    assert seen["count"] == 1 and state["fds"] == ["seccompFd"]
    assert state["metadata"] == "some data" and state["state"]["id"] == bundle.id
    assert state["state"]["status"] == "creating" and state["state"]["annotations"] == {"a": "b"}
    assert state["pid"] == state["state"]["pid"] > 1


def test_an_agent_that_is_not_there(bundle):
    bundle.linux["seccomp"] = profile({"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"},
                                      listenerPath="/no/such/agent")
    bundle.refused('linux.seccomp.listenerPath: cannot connect to the agent at "/no/such/agent"')


def test_an_agent_that_no_action_needs_is_not_asked(bundle):
    bundle.linux["seccomp"] = profile(listenerPath="/no/such/agent")
    bundle.run("/bin/true")


# ---- kernel parameters, paths ----

def test_sysctls(bundle):
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmax": "12345678",
                              "kernel.domainname": "by.sysctl"}
    assert bundle.out("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax "
                      "/proc/sys/kernel/domainname").split() == ["1", "12345678", "by.sysctl"]


@pytest.mark.parametrize("name, kind", [("net.ipv4.ip_forward", "network"),
                                        ("kernel.shmmax", "ipc"), ("kernel.domainname", "uts")])
def test_sysctls_of_the_host_are_refused(bundle, name, kind):
    bundle.without(kind)
    bundle.linux["sysctl"] = {name: "1"}
    bundle.refused(f'sysctl "{name}" would change the host')


@pytest.mark.parametrize("name", ["kernel.panic", "vm.swappiness", "net.a+b", "net.a/../../b"])
def test_other_sysctls_are_refused(bundle, name):
    bundle.linux["sysctl"] = {name: "1"}
    bundle.refused("sysctl")


def test_a_joined_namespace_that_is_the_hosts_does_not_help(bundle):
    for entry in bundle.linux["namespaces"]:
        if entry["type"] == "network":
            entry["path"] = "/proc/self/ns/net"
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.refused('sysctl "net.ipv4.ip_forward" would change the host')


@pytest.mark.parametrize("mapped", [False, True])
def test_masked_and_read_only_paths(bundle, mapped):
    if mapped:
        bundle.with_user_namespace()
    (bundle.root / "secret").mkdir()
    (bundle.root / "secret/file").write_text("secret\n")
    (bundle.root / "plain").write_text("plain\n")
    (bundle.root / "fixed").mkdir()
    bundle.linux["maskedPaths"] = ["/proc/keys", "/secret", "/plain", "/no/such/path"]
    bundle.linux["readonlyPaths"] = ["/proc/sys", "/fixed", "/no/such/path"]
    text = bundle.out("cat /proc/keys /plain; ls /secret; echo x > /proc/sys/kernel/hostname; "
                      "touch /fixed/x; touch /allowed && echo allowed", stdin=None)
    assert text == "allowed"


@pytest.mark.parametrize("mapped", [False, True])
def test_masked_files_are_null_devices(bundle, mapped):
    """Podman's and others' tests know them by that."""
    if mapped:
        bundle.with_user_namespace()
    (bundle.root / "plain").write_text("plain\n")
    bundle.linux["maskedPaths"] = ["/proc/keys", "/plain"]
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    text = bundle.out("stat -c '%F %t:%T' /proc/keys /plain; "
                      "cat /proc/keys /plain && echo x > /plain && echo written")
    assert text == "character special file 1:3\ncharacter special file 1:3\nwritten"


@pytest.mark.parametrize("member", ["maskedPaths", "readonlyPaths"])
def test_paths_must_be_absolute(bundle, member):
    bundle.linux[member] = ["proc/kcore"]
    bundle.refused(f'linux.{member}: "proc/kcore" is not an absolute path')


# ---- the rest ----

@pytest.mark.skipif(os.uname().machine != "x86_64", reason="LINUX32 is i686 there")
def test_personality(bundle):
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert bundle.out("uname -m") == "i686"
    bundle.linux["personality"] = {"domain": "LINUX"}
    assert bundle.out("uname -m") == "x86_64"


def test_memory_policy(bundle):
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0",
                                    "flags": ["MPOL_F_STATIC_NODES"]}
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("the kernel has no NUMA")
    assert "bind=static:0" in bundle.out("cat /proc/self/numa_maps")


def test_a_memory_policy_that_the_kernel_refuses(bundle):
    bundle.linux["memoryPolicy"] = {"mode": "MPOL_BIND"}
    bundle.refused("the kernel refuses the memory policy")


def test_labels_need_their_module(bundle):
    if os.path.exists("/sys/fs/selinux/context"):
        pytest.skip("the host has SELinux")
    bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    bundle.refused("SELinux")
    del bundle.process["selinuxLabel"]
    bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0"
    bundle.refused("linux.mountLabel")


def test_what_is_not_supported_is_refused_by_its_path(bundle):
    bundle.linux["intelRdt"] = {"closID": "x"}
    bundle.refused("linux.intelRdt: ", "not supported")


def test_a_second_container_in_the_namespaces_of_the_first(bundle):
    """As in a pod with a user namespace: mounts, nodes and streams are those of the joined ids."""
    bundle.with_user_namespace()
    pid = bundle.start("/bin/sleep", "100")
    bundle.id += "-second"
    del bundle.linux["uidMappings"], bundle.linux["gidMappings"]
    for entry in bundle.linux["namespaces"]:
        if entry["type"] not in ("mount", "cgroup"):
            entry["path"] = f"/proc/{pid}/ns/{KINDS[entry['type']]}"
    bundle.linux["devices"] = [{"type": "c", "path": "/dev/other", "major": 1, "minor": 3,
                                "uid": 5, "gid": 6}]
    text = bundle.out("id -u; readlink /proc/self/ns/user; stat -c %u:%g /dev/other /dev/null "
                      "/dev/shm; test -d /proc/1 && echo shared; echo x > /dev/stdout; "
                      "echo x > /dev/other && hostname").split()
    assert text == ["0", namespace("user", pid), "5:6", "0:0", "0:0", "shared", "x", "bundle"]
