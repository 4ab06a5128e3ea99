# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pods: NAME.pod, and machines with `pod`."""

import json
import os
import secrets
import signal
import time
import urllib.request

import harness
import pytest

pytestmark = pytest.mark.needs("root")

RUN = secrets.token_hex(3)
POD = f"pod-{RUN}"
STAY = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
SHARED = ("user", "net", "ipc", "uts")


def named(name):
    """The name of a machine, which no other test run has."""
    return f"{name}-{RUN}"


@pytest.fixture
def pod(cli):
    """Writes the definition of the pod."""
    def write(text='network = { mode = "none"; };', name=POD):
        path = cli.config / f"{name}.pod"
        path.write_text(text)
        return path
    yield write
    cli("stop", "--all")


@pytest.fixture
def member(machine_file):
    """Writes the definition of a member."""
    def write(name, script=STAY, **keys):
        return machine_file(named(name), command=["/bin/sh", "-c", script], pod=POD, network=None,
                            **keys)
    return write


def show(cli, name):
    """What `show` prints."""
    return json.loads(cli("show", name).check().stdout)


def namespaces(cli, name):
    """The namespaces of a machine's first process."""
    pid = show(cli, name)["pid"]
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in SHARED + ("pid", "mnt")}


def test_members_share_namespaces(cli, pod, member):
    pod('network = { mode = "none"; }; hostname = "group";')
    for name in ("one", "two"):
        member(name)
        cli("start", named(name)).check()
    holder, one, two = (namespaces(cli, name) for name in (POD, named("one"), named("two")))
    own = os.readlink("/proc/self/ns/net")
    for kind in SHARED:
        assert holder[kind] == one[kind] == two[kind] != own, kind
    assert len({each["pid"] for each in (holder, one, two)}) == 3
    for command in (["hostname"], ["cat", "/etc/hostname"]):
        assert cli("exec", named("one"), *command).check().stdout == "group\n"


def test_members_come_and_go(cli, pod, member):
    """The others do not notice, and find the same namespaces again."""
    pod()
    for name in ("one", "two"):
        member(name)
        cli("start", named(name)).check()
    before, two = namespaces(cli, POD), show(cli, named("two"))["pid"]
    cli("restart", named("one")).check()
    os.kill(show(cli, named("one"))["pid"], signal.SIGKILL)
    until = time.monotonic() + 10
    while show(cli, named("one"))["state"] not in ("failed", "stopped") and time.monotonic() < until:
        time.sleep(0.05)
    cli("start", named("one")).check()
    one = namespaces(cli, named("one"))
    assert all(one[kind] == before[kind] for kind in SHARED)
    assert show(cli, named("two"))["pid"] == two
    # All members are gone, and the pod is still there.
    cli("stop", named("one"), named("two")).check()
    assert show(cli, POD)["state"] == "running"
    cli("start", named("two")).check()
    assert namespaces(cli, named("two"))["net"] == before["net"]


@pytest.mark.needs("cgroup2", "link:veth")
def test_published_ports_reach_the_member_that_listens(cli, pod, member):
    pod('ports = [ "18231:81" ];')
    member("server", "echo works >/tmp/page; exec httpd -f -p 81 -h /tmp")
    member("client", STAY)
    cli("start", named("server"), named("client")).check()
    for _ in range(2):
        harness.wait_for(lambda: cli("exec", named("client"), "wget", "-q", "-O", "-",
                                     "http://127.0.0.1:81/page").stdout == "works\n")
        with urllib.request.urlopen("http://127.0.0.1:18231/page", timeout=10) as answer:
            assert answer.read() == b"works\n"
        cli("restart", named("server")).check()


