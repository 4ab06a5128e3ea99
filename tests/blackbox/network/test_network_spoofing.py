# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine with all rights over its own network cannot impersonate others on its bridge. Each
attack also runs on a network that allows it, where it must succeed."""

import json
import signal
import subprocess

import pytest

import frames
import harness
import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip", "program:bridge")

UP = ["sh", "-c", "echo up; exec sleep 1000"]
OPEN, GUARDED = "open", "default"


@pytest.fixture
def start(host, machine_file, cli):
    """start("web", network={..}) starts a machine on a bridge; a Machine."""
    (cli.config / f"{OPEN}.network").write_text("spoofing = true;\n")

    def run(name, network=GUARDED, **keys):
        return host.start(machine_file(name, network={"mode": "bridge", "name": network,
                                                      **keys.pop("settings", {})},
                                       **{"command": UP, **keys}))

    return run


def hardware(namespace, interface="eth0"):
    return json.loads(namespace.run("ip", "-j", "link", "show", interface))[0]["address"]


def identity(machine):
    return {"mac": hardware(machine), "ip": machine.address, "ip6": machine.address6}


def gateway_of(host, machine):
    address, address6 = machine.gateways()
    return {"mac": hardware(host, status(host, machine)["bridge"]), "ip": address,
            "ip6": address6}


def status(host, machine):
    """What `network status` reports about a machine's network."""
    for network in json.loads(host.command("--json=short", "network", "list").check().stdout):
        if any(one["name"] == machine.name for one in network["machines"]):
            return network
    raise AssertionError(f"no network has {machine.name}")


