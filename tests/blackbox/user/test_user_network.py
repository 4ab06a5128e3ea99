# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of an ordinary user's machines: who reaches whom and is seen as whom, the network
program, what is refused, and what is left."""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import time

import harness
import networking
import pytest
import users
from user_hosts import UserHost

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip", "program:pasta")

UP = ["sh", "-c", "echo up; exec sleep 1000"]
# What pasta and slirp4netns have on the tap.
PROGRAM_GATEWAYS = ("198.18.255.2", "fd00::2")


@pytest.fixture
def host(user):
    made = UserHost(user)
    yield made
    made.close()


@pytest.fixture
def start(host, user, busybox_root):
    """start("web", network={..}, ports=[..]) starts a machine of the user; a Machine."""

    def run(name, **keys):
        network = {"mode": "bridge", **keys.pop("network", {})}
        root = user.home / f"root-{name}"
        if not root.exists():
            user.copy_root(busybox_root, f"root-{name}")
        return host.start(user.define(name, rootfs=root, network=network,
                                      **{"command": UP, **keys}))

    return run


@pytest.fixture
def refuse(host, user, busybox_root):
    """refuse("words", key=..): a start that must fail with the words; a Result."""

    def run(*words, **keys):
        if not (user.home / "root-no").exists():
            user.copy_root(busybox_root, "root-no")
        path = user.define("no", rootfs=user.home / "root-no", command=["true"],
                           **{"network": {"mode": "bridge"}, **keys})
        result = user("run", path)
        assert result.status != 0, result
        for word in words:
            assert word in result.stderr, result
        return result

    return run


def _written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# ---- who reaches whom ----


def test_large_packets(start):
    """Nothing on the way out and between machines splits what the network program could take whole."""
    web = start("web")
    assert "mtu 65520" in web.run("ip", "link", "show", "dev", "eth0")


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_published(host, start, protocol):
    """The machine sees the address of who calls; loopback clients are seen as its gateway."""
    machine = start("web", ports=[f"8080:80/{protocol}", f"127.0.0.1:8081:80/{protocol}"])
    machine.serve("web", 80)
    gateway, gateway6 = machine.gateways()
    seen = {
        (host.outside, networking.LAN): networking.OUTSIDE,
        (host.outside, networking.LAN6): networking.OUTSIDE6,
        (host, networking.LAN): networking.LAN,
        (host, "127.0.0.1"): gateway,
        (host, "::1"): gateway6,
    }
    for (place, address), source in seen.items():
        assert place.ask(address, 8080, protocol, 5) == f"web sees {source}", address
    assert host.ask("127.0.0.1", 8081, protocol, 5) == f"web sees {gateway}"
    assert host.outside.ask(networking.LAN, 8081, protocol) == "refused"


def test_port_of_client_is_kept(host, start):
    """Not only the address: a log is useful to whoever has to find a connection in two."""
    machine = start("web", ports=["8080:80"])
    server = subprocess.Popen(
        machine.wrapper + [networking.PYTHON, "-c",
                           "import socket; s = socket.create_server(('', 80)); print('x', flush=True)"
                           "; c, a = s.accept(); c.sendall(str(a[1]).encode())"],
        stdout=subprocess.PIPE)
    assert server.stdout.readline()
    said = host.outside.run(
        networking.PYTHON, "-c",
        f"import socket; s = socket.create_connection(('{networking.LAN}', 8080), 5)\n"
        "print(s.getsockname()[1], s.recv(10).decode())").split()
    server.wait()
    assert said[0] == said[1]


def test_two_ports_one_machine(host, start):
    """One client address and port may reach the same port of a machine twice."""
    machine = start("web", ports=["8080:80", "8081:80"])
    machine.serve("web", 80)
    said = host.outside.run(networking.PYTHON, "-c", f"""
import socket
for port in (8080, 8081):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', 5555)); s.settimeout(5); s.connect(('{networking.LAN}', port))
    print(s.recv(100).decode())
