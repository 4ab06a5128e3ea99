# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network shared by machines outlives its own machine."""

import itertools
import json
import os
import signal
import socket
import urllib.request

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "link:veth")

NUMBERS = itertools.count(1)
QUICK = {"command": ["sleep", "600"], "stop": {"timeout": "100ms"}}


class Pair:
    """A machine, and another that shares its network."""

    def __init__(self, cli, machine_file, **keys):
        self.cli = cli
        self.machine_file = machine_file
        self.owner = f"vpn-{os.getpid()}-{next(NUMBERS)}"
        self.side = f"side-{self.owner}"
        self.define(**keys)
        machine_file(self.side, **QUICK, network={"mode": f"machine:{self.owner}"})
        cli("start", self.owner).check()
        cli("start", self.side).check()

    def define(self, **keys):
        """Writes the definition of the machine that owns the network."""
        self.machine_file(self.owner, **{**QUICK, "network": {"mode": "bridge"}, **keys})

    def show(self, name):
        """The output of `show`."""
        return json.loads(self.cli("show", name).check().stdout)

    def listed(self, name):
        """The output of `list`."""
        return next(row for row in json.loads(self.cli("list", "--json=short").check().stdout)
                    if row["name"] == name)

    def space(self, name):
        """The network namespace."""
        return os.readlink(f"/proc/{self.show(name)['init']['pid']}/ns/net")

    def addresses(self, name):
        """The state of eth0 inside."""
        return self.cli("exec", name, "ip", "-4", "addr", "show", "eth0").check().stdout

    def gateway(self):
        """The host's address in the network."""
        return json.loads(self.cli("network", "list", "--json=short").check().stdout)[0]["gateway"]

    def reaches_host(self, name):
        """Whether the host can be reached from inside."""
        with socket.create_server(("0.0.0.0", 0)) as server:
            server.settimeout(3)
            asking = self.cli.start("exec", name, "nc", self.gateway(),
                                    str(server.getsockname()[1]))
            try:
                server.accept()[0].close()
            except TimeoutError:
                return False
            finally:
                asking.kill()
        return True

    def works(self):
        """Both are in one network that reaches the host, and `list` names it."""
        assert self.space(self.owner) == self.space(self.side)
        address = self.listed(self.owner)["address"]
        assert address and self.listed(self.side)["address"] == address
        for name in (self.owner, self.side):
            assert f"{address}/" in self.addresses(name)
            assert self.reaches_host(name)


@pytest.fixture
def pair(cli, machine_file, request):
    """pair(keys of the owner) starts both."""

    def make(**keys):
        made = Pair(cli, machine_file, **keys)
        request.addfinalizer(lambda: cli("delete", "--force", made.side, made.owner))
        return made

    return make


def restart(pair):
    pair.cli("restart", pair.owner).check()


def stop_and_start(pair):
    os.kill(pair.show(pair.owner)["supervisor"]["pid"], signal.SIGTERM)
    harness.wait_for(lambda: pair.show(pair.owner)["state"] == "stopped")
    pair.cli("start", pair.owner).check()


def kill_supervisor(pair):
    os.kill(pair.show(pair.owner)["supervisor"]["pid"], signal.SIGKILL)
    harness.wait_for(lambda: pair.show(pair.owner)["state"] == "failed")
    pair.cli("collect").check()
    pair.cli("start", pair.owner).check()


def end_itself(pair):
    """Through its restart policy."""
    before = pair.show(pair.owner)["init"]["pid"]
    os.kill(before, signal.SIGKILL)
    harness.wait_for(lambda: pair.show(pair.owner)["state"] == "running"
                     and pair.show(pair.owner)["init"]["pid"] != before)


WAYS = [restart, stop_and_start, kill_supervisor, end_itself]


@pytest.mark.parametrize("way", WAYS)
def test_the_owner_rejoins_its_network(pair, way):
    made = pair(ports=["18080:8000"], restart={"policy": "always", "delay": "50ms"},
                capabilities={"add": ["NET_ADMIN"]})
    made.works()
    status = made.cli("status", made.side).check().stdout
    assert f"Network: shared with {made.owner} (running)\n" in status
    made.cli("exec", made.side, "sh", "-c", "mkdir /tmp/www; echo here > /tmp/www/index.html; "
                                            "httpd -p 8000 -h /tmp/www").check()
    space = made.space(made.side)
    address = made.listed(made.side)["address"]
    for _ in range(2):
        way(made)
        made.works()
        assert made.space(made.owner) == space and made.listed(made.side)["address"] == address
        with urllib.request.urlopen("http://127.0.0.1:18080/", timeout=5) as page:
            assert page.read() == b"here\n"
        # It has the same rights over its network as before.
        made.cli("exec", made.owner, "ip", "link", "add", "dummy7", "type", "bridge").check()
        made.cli("exec", made.owner, "ip", "link", "del", "dummy7").check()