def test_the_pod_starts_first_and_stops_last(cli, pod, member):
    pod()
    member("one")
    cli("start", named("one")).check()
    assert show(cli, POD)["state"] == "running"
    cli("start", POD).check()
    listed = {each["name"]: each["state"]
              for each in json.loads(cli("list", "--json=short").check().stdout)}
    assert listed[POD] == listed[named("one")] == "running"
    cli("status", POD).check()
    harness.wait_for(lambda: f"{named('one')} | ready" in cli("logs", POD).check().stdout,
                     what="the member's output in the log of its pod")
    cli("stop", POD).check()
    assert cli("status", named("one")).status == 3 and cli("status", POD).status == 3
    result = cli("run", member("one"))
    assert result.status == 125 and f'pod "{POD}" is not running' in result.stderr


def test_what_the_pod_shares_is_not_the_members(cli, pod, member, machine_file):
    pod()
    for keys, key in (({"ports": ["80:80"]}, "ports"), ({"hostname": "own"}, "hostname"),
                      ({"user_namespace": "none"}, "user_namespace"),
                      ({"namespaces": {"ipc": "private"}}, "namespaces.ipc")):
        result = cli("check", member("clash", **keys)).check(65)
        assert f'"{key}" is that of the pod "{POD}"' in result.stderr
        assert f"set it in {POD}.pod" in result.stderr
    path = machine_file(named("clash"), command=["true"], pod=POD, network={"mode": "host"})
    assert '"network.mode" is that of the pod' in cli("check", path).check(65).stderr
    assert "not found" in cli("check", machine_file(named("clash"), command=["true"],
                                                    pod="nowhere", network=None)).stderr


def test_the_keys_of_a_pod(cli, pod):
    for text, problem in (('command = [ "x" ];', '"command" is no key of pods'),
                          ('limits = { nice = 1; };', '"limits.nice" is no key of pods'),
                          ('network = { mode = "host"; };', "a network of its own"),
                          ("hostnam = 1;", "unknown key")):
        result = cli("check", pod(text)).check(65)
        assert problem in result.stderr and f"{POD}.pod:1" in result.stderr, result
    cli("check", pod('hostname = "x"; labels = [ "a=b" ]; autostart = true;')).check()
    keys = cli("schema", "--pod", "--keys").check().stdout.split()
    assert "hostname" in keys and "ports" in keys and "command" not in keys


def test_a_pod_and_a_machine_of_one_name(cli, pod, machine_file):
    path = machine_file(POD, command=["true"])
    assert "name" in cli("check", path, pod()).check(65).stderr


def test_the_holder_is_killed(cli, pod, member):
    """The members keep running, and the pod can be started again for them."""
    pod()
    member("one")
    cli("start", named("one")).check()
    before = namespaces(cli, POD)
    supervisor = show(cli, POD)["supervisor"]
    os.kill(supervisor if isinstance(supervisor, int) else supervisor["pid"], signal.SIGKILL)
    time.sleep(0.5)
    assert show(cli, named("one"))["state"] == "running"
    cli("start", POD).check()
    assert namespaces(cli, POD)["net"] == before["net"]
    cli("exec", named("one"), "true").check()


@pytest.mark.needs("user-namespace")
def test_a_pod_of_a_user(user, busybox_root):
    root = user.copy_root(busybox_root)
    user.own(user.config)
    (user.config / f"{POD}.pod").write_text('hostname = "group"; network = { mode = "none"; };')
    names = [named("mine"), named("other")]
    for name in names:
        user.define(name, rootfs=str(root), upper="volatile", pod=POD, network=None,
                    command=["/bin/sh", "-c", STAY])
        user("start", name).check()
    assert user("exec", names[0], "hostname").check().stdout == "group\n"
    one, two = ({kind: os.readlink(f"/proc/{show(user, name)['pid']}/ns/{kind}")
                 for kind in SHARED} for name in names)
    assert one == two
    user("restart", names[0]).check()
    assert os.readlink(f"/proc/{show(user, names[0])['pid']}/ns/ipc") == two["ipc"]
    user("stop", POD).check()
    assert user("status", names[1]).status == 3