""").splitlines()
    assert said == [f"web sees {networking.OUTSIDE}"] * 2


def test_peers_and_outside(host, start):
    """Siblings by name and address, the host, the outside, itself through its own port."""
    web = start("web", ports=["8080:80"])
    other = start("other")
    web.serve("web", 80)
    host.serve("host", 631)
    host.outside.serve("outside", 80)
    assert other.ask(web.address, 80) == f"web sees {other.address}"
    assert other.ask(web.address6, 80) == f"web sees {other.address6}"
    assert f"{web.address} web" in other.hosts()
    assert f"{networking.LAN} host.internal" in web.hosts()
    assert web.ask(networking.LAN, 631, timeout=5) == f"host sees {networking.LAN}"
    assert web.ask(networking.OUTSIDE, 80, timeout=5) == f"outside sees {networking.LAN}"
    assert web.ask(networking.OUTSIDE6, 80, timeout=5) == f"outside sees {networking.LAN6}"
    assert web.ask(networking.OUTSIDE, 80, "udp", 5) == f"outside sees {networking.LAN}"
    gateway, _ = web.gateways()
    for machine in (web, other):
        assert machine.ask(gateway, 8080, timeout=5).startswith("web sees ")
        assert machine.ask(networking.LAN, 8080, timeout=5) == f"web sees {networking.LAN}"
    assert len(host.programs()) == 1


def test_isolation(host, start, user):
    """What is on the host's loopback, other networks, and other machines' connections."""
    user.own(_written(user.config / "lab.network", harness.definition()))
    web = start("web", ports=["8080:80"])
    other = start("other", network={"name": "lab"})
    web.serve("web", 80)
    host.serve("secret", 631)
    gateway, gateway6 = web.gateways()
    for address in ("127.0.0.1", gateway, gateway6, *PROGRAM_GATEWAYS):
        assert "secret" not in web.ask(address, 631, timeout=2), address
    assert other.ask(web.address, 80) != f"web sees {other.address}"
    # A machine that has all capabilities over its own network cannot route to 127.0.0.1 either.
    web.sh("ip route add 127.0.0.0/8 via " + gateway + " dev eth0 2>/dev/null || true; "
           "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
    assert "secret" not in web.ask("127.0.0.2", 631, timeout=2)


def test_no_machine_speaks_as_a_client(host, start):
    """A connection has the address of its client in the user's network: another machine's packets
    for it are dropped."""
    web = start("web", ports=["8080:80/udp"])
    start("other", network={"mode": "bridge"})
    other = host.machines[-1]
    web.serve("web", 80)
    client = subprocess.Popen(
        host.outside.wrapper + [networking.PYTHON, "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 4444)); s.settimeout(3)
s.connect(('{networking.LAN}', 8080)); s.send(b'x'); print(s.recv(99).decode(), flush=True)
try:
    while True: print('then', s.recv(99).decode(), flush=True)
except TimeoutError:
    print('silence', flush=True)
"""], stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == f"web sees {networking.OUTSIDE}\n"
    other.run(networking.PYTHON, "-c", f"""
import socket
for port in (80, 81):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', port))
    for _ in range(5): s.sendto(b'forged', ('{networking.OUTSIDE}', 4444))
""")
    rest = client.stdout.read()
    client.wait()
    # What the other machine sends goes out by the network program, as its own.
    assert "forged" not in rest and "silence" in rest


def test_internal_needs_no_program(host, start, user, refuse):
    """An internal network has no way out, no network program, and publishes nothing."""
    user.own(_written(user.config / "inner.network", harness.definition(internal=True)))
    host.hide("/usr/bin/pasta", "/usr/bin/slirp4netns")
    host.outside.serve("outside", 80)
    machine = start("web", network={"name": "inner"})
    assert machine.ask(networking.OUTSIDE, 80) == "unreachable"
    assert host.programs() == []
    refuse("is internal", network={"name": "inner"}, ports=["8080:80"])
    refuse("no network program is installed", "passt", "slirp4netns")


