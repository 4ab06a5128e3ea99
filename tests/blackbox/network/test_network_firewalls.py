# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other firewalls of the host that drop forwarded packets: they are found and reported with the
command that fixes it, and that command works."""

import json
import signal
import subprocess

import pytest

import harness
import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

UP = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def host(host):
    """Without a bus, and so without firewalld."""
    host.cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"
    return host


@pytest.fixture
def start(host, machine_file, cli):
    """start() starts a machine on the bridge brlab; start(name=..) on that network."""
    (cli.config / "lab.network").write_text(harness.definition(
        bridge="brlab", subnet="10.66.0.0/24", subnet6="fd66::/64"))

    def run(**network):
        return host.start(machine_file("web", command=UP, network={
            "mode": "bridge", "name": "lab", **network}))

    return run


def doctor(host):
    """The line of `doctor` about firewalls."""
    lines = json.loads(host.command("doctor", "--json=short").stdout)
    return next(line for line in lines if line["check"] == "firewall")


def commands_told(machine):
    """The commands in the start's warnings, in order."""
    return [line.split("to let them pass: ")[1] for line in machine.stop().stderr.splitlines()
            if "to let them pass: " in line]


# What iptables leaves in the kernel when Docker, ufw or an administrator has called it.
SCRIPTS = {
    "docker": "{0} -N DOCKER-USER; {0} -A DOCKER-USER -j RETURN; {0} -P FORWARD DROP; "
              "{0} -A FORWARD -j DOCKER-USER",
    "ufw": "{0} -N {1}-before-forward; {0} -P FORWARD DROP; {0} -A FORWARD -j {1}-before-forward",
    "hand": "{0} -P FORWARD DROP",
}


@pytest.mark.needs("program:iptables", "program:iptables-legacy", "program:iptables-nft")
@pytest.mark.parametrize("owner", SCRIPTS)
@pytest.mark.parametrize("suffix", ["-nft", "-legacy"])
def test_iptables(host, start, owner, suffix):
    """Both kinds of iptables, by IPv4 and IPv6."""
    tools = [f"iptables{suffix}", f"ip6tables{suffix}"]
    assert doctor(host)["result"] == "ok"
    for tool, word in zip(tools, ("ufw", "ufw6")):
        host.sh(SCRIPTS[owner].format(tool, word))
    assert doctor(host)["result"] == "warning"
    machine = start()
    assert not machine.reaches(networking.OUTSIDE) and not machine.reaches(networking.OUTSIDE6)
    told = commands_told(machine)
    if owner == "ufw":
        assert told == ["ufw route allow in on brlab && ufw route allow out on brlab"]
        told = [f"{tool} -A {word}-before-forward -{way} brlab -j ACCEPT"
                for tool, word in zip(tools, ("ufw", "ufw6")) for way in "io"]
    else:
        chain = "DOCKER-USER" if owner == "docker" else "FORWARD"
        name = "{}-legacy" if suffix == "-legacy" else "{}"
        assert told == [f"{tool} -I {chain} -i brlab -j ACCEPT && "
                        f"{tool} -I {chain} -o brlab -j ACCEPT"
                        for tool in (name.format("iptables"), name.format("ip6tables"))]
    for command in told:
        host.sh(command)
    machine = start()
    assert machine.reaches(networking.OUTSIDE) and machine.reaches(networking.OUTSIDE6)
    assert not commands_told(machine)


@pytest.mark.needs("program:iptables-legacy")
def test_nothing_is_loaded(host, start):
    """Inspecting iptables' own tables does not create them."""
    start().stop()
    assert host.sh("cat /proc/net/ip_tables_names") == ""


@pytest.mark.needs("program:iptables-legacy")
def test_only_the_families_of_the_network(host, machine_file, cli):
    """A network without IPv6 gets no warning about IPv6."""
    host.sh("ip6tables-legacy -P FORWARD DROP")
    (cli.config / "four.network").write_text(harness.definition(subnet="10.67.0.0/24"))
    machine = host.start(machine_file("web", command=UP, network={"name": "four"}))
    assert not commands_told(machine)


