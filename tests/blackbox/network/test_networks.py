# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines in several networks, and their aliases."""

import json
import signal
import subprocess

import harness
import networking
import pytest

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip", "link:veth")

UP = ["sh", "-c", "echo up; exec sleep 1000"]
FURTHER = [{"name": "back", "aliases": ["app", "app.internal"]}]


@pytest.fixture
def start(host, machine_file):
    """start("web", network={..}, networks=[..]) starts a machine; a Machine."""

    def run(name, **keys):
        return host.start(machine_file(name, **{"command": UP, **keys}))

    return run


@pytest.fixture(autouse=True)
def definitions(cli):
    """Two networks, the second without a way out."""
    network(cli, "front", subnet="10.91.0.0/24", subnet6="fd91::/64")
    network(cli, "back", subnet="10.92.0.0/24", internal=True)


def network(cli, name, **keys):
    """Writes NAME.network."""
    (cli.config / f"{name}.network").write_text(harness.definition(**keys))


def front(**keys):
    """The key `network` of a machine in front."""
    return {"name": "front", **keys}


def resolve(machine, name):
    """The addresses that the machine's hosts file has for a name."""
    return [words[0] for words in map(str.split, machine.hosts().splitlines())
            if name in words[1:]]


def links(machine):
    """Its links, but for the loopback interface, with their addresses."""
    return {link["ifname"]: [address["local"] for address in link["addr_info"]
                             if address["scope"] == "global"]
            for link in json.loads(machine.run("ip", "-j", "addr")) if link["ifname"] != "lo"}


def clean(host):
    harness.wait_for(host.is_clean, 30, "a clean host")


def leases(host, name):
    """{network: lease} of a machine, as far as it runs."""
    listed = json.loads(host.command("network", "list", "--json=short").check().stdout)
    return {network["name"]: lease for network in listed for lease in network["machines"]
            if lease["name"] == name and lease["pid"]}


def test_each_network_is_a_link_with_a_lease_of_its_own(host, start):
    machine = start("web", network=front(), networks=FURTHER)
    found = leases(host, "web")
    assert set(found) == {"front", "back"}
    assert {name: lease["interface"] for name, lease in found.items()} == {"front": "eth0",
                                                                          "back": "eth1"}
    assert links(machine) == {"eth0": [found["front"]["address"], found["front"]["address6"]],
                              "eth1": [found["back"]["address"]]}
    assert found["back"]["address"].startswith("10.92.0.") and found["back"]["guarded"]
    assert found["back"]["aliases"] == ["app", "app.internal"]
    routes = machine.run("ip", "route")
    assert "default via 10.91.0.1 dev eth0" in routes and routes.count("default") == 1
    shown = next(row for row in json.loads(host.command("list", "--json=short").check().stdout)
                 if row["name"] == "web")
    assert [(item["name"], item["interface"], item["address"]) for item in shown["networks"]] == \
        [("front", "eth0", found["front"]["address"]), ("back", "eth1", found["back"]["address"])]
    status = host.command("status", "web").check().stdout
    assert f"Network: {found['back']['address']} in back\n" in status
    picture = host.command("network", "status").check().stdout
    assert "web 10.92.0." in picture and " as app, app.internal by its eth1" in picture
    assert f", also in back {found['back']['address']}" in \
        host.command("list", "--tree").check().stdout
    machine.stop()
    clean(host)
    again = start("web", network=front(), networks=FURTHER)
    assert {name: lease["address"] for name, lease in leases(host, "web").items()} == \
        {name: lease["address"] for name, lease in found.items()}
    again.stop()
    clean(host)