def test_many_at_once(host, start):
    """Two hundred connections."""
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    said = host.outside.ask_all([("tcp", networking.LAN, 8080, 20)] * 200)
    assert {text for text, _ in said} == {f"web sees {networking.OUTSIDE}"}


def test_data_arrives_whole(host, start):
    """A megabyte each way, half-closed connections, and a reader that is slow."""
    machine = start("web", ports=["8080:80"])
    server = subprocess.Popen(machine.wrapper + [networking.PYTHON, "-c", """
import socket, hashlib
s = socket.create_server(('', 80)); print('x', flush=True)
c, _ = s.accept(); data = b''
while part := c.recv(65536): data += part
c.sendall(hashlib.sha256(data).hexdigest().encode() + data); c.close()
"""], stdout=subprocess.PIPE)
    assert server.stdout.readline()
    said = host.outside.run(networking.PYTHON, "-c", f"""
import socket, hashlib, os, time
data = os.urandom(5 << 20)
s = socket.create_connection(('{networking.LAN}', 8080), 10)
s.sendall(data); s.shutdown(socket.SHUT_WR); time.sleep(0.5); back = b''
while part := s.recv(65536): back += part
print(back[:64].decode() == hashlib.sha256(data).hexdigest(), back[64:] == data)
""")
    server.wait()
    assert said == "True True\n"


def test_shared(host, start, user):
    """machine:NAME, also when the other one has ended."""
    web = start("web", ports=["8080:80"])
    side = start("side", network={"mode": "machine:web"})
    assert side.address == web.address
    side.serve("side", 80)
    assert host.outside.ask(networking.LAN, 8080, timeout=5) == f"side sees {networking.OUTSIDE}"
    host.outside.serve("outside", 80)
    web.stop()
    assert side.ask(networking.OUTSIDE, 80, timeout=5) == f"outside sees {networking.LAN}"


# ---- the network program ----


def test_program_is_started_again(host, start, user):
    """Killed under traffic: published ports go on, the way out is back within a second."""
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    host.outside.serve("outside", 80)
    assert machine.ask(networking.OUTSIDE, 80, timeout=5).startswith("outside")
    [program] = host.programs()
    assert f"way out: pasta (process {program})" in user("network", "status", "default").stdout
    os.kill(program, signal.SIGKILL)
    assert host.outside.ask(networking.LAN, 8080, timeout=1).startswith("web")
    [[said, seconds]] = machine.ask_all([("tcp", networking.OUTSIDE, 80, 5)])
    # A packet sent to the dying program is lost, and sent again after a second.
    assert said.startswith("outside") and seconds < 2
    harness.wait_for(lambda: len(host.programs()) == 1 and host.programs() != [program], 5,
                     "another program")


def test_offline_then_online(host, start):
    """A host without a route: the machine starts, and gets out once there is one."""
    host.sh("ip route del default; ip -6 route del default")
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    assert host.ask("127.0.0.1", 8080, timeout=5).startswith("web")
    assert machine.ask(networking.OUTSIDE, 80) in ("timeout", "unreachable")
    host.outside.serve("outside", 80)
    host.sh(f"ip route add default via {networking.OUTSIDE}")
    harness.wait_for(lambda: machine.ask(networking.OUTSIDE, 80).startswith("outside"), 10,
                     "the way out")


def test_program_has_default_signals(host, start):
    """Older versions of pasta fail if SIGPIPE is ignored, as it is in services of systemd."""
    host.ignored = "PIPE"
    machine = start("web")
    host.outside.serve("outside", 80)
    assert machine.ask(networking.OUTSIDE, 80, timeout=5).startswith("outside")


