# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks: addresses, names, clean-up, reload, and hosts of every kind."""

import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import harness
import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

# Matches the group in units/network/75-machinectl-lite.rules.
GROUP = "27756"

UP = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def start(host, machine_file):
    """start("web", network={..}, ports=[..]) starts a machine on a bridge; a Machine."""

    def run(name, **keys):
        network = {"mode": "bridge", **keys.pop("network", {})}
        return host.start(machine_file(name, network=network, **{"command": UP, **keys}))

    return run


@pytest.fixture
def refuse(host, machine_file):
    """refuse("words", "web", ..): a start() that must fail with the words in its error; a
    Result."""

    def run(words, name, status=125, **keys):
        network = {"mode": "bridge", **keys.pop("network", {})}
        path = machine_file(name, network=network, **{"command": UP, **keys})
        result = host.command("run", path).check(status)
        assert words in result.stderr, result
        return result

    return run


def networks(cli, name, **keys):
    """Writes NAME.network."""
    (cli.config / f"{name}.network").write_text(harness.definition(**keys))


def clean(host):
    """Waits until the host is clean: links are removed in the background."""
    harness.wait_for(host.is_clean, 30, "a clean host")


# ---- addresses ----


def test_configuration(host, start):
    """The machine's side: eth0 immediately up with both addresses, routes, loopback."""
    machine = start("web")
    links = {link["ifname"]: link for link in json.loads(machine.run("ip", "-j", "addr"))}
    assert set(links) == {"lo", "eth0"}
    assert "UP" in links["lo"]["flags"]
    eth0 = {each["local"]: each for each in links["eth0"]["addr_info"]}
    assert machine.address in eth0 and machine.address6 in eth0
    assert not any(each.get("tentative") for each in links["eth0"]["addr_info"])
    [bridge] = [name for name in host.own_links() if name.startswith("mlb")]
    for where, interface in ((machine, "eth0"), (host, bridge)):
        for setting in ("accept_ra", "accept_dad"):
            assert where.sysctl(f"ipv6/conf/{interface}/{setting}") == "0", (interface, setting)
    gateway, gateway6 = machine.gateways()
    assert gateway in machine.run("ip", "route", "show", "default")
    assert gateway6 in machine.run("ip", "-6", "route", "show", "default")
    assert machine.reaches(networking.OUTSIDE)
    assert machine.reaches(networking.OUTSIDE6)


def test_first_packet_is_not_lost(host, start):
    """A machine's first connection does not wait for the bridge."""
    host.outside.serve("outside", 80)
    machine = start("web")
    [[said, seconds]] = machine.ask_all([("tcp", networking.OUTSIDE, 80, 5)])
    assert said == f"outside sees {networking.LAN}"
    # Duplicate address detection takes a second, the bridge's learning state fifteen.
    assert seconds < 0.9


