# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which clients reach a published port: every path, both families and all protocols."""

import pytest

import networking

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

UP = ["sh", "-c", "echo up; exec sleep 1000"]
LAN, LAN6 = networking.LAN, networking.LAN6
# Seconds. SCTP retransmits a lost first message after three.
TIMEOUT = {"tcp": 1.5, "udp": 1.5, "sctp": 8}
AT_ONCE = 0.75


@pytest.fixture
def bridged(host, machine_file):
    """bridged("web", ports=[..], network={..}) starts a machine on a bridge; a Machine."""

    def start(name, **keys):
        network = {"mode": "bridge", **keys.pop("network", {})}
        return host.start(machine_file(name, network=network, command=UP, **keys))

    return start


# At all addresses, a range, and at one address of the host.
PORTS = ["8080:80", "9000-9003:7000-7003", f"{LAN}:8081:81", f"[{LAN6}]:8081:81",
         "127.0.0.1:8083:83"]
PUBLISHED = [8080, 9000, 9003]
BOUND = 8081
LOCAL = 8083
NOT_PUBLISHED = 9004


@pytest.fixture
def three(host, bridged, cli, protocol):
    """Machines a and b on the default network, d on another; a publishes PORTS."""
    (cli.config / "other.network").write_text(
        'subnet = "10.77.0.0/24";\nsubnet6 = "fd77::/64";\n')
    machines = {"a": bridged("a", ports=[f"{port}/{protocol}" for port in PORTS]),
                "b": bridged("b"), "d": bridged("d", network={"name": "other"})}
    machines["a"].serve("a", 80, 81, 83, 7000, 7003)
    machines["b"].serve("b", 80)
    return machines


def cells(host, three):
    """(client, address, port, expected answer) of the whole matrix."""
    a, b, d = three["a"], three["b"], three["d"]
    gateways, others = a.gateways(), d.gateways()
    outside = networking.OUTSIDE, networking.OUTSIDE6
    table = []
    for family, lan in enumerate((LAN, LAN6)):
        gateway, other = gateways[family], others[family]
        # The clients, and the address that the machine sees.
        for client, seen in ((host.outside, outside[family]), (host, lan), (a, gateway),
                             (b, gateway), (d, (d.address, d.address6)[family])):
            told = f"a sees {seen}"
            table += [(client, lan, port, told) for port in PUBLISHED + [BOUND]]
            table += [(client, lan, port, "refused") for port in (LOCAL, NOT_PUBLISHED)]
        # Through the bridge's own address, which is one of the host's.
        for client, address, seen in ((a, gateway, gateway), (b, gateway, gateway),
                                      (d, other, (d.address, d.address6)[family])):
            table += [(client, address, port, f"a sees {seen}") for port in PUBLISHED]
            table += [(client, address, port, "refused") for port in (BOUND, NOT_PUBLISHED)]
    gateway = gateways[0]
    table += [(host, "127.0.0.1", port, f"a sees {gateway}") for port in PUBLISHED + [LOCAL]]
    table += [(host, "127.0.0.1", port, "refused") for port in (BOUND, NOT_PUBLISHED)]
    table += [(host, "::1", port, "refused") for port in PUBLISHED + [BOUND, LOCAL]]
    return table


def unpublished(host, three):
    """The same for the machines' own addresses and ports."""
    a, b, d = three["a"], three["b"], three["d"]
    gateways = a.gateways()
    table = []
    for family, address in enumerate((a.address, a.address6)):
        table += [(host, address, 80, f"a sees {gateways[family]}"),
                  (b, address, 80, f"a sees {(b.address, b.address6)[family]}"),
                  (d, address, 80, "timeout"),
                  # A neighbour that routes the subnet through the host.
                  (host.outside, address, 80, "timeout")]
    return table + [(b, "127.0.0.1", 631, "refused")]


def check(table, protocol):
    """Asks all questions of each client at once; reports every cell that differs."""
    wrong = []
    for client in dict.fromkeys(row[0] for row in table):
        rows = [row for row in table if row[0] is client]
        answers = client.ask_all([(protocol, address, port, TIMEOUT[protocol])
                                  for _, address, port, _ in rows])
        for (_, address, port, expected), (said, seconds) in zip(rows, answers):
            # Immediately, so that a client tries its next address.
            if said != expected or (expected == "refused" and seconds > AT_ONCE):
                wrong.append(f"{getattr(client, 'name', client)} asks {address} {port}: "
                             f"{said!r} after {seconds:.2f} s, not {expected!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.needs("bridge-filter")
@pytest.mark.parametrize("nf_call", [0, 1])
@pytest.mark.parametrize("protocol", [
    "tcp", "udp",
    # Slow: each lost packet of a handshake takes seconds on an emulated host.
    pytest.param("sctp", marks=[pytest.mark.needs("protocol:sctp"), pytest.mark.slow])])
def test_reach(host, three, protocol, nf_call):
    """The reach matrix, with bridged frames passing the packet filter and without."""
    host.sysctl("bridge/bridge-nf-call-iptables", nf_call)
    host.sysctl("bridge/bridge-nf-call-ip6tables", nf_call)
    host.serve("host", 631)
    for address, router in ((three["a"].address, LAN), (three["a"].address6, LAN6)):
        host.outside.sh(f"ip route add {address} via {router}")
    check(cells(host, three), protocol)
    check(unpublished(host, three), protocol)