def test_failing_program_is_started_less_often(host, start, user):
    """Also one that takes long to end, and beside other machines. The status has its reason, the
    log says it once."""
    starts = user.home / "starts"
    program = user.home / "program"
    program.write_text(f"#!/bin/sh\necho x >> {starts}; sleep 1.2; echo 'no route' >&2; exit 1\n")
    program.chmod(0o755)
    host.replaced["/usr/bin/pasta"] = user.own(program)
    machine = start("web")
    start("other")
    begin = time.monotonic()
    harness.wait_for(lambda: "way out: none: pasta has ended: no route; it is started again"
                     in user("network", "status", "default").stdout, 10, "the reason")
    harness.wait_for(lambda: time.monotonic() > begin + 6, 10, "six seconds")
    # After one second, two, four.
    assert len(starts.read_text().splitlines()) <= 4
    assert machine.stop().stderr.count("no way out of the machine's network: pasta ended") == 1


@pytest.mark.needs("program:slirp4netns")
def test_without_pasta(host, start, user):
    """slirp4netns takes its place."""
    host.hide("/usr/bin/pasta")
    machine = start("web")
    host.outside.serve("outside", 80)
    assert machine.ask(networking.OUTSIDE, 80, timeout=5) == f"outside sees {networking.LAN}"
    assert "way out: slirp4netns" in user("network", "status", "default").stdout
    host.serve("secret", 631)
    assert "secret" not in machine.ask(PROGRAM_GATEWAYS[0], 631, timeout=2)


# ---- refused ----


def test_ports_refused(host, start, refuse, user):
    """Before anything is built: a taken port, a privileged one, another machine's, SCTP."""
    start("web", ports=["8080:80"])
    refuse("cannot publish port 8080/tcp", 'machine "web" already publishes it', ports=["8080:80"])
    with contextlib.closing(subprocess.Popen(
            host.wrapper + [networking.PYTHON, "-c", "import socket, time; "
                            "s = socket.create_server(('', 8081)); print('x', flush=True); "
                            "time.sleep(99)"], stdout=subprocess.PIPE).stdout) as server:
        server.readline()
        refuse("cannot publish port 8081/tcp", ports=["8081:80"])
    refuse("net.ipv4.ip_unprivileged_port_start", "=80", ports=["80:80"])
    refuse("SCTP", "only root", ports=["8082:80/sctp"])
    host.sh("echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start")
    machine = start("low", ports=["80:80"])
    machine.serve("low", 80)
    assert host.outside.ask(networking.LAN, 80, timeout=5) == f"low sees {networking.OUTSIDE}"


def test_no_tap(host, user, refuse):
    """Without access to /dev/net/tun there is no way out, and the start says so."""
    (user.home.parent / "tun").chmod(0o600)
    refuse("cannot open /dev/net/tun", "chmod 0666 /dev/net/tun", '"none"')


def test_modes_refused(refuse):
    """Links on interfaces of the host, and namespaces of others."""
    for mode in ("macvlan:eth0", "ipvlan:eth0", "path:/proc/1/ns/net"):
        refuse("CAP_NET_ADMIN", "bridge", network={"mode": mode})


# ---- what is left ----


def test_nothing_is_left(host, start, user):
    """The last machine ends the program, and the namespace with it."""
    one, two = start("one", ports=["8080:80"]), start("two")
    one.stop()
    assert len(host.programs()) == 1
    two.stop()
    harness.wait_for(lambda: host.left() == [] and host.programs() == [] and
                     user.processes() == [], 10, "an end")
    start("one", ports=["8080:80"])


def test_run_that_ends_at_once(host, start, user, busybox_root):
    """The process that cleans up after it ends as well, and its port is free again."""
    path = user.define("web", rootfs=user.copy_root(busybox_root), command=["sleep", "0.3"],
                       network={"mode": "bridge"}, ports=["8080:80"])
    for _ in range(2):
        user("run", path).check()
        harness.wait_for(lambda: host.left() == [] and host.programs() == [] and
                         user.processes() == [], 10, "an end")