def test_kept_across_restarts(host, start):
    """A machine keeps its address and MAC; a machine with another name gets others."""
    first = start("web")
    address, address6 = first.address, first.address6
    mac = json.loads(first.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
    other = start("db")
    assert other.address != address
    first.stop()
    again = start("web")
    assert (again.address, again.address6) == (address, address6)
    assert json.loads(again.run("ip", "-j", "link", "show", "eth0"))[0]["address"] == mac
    # Locally administered, unicast.
    assert int(mac[:2], 16) & 3 == 2


def test_bridge_keeps_its_address(host, start):
    """The bridge's MAC is not that of a port: peers' neighbour entries stay valid."""
    def mac():
        [bridge] = [name for name in host.own_links() if name.startswith("mlb")]
        return json.loads(host.run("ip", "-j", "link", "show", bridge))[0]["address"]

    first = start("one")
    before = mac()
    start("two")
    first.stop()
    harness.wait_for(lambda: len(host.own_links()) == 2, 20, "the first one's link to go")
    assert mac() == before


def test_changed_definition(host, start, refuse, cli):
    """A network in use does not change; afterwards machines get addresses of the new subnet."""
    networks(cli, "lab", bridge="brlab", subnet="10.66.0.0/24")
    machine = start("web", network={"name": "lab"})
    networks(cli, "lab", bridge="brlab", subnet="10.67.0.0/24")
    refuse("was changed while machines use it", "two", network={"name": "lab"})
    machine.stop()
    again = start("web", network={"name": "lab"})
    assert again.address.startswith("10.67.0.")
    assert again.gateways()[0] in host.run("ip", "addr", "show", "brlab")
    assert "10.66.0." not in host.run("ip", "addr", "show", "brlab")


def test_bridge_of_another_network(start, refuse, cli):
    """Two networks cannot share one of our bridges."""
    networks(cli, "one", bridge="br7", subnet="10.66.0.0/24")
    networks(cli, "two", bridge="br7", subnet="10.67.0.0/24")
    start("web", network={"name": "one"})
    refuse("it belongs to", "db", network={"name": "two"})


def test_static(start, refuse, cli):
    """Requested addresses are granted; an address outside the subnet, the gateway's and one in use
    are refused with the reason."""
    networks(cli, "lab", subnet="10.66.0.0/24", subnet6="fd66::/64")
    lab = {"name": "lab"}
    one = start("one", network={**lab, "address": "10.66.0.10", "address6": "fd66::10",
                                "mac": "02:00:5e:10:00:01"})
    assert (one.address, one.address6) == ("10.66.0.10", "fd66::10")
    assert "02:00:5e:10:00:01" in one.run("ip", "link", "show", "eth0")
    for wanted, words in (({"address": "10.66.0.10"}, 'machine "one" already has it'),
                          ({"address6": "fd66::10"}, 'machine "one" already has it'),
                          ({"address": "10.67.0.1"}, "10.66.0.0/24"),
                          ({"address": "10.66.0.255"}, "not a usable address"),
                          ({"address": "10.66.0.0"}, "not a usable address"),
                          ({"address": "10.66.0.1"}, "gateway")):
        refuse(words, "two", network={**lab, **wanted})


def test_exhaustion(start, refuse, cli):
    """A full subnet is an error that names it; a stopped machine's address is then reused."""
    networks(cli, "tiny", subnet="10.66.0.0/29")
    machines = [start(f"m{number}", network={"name": "tiny"}) for number in range(5)]
    assert len({machine.address for machine in machines}) == 5
    refuse("10.66.0.0/29", "late", network={"name": "tiny"})
    freed = machines[0].address
    machines[0].stop()
    assert start("late", network={"name": "tiny"}).address == freed


def test_overlap(host, start, refuse, cli):
    """A subnet that overlaps a route of the host is refused; the default network avoids it."""
    host.sh("ip link add dummy0 type bridge; ip addr add 10.88.5.1/16 dev dummy0; "
            "ip link set dummy0 up")
    networks(cli, "bad", subnet="10.88.7.0/24")
    refused = refuse("10.88.7.0/24", "one", network={"name": "bad"})
    assert "dummy0" in refused.stderr, refused
    assert start("two").address.startswith("10.89.")


def test_fifty_at_once(host, start, cli):
    """Fifty simultaneous starts get fifty addresses and one bridge."""
    with ThreadPoolExecutor(50) as pool:
        machines = list(pool.map(lambda number: start(f"m{number}"), range(50)))
    assert len({machine.address for machine in machines}) == 50
    assert len({machine.address6 for machine in machines}) == 50
    assert len([name for name in host.own_links() if name.startswith("mlb")]) == 1
    assert len([name for name in host.own_links() if name.startswith("mlv")]) == 50
    assert machines[7].reaches(machines[42].address)
    for machine in machines:
        machine.running.kill()
    host.command("collect").check()
    clean(host)


@pytest.mark.parametrize("name", ["a" * 15, "b" * 16, "c" * 64])
def test_names_of_every_length(host, start, name):
    """Long names produce links with at most 15 characters."""
    machine = start(name)
    assert all(len(link) <= 15 for link in host.own_links())
    alias = json.loads(host.run("ip", "-j", "link", "show", machine.lease()["link"]))[0]["ifalias"]
    assert alias.endswith(f":default:{name}")
    machine.stop()
    clean(host)


# ---- names ----


def test_peers(host, start):
    """/etc/hosts contains the machine, the gateway and the running peers."""
    web = start("web", hostname="www", network={"hosts": ["printer:10.1.2.3"]})
    gateway, gateway6 = web.gateways()
    text = web.hosts()
    assert f"{web.address} www web\n" in text and "127.0.0.1 localhost\n" in text
    assert f"{gateway} host.internal\n" in text and f"{gateway6} host.internal\n" in text
    assert "10.1.2.3 printer\n" in text
    db = start("db")
    assert f"{db.address} db\n" in web.hosts() and f"{web.address} www web\n" in db.hosts()
    seen = subprocess.run(["nsenter", "-t", str(web.pid), "-a", "/bin/ping", "-c1", "-W1", "db"],
                          capture_output=True, text=True, check=False)
    assert seen.returncode == 0, seen
    db.stop()
    harness.wait_for(lambda: " db\n" not in web.hosts(), 20, "the peer to go")
    assert "\n\n" not in web.hosts()


def test_hosts_cannot_be_written(host, start):
    """The machine's root cannot write the host's file."""
    web = start("web", command=["sh", "-c", "echo bad >> /etc/hosts; echo up; sleep 1000"])
    assert "bad" not in web.hosts()


# A host with systemd-resolved: /etc/resolv.conf has a server on its loopback, and another file the
# upstream servers. In a mount namespace of the program's own.
RESOLVED = f"""
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/resolve
cd /run/systemd/resolve
printf 'nameserver 127.0.0.53\\noptions edns0 trust-ad\\nsearch .\\n' > stub-resolv.conf
printf 'nameserver {networking.OUTSIDE}\\nsearch .\\n' > resolv.conf
mount --bind stub-resolv.conf /etc/resolv.conf
cd /
exec "$@"
"""


def test_behind_resolved(host, machine_file):
    """A machine uses the upstream servers of systemd-resolved, as it cannot reach 127.0.0.53."""
    host.outside.serve_names("192.0.2.77")
    path = machine_file("web", command=UP, network={"mode": "bridge"})
    machine = host.start(path, ["unshare", "--mount", "sh", "-ec", RESOLVED, "sh"])
    text = (Path(f"/proc/{machine.pid}/root/etc/resolv.conf")).read_text(encoding="utf-8")
    assert f"nameserver {networking.OUTSIDE}\n" in text and "127.0.0.53" not in text
    found = subprocess.run(["nsenter", "-t", str(machine.pid), "-a", "/bin/nslookup",
                            "db.example.org"], capture_output=True, text=True, check=False)
    assert "192.0.2.77" in found.stdout, found


# ---- ports ----


def test_taken_port(host, start, refuse):
    """A port in use fails before anything is created, and the error names its process or
    machine."""
    host.serve("host", 8080)
    refused = refuse("8080/tcp", "web", ports=["8080:80"])
    assert "python3" in refused.stderr and "process" in refused.stderr, refused
    assert not host.own_links()
    start("one", ports=["9000-9010:80-90/udp"])
    refuse('machine "one"', "two", ports=["9005:80/udp"])
    start("three", ports=["9005:80/tcp"])


def test_port_of_an_ended_server(host, start):
    """Connections of a server in TIME_WAIT do not block its port."""
    script = ("import socket\n"
              "server = socket.create_server(('192.0.2.1', 8080))\n"
              "client = socket.create_connection(('192.0.2.1', 8080))\n"
              "accepted = server.accept()[0]\n"
              "accepted.close()\nclient.recv(1)\nclient.close()\n")
    host.run(networking.PYTHON, "-c", script)
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"


def test_port_is_reserved(host, start):
    """Another program's bind fails while the machine runs, and works afterwards."""
    machine = start("web", ports=["8080:80"])
    script = ("import socket; s = socket.socket(); "
              "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
              "s.bind(('0.0.0.0', 8080)); s.listen()")
    taken = subprocess.run(host.wrapper + [networking.PYTHON, "-c", script], capture_output=True,
                           text=True, check=False)
    assert "Address already in use" in taken.stderr
    machine.stop()
    host.run(networking.PYTHON, "-c", script)


def test_ports_that_cannot_be(host, refuse, cli):
    """Ports at [::1], at an address that the host lacks, and of an internal network are
    refused."""
    networks(cli, "inside", internal=True, subnet="10.66.0.0/24")
    for keys, words in (({"ports": ["[::1]:8080:80"]}, "127.0.0.1"),
                        ({"ports": ["203.0.113.7:8080:80"]}, "does not have that address"),
                        ({"ports": ["8080:80"], "network": {"name": "inside"}}, "internal")):
        refuse(words, "web", **keys)
    assert not host.own_links()


def test_thousand_ports(host, start):
    """A thousand ports: all work, with few descriptors, and are released afterwards."""
    machine = start("web", ports=["10000-10999:10000-10999"])
    machine.serve("web", 10000, 10999)
    assert host.outside.ask(networking.LAN, 10000).startswith("web sees")
    assert host.outside.ask(networking.LAN, 10999).startswith("web sees")
    assert len(os.listdir(f"/proc/{machine.running.pid}/fd")) < 40
    machine.stop()
    clean(host)


# A client that keeps sending, and prints each answer that differs from the last.
SENDER = """
import socket, sys, time
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((sys.argv[1], 5353))
client.settimeout(0.05)
last = None
while True:
    try:
        client.send(b"x")
        said = client.recv(99).decode()
    except ConnectionRefusedError:
        said = "refused"
    except OSError:
        said = last
    if said != last:
        print(said, flush=True)
    last = said
    time.sleep(0.02)
"""


def test_udp_flow_follows(host, start):
    """A client that keeps sending is refused when the machine stops, and reaches the next one: the
    kernel's flow is deleted each time."""
    # Another machine keeps connection tracking active throughout.
    start("keeper")
    client = subprocess.Popen(host.outside.wrapper + [networking.PYTHON, "-c", SENDER,
                                                      networking.LAN],
                              stdout=subprocess.PIPE, text=True)
    try:
        said = networking.lines_of(client.stdout)
        assert said() == "refused\n"
        for name in ("one", "two"):
            machine = start(name, ports=["5353:53/udp"])
            machine.serve(name, 53)
            assert said().startswith(f"{name} sees")
            machine.stop()
            assert said() == "refused\n"
    finally:
        client.kill()
        client.wait()


# ---- isolation ----


def hears(listener, sender, address):
    """Whether a UDP packet to the listener's address arrives."""
    script = ("import socket\nserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "server.bind(('', 7777))\nserver.settimeout(1)\nprint('ready', flush=True)\n"
              "try:\n    print(server.recv(9).decode())\nexcept OSError:\n    pass\n")
    with subprocess.Popen(listener.wrapper + [networking.PYTHON, "-c", script],
                          stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        sender.run(networking.PYTHON, "-c", "import socket, sys; socket.socket("
                   "socket.AF_INET, socket.SOCK_DGRAM).sendto(b'heard', (sys.argv[1], 7777))",
                   address)
        return server.stdout.read() == "heard\n"


@pytest.mark.parametrize("whose", ["own", "user"])
def test_internal(host, start, cli, whose):
    """Machines of an internal network can only reach each other, even if the host is a router, and
    on a user's bridge."""
    host.sh("cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding")
    if whose == "user":
        host.sh("ip link add br7 type bridge; ip addr add 10.66.0.1/24 dev br7; "
                "ip addr add fd66::1/64 dev br7 nodad; ip link set br7 up")
    networks(cli, "inside", internal=True, bridge="br7", subnet="10.66.0.0/24",
             subnet6="fd66::/64")
    host.outside.serve("outside", 80)
    other = start("other", ports=["8080:80"])
    other.serve("other", 80)
    one, two = (start(name, network={"name": "inside"}) for name in ("one", "two"))
    one.serve("one", 80)
    assert two.ask(one.address, 80) == f"one sees {two.address}"
    assert two.ask(networking.OUTSIDE, 80) == "unreachable"
    two.sh("ip route add default via 10.66.0.1; ip -6 route add default via fd66::1")
    # The answers would be routed.
    host.outside.sh(f"ip route add 10.66.0.0/24 via {networking.LAN}; "
                    f"ip route add fd66::/64 via {networking.LAN6}")
    for address in (networking.OUTSIDE, networking.OUTSIDE6, other.address):
        assert two.ask(address, 80) == "timeout", address
    assert two.ask(networking.LAN, 8080) == "refused"
    for address in (one.address, one.address6):
        assert host.outside.ask(address, 80) == "timeout", address
    # Not even an unanswered packet.
    assert not hears(host.outside, two, networking.OUTSIDE)
    assert not hears(one, host.outside, one.address)
    assert hears(one, two, one.address)
    # A port forwarded manually on the host does not lead in.
    one.sh("ip route add default via 10.66.0.1")
    host.run("nft", "-f", "-", input=f"""table ip hand {{
  chain prerouting {{
    type nat hook prerouting priority -100;
    tcp dport 9999 dnat to {one.address}:80
  }}
}}""")
    assert host.outside.ask(networking.LAN, 9999) == "timeout"


@pytest.mark.needs("bridge-filter")
@pytest.mark.parametrize("nf_call", [0, 1])
def test_isolated(host, start, cli, nf_call):
    """Machines of an isolated network reach the outside but not each other."""
    host.sysctl("bridge/bridge-nf-call-iptables", nf_call)
    networks(cli, "apart", isolated=True, subnet="10.66.0.0/24")
    host.outside.serve("outside", 80)
    one = start("one", network={"name": "apart"}, ports=["8080:80"])
    two = start("two", network={"name": "apart"})
    one.serve("one", 80)
    assert two.ask(one.address, 80) in ("timeout", "unreachable")
    # Through the host, which would send it back into the bridge.
    for machine, peer in ((one, two), (two, one)):
        machine.sh(f"ip route add {peer.address} via {machine.gateways()[0]}")
    assert two.ask(one.address, 80) in ("timeout", "unreachable")
    assert two.ask(networking.OUTSIDE, 80) == f"outside sees {networking.LAN}"
    assert host.outside.ask(networking.LAN, 8080) == f"one sees {networking.OUTSIDE}"
    assert "two" not in one.hosts()


def test_loopback_of_the_host(host, start):
    """With a published port, a machine that routes 127/8 to the host still cannot reach it."""
    host.serve("host", 631)
    machine = start("web", ports=["8080:80"])
    gateway, _ = machine.gateways()
    machine.sh("ip addr del 127.0.0.1/8 dev lo; ip link set lo down; "
               "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; "
               "ip route del table local 127.0.0.0/8 dev lo 2>/dev/null || true; "
               f"ip route add 127.0.0.1/32 via {gateway} dev eth0 src {machine.address}")
    assert machine.ask("127.0.0.1", 631) != "host sees 127.0.0.1"
    assert machine.ask("127.0.0.1", 631) in ("timeout", "unreachable")


# A UDP packet (RFC 768, 791) whose source is the receiver's own loopback.
FORGE = """
import socket, struct, sys
source, target, port = "127.0.0.1", sys.argv[1], int(sys.argv[2])
data = struct.pack("!HHHH", 4444, port, 8 + 6, 0) + b"forged"
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 17, 0, socket.inet_aton(source),
                     socket.inet_aton(target))
forger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
forger.sendto(header + data, (target, 0))
honest = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
honest.sendto(b"honest", (target, port))
"""
LISTEN = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 7777))
print("ready", flush=True)
print(server.recv(99).decode())
"""


def test_forged_loopback(host, start):
    """With a published port, packets of a machine cannot pretend to come from the host's
    loopback."""
    machine = start("web", ports=["8080:80"])
    # Without it the kernel itself drops them.
    host.sysctl("ipv4/conf/all/accept_local", 1)
    with subprocess.Popen(host.wrapper + [networking.PYTHON, "-c", LISTEN],
                          stdout=subprocess.PIPE, text=True) as server:
        said = networking.lines_of(server.stdout)
        assert said() == "ready\n"
        machine.run(networking.PYTHON, "-c", FORGE, machine.gateways()[0], 7777)
        assert said() == "honest\n"


def test_bridge_of_the_users(host, start, cli):
    """An existing bridge is used unchanged, and kept."""
    host.sh("ip link add br7 type bridge; ip addr add 10.66.0.1/24 dev br7; ip link set br7 up")
    networks(cli, "mine", bridge="br7")
    before = host.run("ip", "addr", "show", "br7").replace("NO-CARRIER,", "")
    machine = start("web", network={"name": "mine"}, ports=["8080:80"])
    machine.serve("web", 80)
    assert machine.address.startswith("10.66.0.")
    assert host.ask("127.0.0.1", 8080) == "web sees 10.66.0.1"
    assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
    machine.stop()
    harness.wait_for(lambda: "machinectl-lite" not in host.table(), 20, "the rules to go")
    assert "10.66.0.1/24" in host.run("ip", "addr", "show", "br7"), before
    assert host.sysctl("ipv4/conf/br7/route_localnet") == "0"
    assert host.sysctl("ipv4/conf/br7/forwarding") == "0"


def test_router_on_the_users_bridge(host, start, cli):
    """The gateway may be a router on the bridge: the bridge does not get its address."""
    host.sh("ip link add br7 type bridge; ip addr add 10.66.0.1/24 dev br7; ip link set br7 up")
    networks(cli, "mine", bridge="br7", subnet="10.66.0.0/24", gateway="10.66.0.254")
    machine = start("web", network={"name": "mine"})
    assert "via 10.66.0.254" in machine.run("ip", "route", "show", "default")
    assert "10.66.0.254" not in host.run("ip", "addr", "show", "br7")


def test_bridge_without_a_tag(host, start, cli):
    """A bridge created by a killed start before it was tagged is ours, and is removed in the
    end."""
    host.sh(f"ip link add brlab group {GROUP} type bridge")
    networks(cli, "lab", bridge="brlab", subnet="10.66.0.0/24")
    start("web", network={"name": "lab"}).stop()
    harness.wait_for(lambda: "brlab" not in host.links(), 20, "the bridge to go")


def test_links_are_in_a_group(host, start, cli):
    """Links match udev's rule from the moment they are created."""
    networks(cli, "lab", bridge="brlab", subnet="10.66.0.0/24")
    machine = start("web", network={"name": "lab"})
    links = {link["ifname"] for link in json.loads(host.run("ip", "-j", "link"))
             if link.get("group") == GROUP}
    assert links == {"brlab", machine.lease()["link"]}


