# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks under concurrency: leftovers of an earlier run, background work that ends late, and
multicast that a router on the host forwards."""

import json
import os
import signal
import struct
import time
from pathlib import Path

import pytest

import harness
import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

UP = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def start(host, machine_file):
    """start("web", ports=[..], wrapper=[..]) starts a machine on a bridge; a Machine."""

    def run(name, wrapper=(), **keys):
        return host.start(machine_file(name, network={"mode": "bridge"}, **{"command": UP, **keys}),
                          wrapper)

    return run


def clean(host):
    """Waits until the host is clean: links are removed in the background."""
    harness.wait_for(host.is_clean, 30, "a clean host")


def owner(pid):
    """How the table of leases has a process as an owner: struct process_identity."""
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return struct.pack("=ixxxxQ", pid, int(status[19]))


# ---- background work that ends late ----


# Each process takes its first lock late: background work begins with one.
LATE = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock",
        "-e", "inject=flock:delay_enter=3000000:when=1"]


@pytest.mark.needs("program:strace")
@pytest.mark.parametrize("crash", [False, True], ids=["alone", "beside-a-crash"])
def test_late_background(host, start, cli, crash):
    """The background part of a stop does not affect the machine's next start, even if that comes
    first and the rules have become stale again for another reason."""
    other = start("other", ports=["9090:80"]) if crash else None
    machine = start("web", wrapper=LATE, ports=["8080:80"])
    address = machine.address
    os.kill(machine.pid, signal.SIGKILL)
    record = cli.runtime / "machines" / "web.json"
    harness.wait_for(lambda: not record.exists(), 30, "the end of the first run")
    again = start("web", ports=["8080:80"])
    assert again.address == address
    again.serve("web", 80)
    if other:
        other.running.kill()
    machine.running.wait()
    assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
    assert "9090" not in host.table()
    again.stop()
    clean(host)


def test_lease_of_another_owner(host, start, cli):
    """A supervisor that exits only releases its own lease."""
    machine = start("web")
    file = cli.runtime / "network" / "leases"
    supervisor = json.loads((cli.runtime / "machines" / "web.json").read_text())["supervisor"]
    with open(file, "r+b") as table:
        text = table.read()
        old = owner(supervisor["pid"])
        assert text.count(old) > 0
        table.seek(0)
        table.write(text.replace(old, owner(os.getpid())))
    machine.stop()
    assert machine.lease()["pid"] == os.getpid()


# ---- leftovers of an earlier run ----


@pytest.mark.parametrize("how", ["again", "by-itself"])
def test_old_link_at_a_restart(host, machine_file, cli, how):
    """A link persists while a process holds its namespace. The next run has a link of its own, and
    the old one is removed."""
    path = machine_file("web", command=UP, network={"mode": "bridge"}, stop={"timeout": "100ms"},
                        restart={"policy": "always", "delay": "0ms"})
    host.command("start", path).check()

    def init():
        return json.loads(host.command("show", "web").check().stdout)["init"]["pid"]

    try:
        for _ in range(3):
            first = init()
            namespace = os.open(f"/proc/{first}/ns/net", os.O_RDONLY)
            before = host.own_links()
            if how == "again":
                host.command("restart", "web").check()
            else:
                os.kill(first, signal.SIGKILL)
            machine = networking.Namespace(harness.wait_for(
                lambda: running(cli, "web", first), 20, "the next run"))
            assert machine.reaches(networking.OUTSIDE)
            harness.wait_for(lambda: len(host.own_links()) == 2, 20, "the old link to go")
            assert len(host.own_links() - before) == 1
            os.close(namespace)
    finally:
        host.command("delete", "--force", "web").check()
    clean(host)


def running(cli, name, before):
    """The pid of a machine's first process, once it runs and differs."""
    record = json.loads((cli.runtime / "machines" / f"{name}.json").read_text())
    pid = (record.get("init") or {}).get("pid")
    return pid if record["state"] == "running" and pid != before else None


# ---- multicast ----

# Routes a group from one interface of the host to another while it reads (ip(7), the kernel's
# mroute.h and mroute6.h). Arguments: the family, the source, the group, both indices.
ROUTE_MULTICAST = """
import socket, struct, sys
family, source, group, incoming, outgoing = sys.argv[1:]
six = family == "6"
kind = socket.AF_INET6 if six else socket.AF_INET
protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_IGMP
level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
router = socket.socket(kind, socket.SOCK_RAW, protocol)
router.setsockopt(level, 200, 1)
addresses = [socket.inet_pton(kind, text) for text in (source, group)]
for number, index in enumerate((incoming, outgoing)):
    link = (struct.pack("=HBBHxxI", number, 0, 1, int(index), 0) if six
            else struct.pack("=HBBIIi", number, 8, 1, 0, int(index), 0))
    router.setsockopt(level, 202, link)
if six:
    names = b"".join(struct.pack("=HHI", kind, 0, 0) + address + bytes(4) for address in addresses)
    route = names + struct.pack("=HxxI28x", 0, 2)
else:
    route = b"".join(addresses) + struct.pack("=H32BxxIIIi", 0, 0, 1, *[0] * 30, 0, 0, 0, 0)
router.setsockopt(level, 204, route)
print("ready", flush=True)
sys.stdin.read()
"""

LISTEN = """
import socket, struct, sys
six = sys.argv[1] == "6"
listener = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("", 5000))
if six:
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                        socket.inet_pton(socket.AF_INET6, sys.argv[2])
                        + struct.pack("=I", socket.if_nametoindex("eth0")))
else:
    listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack(
        "=4s4sI", socket.inet_aton(sys.argv[2]), bytes(4), socket.if_nametoindex("eth0")))
print("ready", flush=True)
print(listener.recvfrom(100)[1][0], flush=True)
"""

SEND = """
import socket, sys, time
six = sys.argv[1] == "6"
sender = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
if six:
    sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
else:
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
sender.sendto(b"hello", (sys.argv[2], 5000))
"""


@pytest.mark.parametrize("family,group", [("4", "239.1.2.3"), ("6", "ff0e::1234")])
def test_multicast_keeps_its_source(host, start, cli, family, group):
    """Receivers distinguish the senders of a group by their addresses: none is masqueraded."""
    machine = start("web")
    source = machine.address if family == "4" else machine.address6
    # The receiver accepts packets from sources that it has no route to.
    host.outside.sh("for each in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $each; done")
    [bridge] = [name for name in host.own_links() if name.startswith("mlb")]
    indices = {link["ifname"]: link["ifindex"] for link in json.loads(host.run("ip", "-j", "link"))}
    words = [networking.PYTHON, "-c"]
    router = harness.Running(
        host.wrapper + words + [ROUTE_MULTICAST, family, source, group, str(indices[bridge]),
                                str(indices["eth0"])], cli.environment, stdin=-1)
    listener = harness.Running(host.outside.wrapper + words + [LISTEN, family, group],
                               cli.environment)
    try:
        router.read_until("ready\n")
        listener.read_until("ready\n")
        until = time.monotonic() + 20
        while listener.process.poll() is None and time.monotonic() < until:
            machine.run(*words, SEND, family, group)
            time.sleep(0.1)
        assert listener.wait().check().stdout.strip() == source
    finally:
        router.kill()
        listener.kill()