def test_nftables(host, start):
    """A custom table; a bridge with a similar name in it is not ours."""
    host.run("nft", "-f", "-", input="""table inet mine {
  chain forward {
    type filter hook forward priority 10; policy drop;
    iifname brlab2 accept
    iifname lab accept
  }
}""")
    assert doctor(host)["result"] == "warning"
    machine = start()
    assert not machine.reaches(networking.OUTSIDE)
    told = commands_told(machine)
    assert told == ["nft insert rule inet mine forward iifname brlab accept && "
                    "nft insert rule inet mine forward oifname brlab accept"]
    host.sh(told[0])
    machine = start()
    assert machine.reaches(networking.OUTSIDE)
    assert not commands_told(machine)


DROP = """table inet mine {
  chain forward { type filter hook forward priority 10; policy drop; }
}"""


def test_reload_reports(host, start):
    """A reload warns as well, as restarting the other firewall may have removed the fix."""
    machine = start()
    assert "drops" not in host.command("network", "reload").check().stderr
    host.run("nft", "-f", "-", input=DROP)
    assert "nft insert rule inet mine forward iifname brlab accept" in \
        host.command("network", "reload").check().stderr
    machine.stop()


def test_doctor_and_the_default_network(host, machine_file):
    """For the network `default`, doctor prints a command with the bridge's name."""
    host.run("nft", "-f", "-", input=DROP)
    assert "iifname mlb-default accept" in doctor(host)["way_out"]


# ---- firewalld ----

FIREWALLD = """table inet firewalld {
  chain filter_FORWARD { type filter hook forward priority 10; policy accept; reject; }
}"""


def test_firewalld_does_not_answer(host, start):
    """Then firewalld's own command is printed."""
    host.run("nft", "-f", "-", input=FIREWALLD)
    told = commands_told(start())
    assert told == ["firewall-cmd --zone=trusted --add-interface=brlab && "
                    "firewall-cmd --permanent --zone=trusted --add-interface=brlab"]


FIREWALLD_ON_THE_BUS = """
import sys
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(sys.argv[1])

class Firewall(dbus.service.Object):
    @dbus.service.signal("org.fedoraproject.FirewallD1", "")
    def Reloaded(self):
        pass

    @dbus.service.method("org.fedoraproject.FirewallD1.zone", "ss", "s")
    def changeZoneOfInterface(self, zone, interface):
        print(zone, interface, flush=True)
        return zone

name = dbus.service.BusName("org.fedoraproject.FirewallD1", bus)
firewall = Firewall(bus, "/org/fedoraproject/FirewallD1")
# Repeatedly, because the listener may not be ready yet.
GLib.timeout_add(200, lambda: firewall.Reloaded() is None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


@pytest.mark.needs("program:dbus-daemon")
def test_firewalld_is_asked(host, start, cli, workspace):
    """firewalld trusts our bridge on request, at the start and at its own reloads."""
    if subprocess.run([networking.PYTHON, "-c", "import dbus, gi"], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("python3-dbus or python3-gi is not installed")
    address = f"unix:path={workspace}/bus"
    processes = [subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile",
                                   f"--address={address}"])]
    try:
        harness.wait_for((workspace / "bus").exists, 20, "the bus")
        processes.append(subprocess.Popen([networking.PYTHON, "-c", FIREWALLD_ON_THE_BUS, address],
                                          stdout=subprocess.PIPE, text=True))
        said = networking.lines_of(processes[1].stdout)
        assert said() == "ready\n"
        cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        host.run("nft", "-f", "-", input=FIREWALLD)
        machine = start()
        assert said() == "trusted brlab\n"
        host.command("network", "reload").check()
        assert said() == "trusted brlab\n"
        follower = host.cli.start("network", "reload", "--follow", wrapper=host.wrapper)
        # At its start and after two reloads.
        for _ in range(3):
            assert said() == "trusted brlab\n"
        follower.signal(signal.SIGTERM)
        follower.wait()
        assert machine.stop().stderr == ""
    finally:
        for process in processes:
            process.kill()
            process.wait()