def test_not_a_bridge(host, refuse, cli):
    """An interface of another kind is not used as a bridge."""
    host.sh("ip link add br7 type veth peer name br8")
    networks(cli, "mine", bridge="br7", subnet="10.66.0.0/24")
    refuse("not a bridge", "web", network={"name": "mine"})


# ---- clean-up ----


def test_stop_leaves_nothing(host, start):
    """Links, rules and kernel settings are removed or restored, including the user's settings."""
    machine = start("web", ports=["8080:80", "53:53/udp"])
    assert host.sysctl("ipv4/conf/eth0/forwarding") == "1"
    machine.stop()
    clean(host)
    assert host.sysctl("ipv4/conf/eth0/forwarding") == "0"
    assert host.sysctl("ipv4/ip_forward") == "0"


def test_users_settings_win(host, start):
    """Forwarding enabled for the whole host while machines run stays enabled."""
    machine = start("web")
    host.sysctl("ipv4/ip_forward", 1)
    machine.stop()
    clean(host)
    assert host.sysctl("ipv4/conf/eth0/forwarding") == "1"


def test_routers_stay_welcome(host, start):
    """An interface that accepts router advertisements keeps doing so while it forwards
    (accept_ra)."""
    host.sysctl("ipv6/conf/eth0/accept_ra", 1)
    per_interface = Path("/proc/sys/net/ipv6/conf/all/force_forwarding").exists()
    machine = start("web")
    assert host.sysctl("ipv6/conf/eth0/accept_ra") == ("1" if per_interface else "2")
    machine.stop()
    clean(host)
    assert host.sysctl("ipv6/conf/eth0/accept_ra") == "1"


