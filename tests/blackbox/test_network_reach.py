# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who reaches a published port and who does not: every path, by both families and protocols."""

import pytest

import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

UP = ["sh", "-c", "echo up; exec sleep 1000"]


@pytest.fixture
def host(cli):
    """A host with IPv4 and IPv6."""
    made = networking.Host(cli)
    yield made
    made.close()


@pytest.fixture
def bridged(host, machine_file):
    """bridged("web", ports=[..], network={..}) starts a machine on a bridge; a Machine."""

    def start(name, **keys):
        network = {"mode": "bridge", **keys.pop("network", {})}
        return host.start(machine_file(name, network=network, command=UP, **keys))

    return start


PORTS = ["8080:80", "9000-9003:7000-7003", "8080:80/udp", "9000-9003:7000-7003/udp",
         f"{networking.LAN}:8081:81", f"[{networking.LAN6}]:8082:82", "127.0.0.1:8083:83",
         f"{networking.LAN}:8081:81/udp"]


@pytest.fixture
def three(host, bridged, cli):
    """Machines a and b on the default network, d on another; a publishes PORTS."""
    (cli.config / "other.network").write_text(
        'subnet = "10.77.0.0/24";\nsubnet6 = "fd77::/64";\n')
    machines = {"a": bridged("a", ports=PORTS), "b": bridged("b"),
                "d": bridged("d", network={"name": "other"})}
    machines["a"].serve("a", 80, 81, 82, 83, 7000, 7001, 7002, 7003)
    machines["b"].serve("b", 80)
    return machines


@pytest.mark.parametrize("nf_call", [0, 1])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_reach(host, three, protocol, nf_call):
    """The reach matrix, with bridged frames passing the packet filter and without."""
    host.sysctl("bridge/bridge-nf-call-iptables", nf_call)
    host.sysctl("bridge/bridge-nf-call-ip6tables", nf_call)
    host.serve("host", 631)
    a, b, d = three["a"], three["b"], three["d"]
    lan, lan6 = networking.LAN, networking.LAN6
    gateway, gateway6 = a.gateways()
    other, other6 = d.gateways()
    cases = [
        # who asks, address, port, what is told
        (host.outside, lan, 8080, f"a sees {networking.OUTSIDE}"),
        (host.outside, lan6, 8080, f"a sees {networking.OUTSIDE6}"),
        (host.outside, lan, 9000, f"a sees {networking.OUTSIDE}"),
        (host.outside, lan6, 9003, f"a sees {networking.OUTSIDE6}"),
        (host.outside, lan, 9004, "refused"),
        (host.outside, lan, 8081, f"a sees {networking.OUTSIDE}"),
        (host, lan, 8080, f"a sees {lan}"),
        (host, lan6, 8080, f"a sees {lan6}"),
        (host, "127.0.0.1", 8080, f"a sees {gateway}"),
        (host, "127.0.0.1", 9002, f"a sees {gateway}"),
        (host, "127.0.0.1", 8081, "refused"),
        (host, "::1", 8080, "refused"),
        (host, "::1", 9001, "refused"),
        (host, a.address, 80, f"a sees {gateway}"),
        (host, a.address6, 80, f"a sees {gateway6}"),
        (a, lan, 8080, f"a sees {gateway}"),
        (a, lan6, 8080, f"a sees {gateway6}"),
        (a, gateway, 8080, f"a sees {gateway}"),
        (b, a.address, 80, f"a sees {b.address}"),
        (b, a.address6, 80, f"a sees {b.address6}"),
        (b, lan, 8080, f"a sees {gateway}"),
        (b, lan6, 8080, f"a sees {gateway6}"),
        (b, gateway, 8080, f"a sees {gateway}"),
        (d, lan, 8080, f"a sees {d.address}"),
        (d, lan6, 8080, f"a sees {d.address6}"),
        (d, other, 8080, f"a sees {d.address}"),
        (d, other6, 8080, f"a sees {d.address6}"),
        (d, a.address, 80, "timeout"),
        (d, a.address6, 80, "timeout"),
        (b, "127.0.0.1", 631, "refused"),
    ]
    if protocol == "tcp":
        cases += [(host.outside, lan6, 8082, f"a sees {networking.OUTSIDE6}"),
                  (host.outside, lan, 8082, "refused"),
                  (host.outside, lan, 8083, "refused"),
                  (host, "127.0.0.1", 8083, f"a sees {gateway}")]
    wrong = []
    for client, address, port, expected in cases:
        said = client.ask(address, port, protocol)
        if said != expected:
            wrong.append(f"{getattr(client, 'name', client)} asks {address} {port}: "
                         f"{said!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)