def test_the_network_stays_while_the_owner_is_down(pair):
    made = pair()
    os.kill(made.show(made.owner)["supervisor"]["pid"], signal.SIGKILL)
    harness.wait_for(lambda: made.show(made.owner)["state"] == "failed")
    status = made.cli("status", made.side).check().stdout
    assert f"Network: shared with {made.owner} (failed)\n" in status
    made.cli("collect").check()
    assert made.reaches_host(made.side)
    made.cli("network", "reload").check()
    assert made.reaches_host(made.side)
    status = made.cli("status", made.side).check().stdout
    assert f"Network: shared with {made.owner} (not running)\n" in status
    # The last machine to stop removes everything.
    made.cli("stop", made.side).check()
    harness.wait_for(lambda: "mlv" not in os.popen("ip -br link").read()
                     and "veth-ml" not in os.popen("ip -br link").read())
    assert not [machine for network in json.loads(
        made.cli("network", "list", "--json=short").check().stdout)
        for machine in network["machines"] if machine["link"]]


def test_another_address_is_everybodys(pair):
    """The definition has changed, and machines that share the network get the new addresses."""
    made = pair()
    made.works()
    made.define(network={"mode": "bridge", "address": made.gateway().rsplit(".", 2)[0] + ".77.7"})
    restart(made)
    made.works()
    assert made.listed(made.side)["address"].endswith(".77.7")


def test_a_machine_without_a_network_rejoins_its_namespace(pair):
    made = pair(network={"mode": "none"})
    space = made.space(made.side)
    restart(made)
    assert made.space(made.owner) == made.space(made.side) == space
    made.cli("exec", made.owner, "ip", "route", "get", "127.0.0.1").check()


def test_a_dependent_that_ends_with_its_owner_waits_for_it(pair):
    """Both exit at the same time and restart, in either order."""
    made = pair(restart={"policy": "always", "delay": "800ms"})
    made.machine_file(made.side, **QUICK, network={"mode": f"machine:{made.owner}"},
                      restart={"policy": "always", "delay": "50ms"})
    made.cli("restart", made.side).check()
    for name in (made.owner, made.side):
        os.kill(made.show(name)["init"]["pid"], signal.SIGKILL)
    harness.wait_for(lambda: made.show(made.side)["restarts"] > 1
                     and all(made.show(name)["state"] == "running"
                             for name in (made.owner, made.side)))
    made.works()


def test_the_owner_is_started_first_and_stopped_last(pair):
    made = pair()
    stopped = made.cli("stop", made.owner).check()
    assert f'machine "{made.side}" requires "{made.owner}"' in stopped.stderr
    assert made.show(made.side)["state"] == made.show(made.owner)["state"] == "stopped"
    assert made.show(made.side)["stopped_usec"] <= made.show(made.owner)["stopped_usec"]
    made.cli("start", made.side).check()
    made.works()


def test_what_is_required_is_stopped_after_those_that_require_it(cli, machine_file, request):
    names = [f"chain-{os.getpid()}-{letter}" for letter in "abc"]
    for name, needed in zip(names, [[], names[:1], names[1:2]]):
        machine_file(name, **QUICK, **({"requires": needed} if needed else {}))
    request.addfinalizer(lambda: cli("delete", "--force", *names))
    cli("start", names[2]).check()
    stopped = cli("stop", names[0]).check().stderr
    assert all(f'"{name}"' in stopped for name in names)
    assert json.loads(cli("list", "--json=short").check().stdout) == []
    ends = [json.loads(cli("show", name).check().stdout)["stopped_usec"] for name in names]
    assert ends == sorted(ends, reverse=True)


def test_a_cycle_through_a_network_is_reported(cli, machine_file):
    first = machine_file("one", **QUICK, network={"mode": "machine:two"})
    second = machine_file("two", **QUICK, requires=["one"])
    assert "dependency cycle" in cli("check", first, second).check(65).stderr


@pytest.fixture
def namespace():
    """A network namespace with a path and a link, which no machine may change."""
    name = f"mlite-{os.getpid()}-{next(NUMBERS)}"
    path = f"/run/netns/{name}"
    assert os.system(f"ip netns add {name} && ip -n {name} link add dummy7 type bridge") == 0
    yield path
    links = os.popen(f"ip -n {name} -br link").read()
    os.system(f"ip netns delete {name}")
    assert "dummy7" in links


@pytest.mark.parametrize("mode", ["host", "path"])
def test_the_owner_of_a_shared_network_does_not_move_away(pair, namespace, mode):
    """The machines that share its network could not follow it, and would lose their link."""
    made = pair()
    made.define(network={"mode": mode if mode == "host" else f"path:{namespace}"})
    refused = made.cli("restart", made.owner).check(1)
    assert f'machine "{made.side}" is running in its own network' in refused.stderr
    assert f"machinectl-lite stop {made.side}" in refused.stderr
    made.works()
    made.cli("stop", made.side).check()
    made.cli("restart", made.owner).check()
    made.cli("start", made.side).check()
    expected = "/proc/self/ns/net" if mode == "host" else namespace
    for name in (made.owner, made.side):
        space = os.stat(f"/proc/{made.show(name)['init']['pid']}/ns/net")
        assert space.st_ino == os.stat(expected).st_ino


@pytest.mark.parametrize("mode", ["bridge", "none"])
def test_a_shared_namespace_with_a_path_is_left_as_it_is(pair, namespace, mode):
    """It belongs to neither machine: the owner gets a network of its own."""
    made = pair(network={"mode": f"path:{namespace}"})
    made.define(network={"mode": mode})
    space = made.space(made.side)
    restart(made)
    assert made.space(made.side) == space != made.space(made.owner)