def test_bridge_with_a_port_of_the_users(host, start, cli):
    """Our bridge stays as long as it has a port that is not ours."""
    networks(cli, "lab", bridge="brlab", subnet="10.66.0.0/24")
    machine = start("web", network={"name": "lab"})
    host.sh("ip link add tap7 type veth peer name tap8; ip link set tap7 master brlab")
    machine.stop()
    harness.wait_for(lambda: "machinectl-lite" not in host.table(), 20, "the rules to go")
    assert "brlab" in host.links()
    host.sh("ip link delete tap7")
    host.command("collect").check()
    clean(host)
    assert "brlab" not in host.links()


def test_failed_start_leaves_nothing(host, refuse):
    """The same after a start that fails once the network is set up."""
    refuse("/no/such/program", "web", status=127, ports=["8080:80"], command=["/no/such/program"])
    clean(host)


@pytest.mark.parametrize("how", ["start", "collect", "reload"])
def test_killed_supervisor(host, start, how):
    """After SIGKILL of the supervisor, the next start, collect or reload cleans up."""
    machine = start("web", ports=["8080:80"])
    machine.running.signal(signal.SIGKILL)
    machine.running.wait()
    if how == "start":
        again = start("web", ports=["8080:80"])
        assert again.address == machine.lease()["address"]
        again.serve("web", 80)
        assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
        assert len(host.own_links()) == 2 or harness.wait_for(
            lambda: len(host.own_links()) == 2, 20, "the old link to go")
        again.stop()
    else:
        if how == "reload":
            host.command("network", "reload").check()
        host.command("collect").check()
    clean(host)