def test_killed_supervisors(host, start, user):
    """After SIGKILL the next start, or collect, removes what is left; others go on."""
    one, two = start("one", ports=["8080:80"]), start("two")
    host.outside.serve("outside", 80)
    os.kill(one.running.pid, signal.SIGKILL)
    assert two.ask(networking.OUTSIDE, 80, timeout=5).startswith("outside")
    again = start("one", ports=["8080:80"])
    again.serve("again", 80)
    assert host.outside.ask(networking.LAN, 8080, timeout=5).startswith("again")
    assert len(host.programs()) == 1
    for machine in (again, two):
        os.kill(machine.running.pid, signal.SIGKILL)
        machine.running.wait()
    user("collect").check()
    harness.wait_for(lambda: host.left() == [] and host.programs() == [] and
                     user.processes() == [], 10, "an end")


def test_first_starts_at_once(host, start, user):
    """Two first starts make one namespace and one program."""
    for name in ("one", "two"):
        user.define(name, command=["true"])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, two = pool.map(start, ("one", "two"))
    two.serve("two", 80)
    assert one.ask(two.address, 80) == f"two sees {one.address}"
    assert len(host.programs()) == 1


def test_restart_waits_for_nothing(host, start):
    """A machine that starts again finds its port free, although connections to it linger."""
    for _ in range(3):
        machine = start("web", ports=["8080:80"])
        machine.serve("web", 80)
        assert host.outside.ask(networking.LAN, 8080, timeout=5).startswith("web")
        machine.stop()


def test_start_does_not_wait_for_the_program(host, start):
    """pasta takes a quarter of a second and more; a machine runs before that."""
    start("other", network={"mode": "none"})
    begin = time.monotonic()
    start("web")
    running = time.monotonic() - begin
    program = host.programs()
    assert len(program) == 1
    # The tap gets its carrier when the program has opened it.
    assert running < 2


def test_two_users(host, start, user, other, busybox_root):
    """The same names and addresses; ports are the host's, and who has one is said."""
    start("web", ports=["8080:80"])
    become = users.User.become
    front = user.become()[:-len(become(user))]
    other.become = lambda: front + become(other)
    path = other.define("web", rootfs=other.copy_root(busybox_root), command=["true"],
                        network={"mode": "bridge"}, ports=["8080:80"])
    result = other("run", path)
    assert "cannot publish port 8080/tcp" in result.stderr
    path = other.define("web", rootfs=other.home / "root", command=["ip", "addr"],
                        network={"mode": "bridge"}, ports=["8081:80"])
    assert host.machines[0].address.rpartition(".")[0].startswith("10.88.")
    assert " 10.88." in other("run", path).check().stdout


def test_explain_shows_the_way_to_a_port(start, user):
    """The supervisor forwards, not the firewall."""
    start("web", ports=["18736:80"],
          command=["sh", "-c", "echo up; exec httpd -f -p 80 -h /var/www"])
    harness.wait_for(lambda: "a program listens" in user("explain", "--running", "web").stdout)
    [port] = json.loads(user("explain", "--running", "--json", "web").check().stdout)["ports"]
    supervisor = harness.state_of(user, "web")["supervisor"]["pid"]
    assert f"the supervisor, process {supervisor} of the host, listens" in port["way"][0]
    assert "bridge mlb" in port["way"][1] and port["way"][1].endswith(": up")
    assert port["way"][2].endswith("eth0 in the machine: up")


def test_several_networks(host, user, start):
    """Each is a bridge in the user's namespace; the first one is the way out and has the ports."""
    user.own(_written(user.config / "front.network", harness.definition()))
    user.own(_written(user.config / "back.network", harness.definition(internal=True)))
    web = start("web", network={"name": "front"}, networks=[{"name": "back", "aliases": ["app"]}],
                ports=["8080:80"])
    only = start("only", network={"name": "back"})
    web.serve("web", 80)
    assert set(web.links()) >= {"eth0", "eth1"}
    assert " app\n" in only.hosts() and " only\n" in web.hosts()
    assert web.reaches(only.address)
    assert host.outside.ask(networking.LAN, 8080, "tcp", 5).startswith("web")
    web.stop()
    harness.wait_for(lambda: " app\n" not in only.hosts())
    only.stop()