class Ear:
    """Captures what arrives at a machine's eth0, or that of another namespace."""

    def __init__(self, namespace):
        self.process = subprocess.Popen(
            namespace.wrapper + [networking.PYTHON, frames.__file__, "hear"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def frames(self):
        return [bytes.fromhex(frame) for frame in json.loads(self.process.communicate()[0])]


def send(machine, *content):
    machine.run(networking.PYTHON, frames.__file__, "send",
                input=json.dumps([frame.hex() for frame in content]))


def send_all(machine, table):
    send(machine, *(frame for frame, _ in table.values()))


def heard_of(ear, table):
    """The names of the frames that arrived."""
    heard = ear.frames()
    return {name for name, (_, mark) in table.items() if any(mark in frame for frame in heard)}


@pytest.fixture
def pair(start):
    """pair("default"): two machines of a network, the sender first."""
    return lambda network, **keys: (start("evil", network, **keys), start("good", network, **keys))


@pytest.mark.parametrize("network", [GUARDED, OPEN])
def test_frames(host, pair, network):
    """Of everything that a machine with raw sockets can send, its own frames arrive and forged
    ones do not."""
    evil, good = pair(network)
    true, forged = frames.catalogue(identity(evil), identity(good), gateway_of(host, evil))
    ear = Ear(good)
    send_all(evil, {**true, **forged})
    heard = heard_of(ear, {**true, **forged})
    assert set(true) <= heard, set(true) - heard
    if network == GUARDED:
        assert not heard & set(forged), heard & set(forged)
    else:
        assert set(forged) <= heard, set(forged) - heard


@pytest.mark.parametrize("network, poisoned", [(GUARDED, False), (OPEN, True)])
def test_neighbours_are_not_poisoned(host, pair, network, poisoned):
    """A machine's neighbour entry of its gateway, and the host's of a machine, do not change."""
    evil, good = pair(network)
    own, peer, gateway = identity(evil), identity(good), gateway_of(host, evil)
    _, forged = frames.catalogue(own, peer, gateway)
    assert good.reaches(gateway["ip"]) and good.reaches(gateway["ip6"])
    # The kernel does not update an entry younger than a second (locktime).
    good.sh("echo 0 > /proc/sys/net/ipv4/neigh/eth0/locktime")
    send(evil, *(forged[name][0] for name in ("arp answer for the gateway",
                                              "advertisement for the gateway")))

    def entry(address):
        return json.loads(good.run("ip", "-j", "neigh", "show", address))[0]["lladdr"]

    expected = own["mac"] if poisoned else gateway["mac"]
    harness.wait_for(lambda: entry(gateway["ip"]) == entry(gateway["ip6"]) == expected, 5,
                     "the neighbours' entries")


SENDER = """
import socket, sys, time
for source in sys.argv[2:]:
    out = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    out.bind((source, 0))
    out.sendto(b"from " + source.encode(), (sys.argv[1], 9))
print("up", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("network, heard", [(GUARDED, False), (OPEN, True)])
def test_source_without_capabilities(host, start, debian_root, network, heard):
    """IPV6_FREEBIND lets any program send from any address, without capabilities over the
    network."""
    good = start("good", network)
    gateway = gateway_of(host, good)["ip6"]
    ear = Ear(good)
    start("evil", network, overlay=[str(debian_root)], upper="volatile",
          command=["python3", "-c", SENDER, good.address6, "::", gateway])
    payloads = b"".join(ear.frames())
    assert b"from ::" in payloads
    assert (b"from " + gateway.encode() in payloads) == heard


@pytest.mark.parametrize("network, poisoned", [(GUARDED, False), (OPEN, True)])
def test_proxy(host, pair, network, poisoned):
    """With CAP_NET_ADMIN a machine's kernel answers for addresses of others: the answers do not
    arrive."""
    evil, good = pair(network)
    evil.sh("cd /proc/sys/net/ipv4; for key in ip_forward conf/eth0/proxy_arp "
            "conf/eth0/proxy_arp_pvlan; do echo 1 > $key; done; echo 0 > neigh/eth0/proxy_delay")
    own, peer, gateway = identity(evil), identity(good), gateway_of(host, evil)
    ear = Ear(good)
    send(good, frames.ALL + frames.mac(peer["mac"]) + b"\x08\x06" + frames.arp(
        1, peer["mac"], peer["ip"], "00:00:00:00:00:00", gateway["ip"]))
    answers = {frame[22:28] for frame in ear.frames()
               if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2"
               and frame[28:32] == frames.packed(gateway["ip"])}
    expected = {gateway["mac"], own["mac"]} if poisoned else {gateway["mac"]}
    assert answers == {frames.mac(address) for address in expected}


@pytest.mark.parametrize("target", ["ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:0e", "gateway"])
@pytest.mark.parametrize("network, stolen", [(GUARDED, False), (OPEN, True)])
def test_hardware_address_of_another(host, pair, network, stolen, target):
    """The bridge does not learn another's address from a machine, not even from frames that the
    bridge itself consumes before any rule (01:80:c2:00:00:0e)."""
    evil, good = pair(network)
    peer, gateway = identity(good), gateway_of(host, evil)
    assert good.reaches(gateway["ip"])
    target = gateway["mac"] if target == "gateway" else target
    frame = frames.mac(target) + frames.mac(peer["mac"]) + b"\x88\xcc" + bytes(50)
    bridge = status(host, evil)["bridge"]

    def is_stolen():
        """Tries it; the peer's next frame reclaims the address."""
        send(evil, frame)
        table = json.loads(host.run("bridge", "-j", "fdb", "show", "br", bridge))
        return {entry["ifname"] for entry in table if entry["mac"] == peer["mac"]} == {
            evil.lease()["link"]}

    if stolen:
        harness.wait_for(is_stolen, 10, "the address to be taken")
    else:
        assert not any(is_stolen() for _ in range(5))
        assert good.reaches(gateway["ip"])


@pytest.mark.parametrize("network, reached", [(GUARDED, False), (OPEN, True)])
def test_address_of_another(host, pair, network, reached):
    """With CAP_NET_ADMIN a machine can add any address, but only use its own."""
    evil, good = pair(network)
    gateway = gateway_of(host, evil)
    address, address6 = good.address, good.address6
    good.stop()
    evil.sh(f"ip addr flush dev eth0; ip addr add {address}/16 dev eth0; "
            f"ip addr add {address6}/64 dev eth0 nodad")
    assert evil.reaches(gateway["ip"]) == evil.reaches(gateway["ip6"]) == reached


@pytest.mark.parametrize("network, reached", [(GUARDED, False), (OPEN, True)])
def test_another_hardware_address(host, start, network, reached):
    """The same for hardware addresses, including one in the definition."""
    evil = start("evil", network, settings={"mac": "02:00:00:00:00:42"})
    gateway = gateway_of(host, evil)
    assert hardware(evil) == "02:00:00:00:00:42" and evil.reaches(gateway["ip"])
    # The other machine's own is 02:..:42, known to the host only from its frames.
    evil.sh("ip link set eth0 address 02:00:00:00:00:43")
    host.run("ip", "neigh", "flush", "all")
    assert evil.reaches(gateway["ip"]) == reached


def test_users_bridge(host, start, cli):
    """On a user's bridge, shared with others, machines are guarded as well."""
    host.sh("ip link add lan type bridge; ip addr add 10.44.0.1/24 dev lan; ip link set lan up")
    (cli.config / "lan.network").write_text('bridge = "lan";\nsubnet6 = "fd44::/64";\n'
                                            'subnet = "10.44.0.0/24";\n')
    evil, good = (start(name, "lan") for name in ("evil", "good"))
    true, forged = frames.catalogue(identity(evil), identity(good), {
        "mac": hardware(host, "lan"), "ip": "10.44.0.1", "ip6": "fd44::1"})
    ear = Ear(good)
    send_all(evil, {**true, **forged})
    assert heard_of(ear, {**true, **forged}) == set(true)


def test_names_are_the_definitions(host, start):
    """A machine's own host name does not appear in its peers' hosts files."""
    good = start("good")
    before = good.hosts()
    start("evil", capabilities={"add": ["CAP_SYS_ADMIN"]}, command=[
        "sh", "-ec", "hostname host.internal; echo up; exec sleep 1000"])
    added = set(good.hosts().splitlines()) - set(before.splitlines())
    assert [line.split()[1:] for line in added if ":" not in line] == [["evil"]], added


def test_services_of_the_host(host, start):
    """A machine can reach services at any of the host's addresses, and a rule on the host blocks
    it, as in network(5)."""
    host.serve("host", 22)
    machine = start("web")
    gateway = machine.gateways()[0]
    assert machine.ask(gateway, 22) == f"host sees {machine.address}"
    assert machine.ask(networking.LAN, 22) == f"host sees {machine.address}"
    host.run("nft", "add table inet own; add chain inet own input { type filter hook input priority "
             "0; }; add rule inet own input iifname mlb* tcp dport 22 reject")
    assert machine.ask(gateway, 22) == machine.ask(networking.LAN, 22) == "refused"


# ---- the life of the rules ----


def doctors(host):
    """What `doctor` reports about the rules."""
    lines = json.loads(host.command("doctor", "--json=short").stdout)
    return next(line for line in lines if line["check"] == "nftables")


def elements(host):
    """The number of elements in the guard's sets, in all tables of the family."""
    listed = json.loads(host.run("nft", "-j", "list", "ruleset", "bridge"))["nftables"]
    return sum(len(item["set"].get("elem", [])) for item in listed if "set" in item)


@pytest.mark.parametrize("drop", ["flush ruleset", "delete table bridge {}",
                                  "flush set bridge {} guarded"])
def test_dropped_rules_are_reported_and_restored(host, pair, drop):
    """`network status` reports a machine that is not guarded, `network reload` guards it again."""
    evil, good = pair(GUARDED)
    _, forged = frames.catalogue(identity(evil), identity(good), gateway_of(host, evil))
    before = elements(host)
    table = host.table().split("table bridge ")[1].split()[0]
    host.run("nft", drop.format(table))
    told = status(host, evil)
    assert [machine["guarded"] for machine in told["machines"]] == [False, False]
    assert told["rules"] == drop.startswith("flush set")
    assert "not guarded" in host.command("network", "status", GUARDED).check().stdout
    assert doctors(host)["result"] == "error" and "network reload" in doctors(host)["way_out"]
    host.command("network", "reload").check()
    told = status(host, evil)
    assert told["rules"] and all(machine["guarded"] for machine in told["machines"])
    assert elements(host) == before
    assert "dropped" not in doctors(host)["found"]
    ear = Ear(good)
    send_all(evil, forged)
    assert not heard_of(ear, forged)


def test_elements_come_and_go(host, start):
    """Each machine adds one set of elements; stopping or killing it removes them."""
    start("one")
    count = elements(host)
    two = start("two", ports=["8080:80"])
    assert elements(host) == 2 * count
    two.stop()
    harness.wait_for(lambda: elements(host) == count, 20, "the elements to go")
    three = start("three")
    assert elements(host) == 2 * count
    three.stop()
    harness.wait_for(lambda: elements(host) == count, 20, "the elements to go")
    four = start("four")
    four.running.signal(signal.SIGKILL)
    four.running.wait()
    host.command("collect").check()
    assert elements(host) == count


def test_no_rules_where_none_are_wanted(host, start):
    """A network with `spoofing` needs no rules for bridges, which a kernel may lack."""
    start("web", OPEN)
    assert "table bridge" not in host.table()
    start("db", GUARDED)
    assert "table bridge" in host.table()