def test_restart_at_once(host, start):
    """The background part of a stop does not affect the next start."""
    for _ in range(5):
        machine = start("web", ports=["8080:80"])
        # Longer than the background process takes.
        time.sleep(0.3)
        assert "8080" in host.table()
        machine.stop()


def test_none_does_not_hide_a_crash(host, start):
    """A start without a bridge does not lose track of what a crash left."""
    machine = start("web", ports=["8080:80"])
    machine.running.signal(signal.SIGKILL)
    machine.running.wait()
    start("quiet", network={"mode": "none"}).stop()
    assert "8080" in host.table()
    start("db")
    assert "8080" not in host.table()


def test_stale_state(host, start, refuse, cli):
    """Owners in a table of another boot have gone, their addresses are remembered; a table of
    another version is an error that names it."""
    machine = start("web", ports=["8080:80"])
    address = machine.address
    file = cli.runtime / "network" / "leases"
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    running = file.read_bytes()
    machine.stop()
    clean(host)
    file.write_bytes(running.replace(boot, b"00000000-0000-0000-0000-000000000000"))
    again = start("web", ports=["8080:80"])
    assert again.address == address
    again.stop()
    clean(host)
    file.write_bytes(b"XXXX" + file.read_bytes()[4:])
    refuse(str(file), "web")