def test_names_resolve_in_every_network_that_two_machines_share(host, start):
    first = start("first", network=front(aliases=["www"]), networks=[{"name": "back"}])
    both = start("both", network=front(), networks=FURTHER)
    only = start("only", network={"name": "back", "aliases": ["db"]})
    other = start("other", network=front(aliases=["www"]))
    mine, theirs = leases(host, "first"), leases(host, "both")
    in_both = [mine["front"]["address"], mine["front"]["address6"], mine["back"]["address"]]
    assert resolve(both, "first") == in_both
    assert resolve(first, "first") == in_both
    assert resolve(only, "first") == in_both[2:]
    assert resolve(other, "first") == in_both[:2]
    # Aliases are those of one network.
    for machine, name, found in [(only, "app", [theirs["back"]["address"]]),
                                 (only, "app.internal", [theirs["back"]["address"]]),
                                 (both, "app", [theirs["back"]["address"]]),
                                 (first, "app", [theirs["back"]["address"]]),
                                 (other, "app", []), (first, "db", [only.address]),
                                 (other, "db", []), (only, "www", [])]:
        assert resolve(machine, name) == found, (machine.name, name)
    # Several machines may have the same, and the first one finds itself first.
    assert resolve(other, "www")[0] == other.address
    assert resolve(first, "www")[0] == mine["front"]["address"]
    assert resolve(both, "www") == [mine["front"]["address"], mine["front"]["address6"],
                                    other.address, other.address6]
    assert only.reaches(mine["back"]["address"]) and first.reaches(only.address)
    assert not only.reaches(other.address) and not other.reaches(only.address)
    assert not only.reaches(mine["front"]["address"])
    both.stop()
    harness.wait_for(lambda: not resolve(first, "both") and not resolve(only, "app"))
    assert resolve(first, "db") == [only.address]
    for machine in (first, only, other):
        machine.stop()
    clean(host)


def test_ports_are_those_of_the_first_network(host, start):
    machine = start("web", network=front(), networks=FURTHER, ports=["8080:80"])
    machine.serve("inside", 80)
    assert host.ask("127.0.0.1", 8080).startswith("inside")
    assert host.outside.ask(networking.LAN, 8080).startswith("inside")
    assert "10.91.0." in host.table() and leases(host, "web")["back"]["ports"] == []
    machine.stop()
    clean(host)


def test_settings_of_a_further_network(host, start):
    machine = start("web", network=front(), networks=[
        {"name": "back", "address": "10.92.0.77", "mac": "02:00:5e:10:00:09", "mtu": 1400}])
    link = json.loads(machine.run("ip", "-j", "addr", "show", "eth1"))[0]
    assert (link["address"], link["mtu"]) == ("02:00:5e:10:00:09", 1400)
    assert leases(host, "web")["back"]["address"] == "10.92.0.77"
    machine.stop()
    clean(host)


def test_an_address_in_use_fails_the_start_and_leaves_nothing(host, start, machine_file):
    first = start("first", network={"name": "back", "address": "10.92.0.9"})
    before = host.own_links()
    path = machine_file("second", command=UP, network=front(),
                        networks=[{"name": "back", "address": "10.92.0.9"}])
    result = host.command("run", path).check(125)
    assert 'network "back": cannot give the machine the address 10.92.0.9: machine "first" ' \
           "already has it" in result.stderr
    assert not leases(host, "second")
    harness.wait_for(lambda: host.own_links() == before, 20, "the links of the first one alone")
    first.stop()
    clean(host)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_a_supervisor_ends_all_leases(host, start, number):
    machine = start("web", network=front(), networks=FURTHER)
    other = start("other", network={"name": "back"})
    supervisor = leases(host, "web")["back"]["pid"]
    subprocess.run(["kill", f"-{number.value}", str(supervisor)], check=True)
    machine.running.wait()
    host.command("collect").check()
    harness.wait_for(lambda: not leases(host, "web"))
    assert not resolve(other, "web")
    other.stop()
    host.command("collect").check()
    clean(host)


def test_a_machine_that_restarts_has_all_its_links(host, start, machine_file):
    other = start("other", network={"name": "back"})
    machine_file("web", command=["sleep", "600"], network=front(), networks=FURTHER,
                 restart={"policy": "always", "delay": "50ms"}, stop={"timeout": "100ms"})
    host.command("start", "web").check()
    first = networking.Machine(host, "web", None)
    before = leases(host, "web")
    subprocess.run(["kill", "-9", str(first.pid)], check=True)
    harness.wait_for(lambda: (first._find_init() or first.pid) != first.pid)
    again = networking.Machine(host, "web", None)
    harness.wait_for(lambda: again.reaches(other.address))
    after = leases(host, "web")
    assert {name: lease["address"] for name, lease in after.items()} == \
        {name: lease["address"] for name, lease in before.items()}
    assert set(links(again)) == {"eth0", "eth1"}
    assert resolve(other, "app") == [after["back"]["address"]]
    host.command("stop", "web").check()
    other.stop()
    clean(host)


