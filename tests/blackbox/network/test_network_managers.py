# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines next to the host's own network tools: its managers ignore their links, and rules
dropped by a firewall's reload are restored. On a separate test host with its own network."""

import contextlib
import json
import subprocess
import time
from pathlib import Path

import harness
import networking
import pytest

pytestmark = [pytest.mark.needs("root", "systemd", "virtual-host", "program:nft", "program:ip"),
              pytest.mark.slow]

DEFINITIONS = Path("/etc/machines")
UP = ["sh", "-c", "echo up; exec sleep 1000"]


def run(*command, check=True, timeout=180):
    """Runs a command of the host; its standard output."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout,
                          check=False)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def service(name):
    """Runs a service of the host within the block."""
    run("systemctl", "start", name)
    try:
        yield
    finally:
        run("systemctl", "stop", name)


@pytest.fixture
def outside():
    """A neighbour of the host, at the other end of its interface out0."""
    made = networking.Namespace()
    run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns", made.pid)
    run("ip", "addr", "add", f"{networking.LAN}/24", "dev", "out0")
    run("ip", "link", "set", "out0", "up")
    made.sh(f"ip link set lo up; ip addr add {networking.OUTSIDE}/24 dev eth0; "
            "ip link set eth0 up")
    yield made
    made.close()
    run("ip", "link", "delete", "out0", check=False)


class Web:
    """A machine of the host's systemd, on the bridge brlab, that publishes 8080."""

    def __init__(self):
        self.binary = harness.find_binary()

    def lite(self, *arguments):
        """Runs the program under test."""
        return run(self.binary, *arguments)

    def record(self):
        """The output of `show`."""
        return json.loads(self.lite("show", "web"))

    def inside(self, *command):
        """Runs a program of the host in the machine's network: whether it succeeds."""
        where = f"--net=/proc/{self.record()['init']['pid']}/ns/net"
        return subprocess.run(["nsenter", where, *command], capture_output=True,
                              check=False).returncode == 0

    def reaches(self, address):
        """Whether an echo request is answered."""
        return self.inside("ping", "-c1", "-W2", address)

    def reaches_soon(self, address):
        """Waits for an answer: units that restore rules run asynchronously."""
        return harness.wait_for(lambda: self.reaches(address), 60, address)

    def link(self):
        """The host's side of its veth."""
        return json.loads(self.lite("--json=short", "network", "status",
                                    "lab"))["machines"][0]["link"]


@pytest.fixture
def web(busybox_root):
    """The machine, running."""
    DEFINITIONS.mkdir(parents=True, exist_ok=True)
    (DEFINITIONS / "lab.network").write_text(harness.definition(
        bridge="brlab", subnet="10.66.0.0/24"))
    (DEFINITIONS / "web.machine").write_text(harness.definition(
        overlay=[busybox_root], upper="volatile", command=UP, ports=["8080:80"],
        network={"name": "lab"}))
    machine = Web()
    machine.lite("start", "web")
    yield machine
    machine.lite("stop", "web")
    machine.lite("delete", "--force", "web")
    for name in ("lab.network", "web.machine"):
        (DEFINITIONS / name).unlink()


@pytest.fixture
def by_hand():
    """A manually created bridge, for comparison."""
    run("ip", "link", "add", "brhand", "type", "bridge")
    run("ip", "addr", "add", "10.67.0.1/24", "dev", "brhand")
    run("ip", "link", "set", "brhand", "up")
    yield "brhand"
    run("ip", "link", "delete", "brhand")


@pytest.fixture
def greedy():
    """systemd-networkd, configured to manage every interface."""
    file = Path("/run/systemd/network/99-greedy.network")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[Match]\nName=*\n[Network]\nAddress=198.51.100.77/32\n"
                    "ConfigureWithoutCarrier=yes\n")
    with service("systemd-networkd"):
        run("networkctl", "reload")
        yield
        file.unlink()
        run("networkctl", "reload")


def setups():
    """{interface: its state in networkd}."""
    rows = [line.split() for line in run("networkctl", "list", "--no-legend").splitlines()]
    return {row[1]: row[4] for row in rows}


def test_networkd(greedy, web, by_hand):
    """systemd-networkd ignores bridge and link, whatever the bridge's name."""
    harness.wait_for(lambda: "198.51.100.77" in run("ip", "addr", "show", "dev", by_hand), 60,
                     "the other bridge")
    link = web.link()
    harness.wait_for(lambda: {setups().get("brlab"), setups().get(link)} == {"unmanaged"}, 60,
                     "networkd's verdict")
    for name in ("brlab", link):
        assert "198.51.100.77" not in run("ip", "addr", "show", "dev", name)


@pytest.mark.needs("program:nmcli")
def test_network_manager(web, by_hand):
    """So does NetworkManager."""
    def states():
        return dict(line.split(":")[:2] for line in
                    run("nmcli", "-t", "-f", "DEVICE,STATE", "device").splitlines())

    with service("NetworkManager"):
        harness.wait_for(lambda: "connected" in states().get(by_hand, ""), 60, "the other bridge")
        link = web.link()
        assert {states().get("brlab"), states().get(link)} == {"unmanaged"}, states()


def test_reload_of_nftables(web, outside):
    """Rules flushed by a reload of nftables.service are restored."""
    with service("nftables"):
        assert web.reaches_soon(networking.OUTSIDE)
        run("nft", "add", "table", "inet", "witness")
        run("systemctl", "reload", "nftables")
        assert "witness" not in run("nft", "list", "tables")
        harness.wait_for(lambda: "inet machinectl-lite" in run("nft", "list", "tables"), 60,
                         "the table")
        assert web.reaches_soon(networking.OUTSIDE)
    # Its stop flushes as well.
    web.lite("network", "reload")
    assert web.reaches(networking.OUTSIDE)


@pytest.mark.needs("program:firewall-cmd")
def test_reload_of_firewalld(web, outside):
    """firewalld trusts the bridge, also after its own kind of reload."""
    outside.serve("outside", 80)
    with service("firewalld"):
        harness.wait_for(lambda: "brlab" in run(
            "firewall-cmd", "--zone=trusted", "--list-interfaces", check=False), 60, "the zone")
        assert web.reaches_soon(networking.OUTSIDE)
        for _ in range(2):
            run("firewall-cmd", "--reload")
            harness.wait_for(lambda: "brlab" in run(
                "firewall-cmd", "--zone=trusted", "--list-interfaces"), 60, "the zone")
            assert web.reaches_soon(networking.OUTSIDE)
        assert outside.ask(networking.LAN, 8080, timeout=5) == "refused"


@pytest.mark.needs("program:ufw")
def test_ufw(web, outside):
    """ufw drops packets, the machine's next start warns with the command, and that fixes it."""
    run("ufw", "--force", "enable")
    try:
        assert not web.reaches(networking.OUTSIDE)
        before = time.time()
        web.lite("restart", "web")
        told = run("journalctl", "--no-pager", "-u", "container@web.service",
                   f"--since=@{before:.0f}")
        assert "ufw route allow in on brlab && ufw route allow out on brlab" in told, told
        run("sh", "-ec", "ufw route allow in on brlab && ufw route allow out on brlab")
        assert web.reaches(networking.OUTSIDE)
    finally:
        run("ufw", "--force", "reset")
        run("ufw", "--force", "disable")