# ---- firewalls ----


def test_reload(host, start):
    """network reload restores the rules after `nft flush ruleset`."""
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    host.run("nft", "flush", "ruleset")
    assert host.outside.ask(networking.LAN, 8080) == "refused"
    status = json.loads(host.command("--json=short", "network", "status", "default").check().stdout)
    assert status["rules"] is False
    assert status["machines"][0]["ports_missing"] == ["8080:80/tcp"]
    host.command("network", "reload").check()
    assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
    status = json.loads(host.command("--json=short", "network", "status", "default").check().stdout)
    assert status["rules"] is True and status["machines"][0]["ports_missing"] == []
    listed = host.command("network", "list").check().stdout
    assert "default" in listed and status["bridge"] in listed


def test_list_and_status_for_every_user(host, start, workspace):
    """Like `list`: without privileges, and without changes. Facts that only root can query are
    unknown."""
    start("web", ports=["8080:80"])
    binary = shutil.copy(host.cli.binary, workspace / "machinectl-lite")

    def ask(*arguments):
        return host.run("setpriv", "--reuid=1003", "--regid=1003", "--clear-groups", "--", "env",
                        f"MACHINECTL_LITE_RUNTIME_DIR={host.cli.runtime}", str(binary), *arguments)

    asked = json.loads(host.command("network", "list", "--json=short").check().stdout)
    told = json.loads(ask("network", "list", "--json=short"))
    assert [one["rules"] for one in asked] == [True] and [one["rules"] for one in told] == [None]
    for networks in (asked, told):
        [machine] = networks[0]["machines"]
        del networks[0]["rules"], machine["ports_missing"], machine["guarded"]
    assert asked == told
    shown = ask("network", "status", "default")
    assert told[0]["machines"][0]["address"] in shown and "only root may ask" in shown and "link up" in shown
    nothing = {"env": {"MACHINECTL_LITE_RUNTIME_DIR": str(workspace / "none")}}
    assert host.command("network", "list", "--json=short", **nothing).check().stdout == "[]\n"
    assert not (workspace / "none").exists()