def test_machines_that_share_the_network_share_all_its_names(host, start, machine_file):
    owner = start("owner", network=front(), networks=FURTHER)
    side = start("side", network={"mode": "machine:owner"})
    peer = start("peer", network={"name": "back", "aliases": ["db"]})
    assert links(side) == links(owner)
    assert resolve(side, "db") == [peer.address]
    assert resolve(peer, "side") == resolve(peer, "owner") == [leases(host, "owner")["back"]["address"]]
    address = leases(host, "owner")["back"]["address"]
    # The network stays with the one that shares it, and the next start takes it over.
    owner.stop()
    assert side.reaches(peer.address) and resolve(peer, "side") == [address]
    again = start("owner", network=front(), networks=FURTHER)
    assert set(links(side)) == {"eth0", "eth1"} and links(again) == links(side)
    assert resolve(peer, "app") == [address]
    again.stop()
    # Without the second network, its link and its names go.
    third = start("owner", network=front())
    assert resolve(side, "db") == [] and resolve(peer, "side") == []
    for machine in (side, third, peer):
        machine.stop()
    clean(host)


def test_networks_that_change_places(host, start):
    """With a namespace that another machine keeps, no link of the last run is taken for another."""
    owner = start("owner", network=front(), networks=FURTHER)
    side = start("side", network={"mode": "machine:owner"})
    peer = start("peer", network={"name": "back"})
    owner.stop()
    again = start("owner", network={"name": "back"}, networks=[{"name": "front"}])
    found = leases(host, "owner")
    assert links(again) == {"eth0": [found["back"]["address"]],
                            "eth1": [found["front"]["address"], found["front"]["address6"]]}
    assert side.reaches(peer.address)
    assert resolve(peer, "side") == [found["back"]["address"]]
    for machine in (side, again, peer):
        machine.stop()
    clean(host)


def test_a_pod_in_several_networks(host, cli, machine_file):
    (cli.config / "pair.pod").write_text(
        harness.definition(network=front(), networks=FURTHER))
    machine_file("member", command=UP, pod="pair", network=None, stop={"timeout": "100ms"})
    machine_file("peer", command=UP, network={"name": "back", "aliases": ["db"]},
                 stop={"timeout": "100ms"})
    host.command("start", "peer", "member").check()
    try:
        inside = host.command("exec", "member", "cat", "/etc/hosts").check().stdout
        assert " db\n" in inside
        assert "eth1" in host.command("exec", "member", "ip", "addr").check().stdout
    finally:
        host.command("delete", "--force", "member", "peer", "pair").check()
    clean(host)


def test_clones_have_no_fixed_address_of_the_first(host, cli, machine_file):
    machine_file("web", command=UP, network=front(),
                 networks=[{"name": "back", "address": "10.92.0.8", "aliases": ["app"]}])
    host.command("clone", "web", "web2").check()
    shown = json.loads(host.command("config", "show", "--json=short", "web2").check().stdout)
    assert shown["settings"]["networks"] == [{"name": "back", "aliases": ["app"]}]


@pytest.mark.parametrize(("keys", "words"), [
    ({"network": {"name": "back"}, "networks": [{"name": "back"}]},
     'the machine joins "back" by "network" already'),
    ({"networks": [{"name": "back"}, {"name": "default"}, {"name": "back"}]},
     'the machine joins "back" twice'),
    ({"network": {"mode": "host"}, "networks": [{"name": "back"}]},
     '"networks" needs a machine with a link of its own'),
    ({"networks": [{"name": "back", "address": "10.99.0.4"}]},
     '10.99.0.4 is not an address of network "back" (10.92.0.0/24)'),
    ({"networks": [{"name": "back", "address6": "fd91::4"}]}, 'network "back" has no IPv6'),
    ({"networks": [{"address": "10.92.0.4"}]}, "name"),
    ({"networks": [{"name": "back", "aliases": ["a b"]}]}, "names of hosts"),
    ({"network": {"name": "front", "aliases": ["x" * 60] * 8}},
     "the aliases have more than 400 characters in all"),
    ({"network": {"mode": "none", "aliases": ["x"]}}, '"aliases" has no effect in this mode'),
])
def test_check_refuses(cli, machine_file, keys, words):
    keys = {"network": front(), **keys}
    result = cli("check", machine_file("web", command=UP, **keys)).check(65)
    assert words in result.stderr + result.stdout, result


def test_check_of_several(cli, machine_file):
    paths = [machine_file(name, command=UP, network=front(),
                          networks=[{"name": "back", "address": "10.92.0.4"}])
             for name in ("one", "two")]
    result = cli("check", *paths).check(65)
    assert "an address that is also used by machine" in result.stderr + result.stdout
    missing = machine_file("three", command=UP, network=front(), networks=[{"name": "nowhere"}])
    result = cli("check", missing).check()
    assert 'network "nowhere" not found' in result.stderr + result.stdout