def test_sysctl_reload(host, start):
    """A reload of sysctl.d, which writes 0 again, does not disconnect machines."""
    machine = start("web")
    host.sysctl("ipv4/ip_forward", 0)
    assert machine.reaches(networking.OUTSIDE)


def test_host_does_not_become_a_router(host, start):
    """Forwarding for machines does not forward for neighbours."""
    second = networking.Namespace()
    try:
        host.sh(f"ip link add eth1 type veth peer name eth0 netns {second.pid}; "
                "ip addr add 198.51.100.1/24 dev eth1; ip link set eth1 up")
        second.sh("ip link set lo up; ip addr add 198.51.100.9/24 dev eth0; ip link set eth0 up; "
                  "ip route add default via 198.51.100.1")
        host.outside.sh(f"ip route add 198.51.100.0/24 via {networking.LAN}")
        host.sh("ip addr add 2001:db8:2::1/64 dev eth1 nodad")
        second.sh("ip addr add 2001:db8:2::9/64 dev eth0 nodad; "
                  "ip route add default via 2001:db8:2::1")
        host.outside.sh(f"ip route add 2001:db8:2::/64 via {networking.LAN6}")
        host.outside.serve("outside", 80)
        machine = start("web", ports=["8080:80"])
        machine.serve("web", 80)
        assert second.ask("198.51.100.1", 8080) == "web sees 198.51.100.9"
        assert second.ask("2001:db8:2::1", 8080) == "web sees 2001:db8:2::9"
        assert second.ask(networking.OUTSIDE, 80) in ("timeout", "unreachable")
        assert second.ask(networking.OUTSIDE6, 80) in ("timeout", "unreachable")
    finally:
        second.close()


# ---- hosts of every kind ----


def test_ipv6_off(cli, machine_file):
    """A host without IPv6: IPv4 only, and no warning."""
    host = networking.Host(cli, ipv6=False)
    try:
        machine = host.start(machine_file("web", network={"mode": "bridge"}, command=UP,
                                          ports=["8080:80"]))
        machine.serve("web", 80)
        assert "address6" not in machine.lease()
        assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
        assert machine.stop().stderr == ""
    finally:
        host.close()


def test_mtu(cli, machine_file):
    """Machines have the MTU of the host's default route; a configured one takes precedence."""
    host = networking.Host(cli, mtu=1400)
    try:
        machine = host.start(machine_file("web", network={"mode": "bridge"}, command=UP))
        assert "mtu 1400" in machine.run("ip", "link", "show", "eth0")
        assert "mtu 1400" in host.run("ip", "link", "show", machine.lease()["link"])
        small = host.start(machine_file("small", network={"mode": "bridge", "mtu": 1300},
                                        command=UP))
        assert "mtu 1300" in small.run("ip", "link", "show", "eth0")
    finally:
        host.close()


def test_strict_reverse_path(host, start):
    """Strict rp_filter on all interfaces does not interfere."""
    for which in ("all", "default", "eth0"):
        host.sysctl(f"ipv4/conf/{which}/rp_filter", 1)
    machine = start("web", ports=["8080:80"])
    machine.serve("web", 80)
    gateway, _ = machine.gateways()
    assert host.outside.ask(networking.LAN, 8080) == f"web sees {networking.OUTSIDE}"
    assert host.ask("127.0.0.1", 8080) == f"web sees {gateway}"
    assert machine.ask(networking.LAN, 8080) == f"web sees {gateway}"


# ---- modes ----


def test_none(host, start):
    """Only the loopback interface."""
    machine = start("web", network={"mode": "none"})
    assert machine.links() == {"lo"}
    assert machine.reaches("127.0.0.1")
    assert not host.own_links()


def test_host_mode(host, start):
    """The host's own network."""
    machine = start("web", network={"mode": "host"})
    assert os.readlink(f"/proc/{machine.pid}/ns/net") == os.readlink(f"/proc/{host.pid}/ns/net")


def test_machine_mode(start, refuse):
    """Another machine's network, with its address and name; refused if that machine is not
    running."""
    refuse("not running", "side", network={"mode": "machine:web"})
    web = start("web")
    side = start("side", network={"mode": "machine:web"})
    assert os.readlink(f"/proc/{side.pid}/ns/net") == os.readlink(f"/proc/{web.pid}/ns/net")
    assert f"{web.address} side\n" in side.hosts()
    peer = start("db")
    assert f"{peer.address} db\n" in side.hosts() and f"{web.address} side\n" in peer.hosts()
    side.stop()
    harness.wait_for(lambda: " side\n" not in peer.hosts(), 20, "the name to go")
    assert web.reaches(networking.OUTSIDE)


def test_path_mode(host, start, refuse):
    """A network namespace by its path; other files are refused."""
    machine = start("web", network={"mode": f"path:/proc/{host.outside.pid}/ns/net"})
    assert os.readlink(f"/proc/{machine.pid}/ns/net") == \
        os.readlink(f"/proc/{host.outside.pid}/ns/net")
    refuse("not a network namespace", "two", network={"mode": "path:/proc/self/ns/mnt"})


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.needs(f"link:{kind}")) for kind in ("macvlan", "ipvlan")])
def test_link_on_an_interface(host, start, refuse, kind):
    """A link of its own on the host's interface, with addresses of its subnets."""
    host.outside.serve("outside", 80)
    machine = start("web", network={"mode": f"{kind}:eth0", "address": "192.0.2.50",
                                    "address6": "2001:db8::50"})
    assert machine.links() == {"lo", "eth0"}
    assert machine.ask(networking.OUTSIDE, 80) == "outside sees 192.0.2.50"
    assert machine.ask(networking.OUTSIDE6, 80) == "outside sees 2001:db8::50"
    assert networking.OUTSIDE in machine.run("ip", "route", "show", "default")
    refuse("nosuch0", "two", network={"mode": f"{kind}:nosuch0"})
    refuse("198.51.100.7", "three", network={"mode": f"{kind}:eth0", "address": "198.51.100.7"})
    machine.stop()
    harness.wait_for(lambda: host.links() == {"lo", "eth0"}, 20, "the link to go")


def test_ports_of_a_network_without_ipv4_are_a_warning(cli, host, machine_file):
    """Their IPv4 addresses on the host do not lead to the machine."""
    (cli.config / "six.network").write_text('bridge = "mlsix"; subnet6 = "fd99:6::/64";')
    path = machine_file("six", network={"name": "six"}, ports=["8088:80"],
                        command=UP)
    assert "IPv6 only" in host.command("run", path, "--", "/bin/true").check().stderr
    host.start(path)
    status = host.command("network", "status", "six").check().stdout
    assert "ok" not in status and "ports by IPv6 only" in status
