# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test host: network namespaces that represent the host and a neighbour outside, and the
programs that communicate in them. The real host's network is never touched."""

import concurrent.futures
import contextlib
import json
import os
import queue
import selectors
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import harness

PYTHON = "/usr/bin/python3"
OUTSIDE = "192.0.2.9"
OUTSIDE6 = "2001:db8::9"
LAN = "192.0.2.1"
LAN6 = "2001:db8::1"


def lines_of(stream):
    """Calls of the result return the stream's next line, or fail if none arrives in time."""
    lines = queue.Queue()

    def read():
        for line in stream:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lambda timeout=60: lines.get(timeout=timeout)


def _serve(name, ports):
    """Answers "NAME sees ADDRESS" over TCP, UDP and, if the kernel has it, SCTP, over IPv4 and
    IPv6, on each port, forever."""

    def stream(protocol, port):
        try:
            server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol)
        except OSError:
            assert protocol == socket.IPPROTO_SCTP
            return
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", port))
        server.listen()
        while True:
            connection, peer = server.accept()
            with contextlib.suppress(OSError):
                connection.sendall(f"{name} sees {peer[0].removeprefix('::ffff:')}".encode())
            connection.close()

    def datagrams(families):
        selector = selectors.DefaultSelector()
        for port in ports:
            for family in families:
                server = socket.socket(family, socket.SOCK_DGRAM)
                if family == socket.AF_INET6:
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.bind(("" if family == socket.AF_INET else "::", port))
                selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                data, peer = key.fileobj.recvfrom(1500)
                with contextlib.suppress(OSError):
                    key.fileobj.sendto(f"{name} sees {peer[0]}".encode(), peer)

    for port in ports:
        for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_SCTP):
            threading.Thread(target=stream, args=(protocol, port), daemon=True).start()
    threading.Thread(target=datagrams, args=([socket.AF_INET, socket.AF_INET6],),
                     daemon=True).start()
    time.sleep(0.1)
    print("ready", flush=True)
    time.sleep(3600)


def _serve_names(address):
    """A name server that returns the IPv4 address for every name (RFC 1035)."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    print("ready", flush=True)
    while True:
        question, peer = server.recvfrom(512)
        # Type A, which clients query first; there are no other records.
        kind = question[12:].split(b"\0", 1)[1][:2]
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address)
        count = int(kind == b"\0\1")
        end = 12 + question[12:].index(0) + 5
        server.sendto(question[:2] + b"\x81\x80\0\1" + bytes([0, count]) + bytes(4)
                      + question[12:end] + record * count, peer)


# getprotobyname(3) is not thread-safe.
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": socket.IPPROTO_SCTP}


def _ask(protocol, address, port, timeout):
    """The server's answer, or "refused", "timeout", "unreachable"."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, kind, PROTOCOLS[protocol]) as client:
            client.settimeout(timeout)
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"hello")
            return client.recv(1500).decode()
    except ConnectionRefusedError:
        return "refused"
    except socket.timeout:
        return "timeout"
    except OSError as error:
        return "unreachable" if error.errno in (101, 113) else f"error {error}"


def _ask_all(questions):
    """Asks all at once; prints a list of [answer, seconds it took]."""
    def timed(question):
        begin = time.monotonic()
        said = _ask(*question)
        return said, time.monotonic() - begin

    with concurrent.futures.ThreadPoolExecutor(len(questions)) as pool:
        print(json.dumps(list(pool.map(timed, questions))))


class Namespace:
    """A network namespace, kept by a sleeping process."""

    def __init__(self, pid=None):
        self.holder = None
        if pid is None:
            self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            pid = self.holder.pid
            harness.wait_for(lambda: os.readlink(f"/proc/{pid}/ns/net") !=
                             os.readlink("/proc/self/ns/net"), 5, "a network namespace")
        self.pid = pid
        self.servers = []

    @property
    def wrapper(self):
        """The words to prepend to a command."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, *command, check=True, **options):
        """Runs a command in the namespace; its standard output."""
        done = subprocess.run(self.wrapper + [str(word) for word in command],
                              capture_output=True, text=True, check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def sh(self, script):
        """Runs a shell script in the namespace."""
        return self.run("sh", "-ec", script)

    def links(self):
        """The names of the interfaces."""
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link"))}

    def sysctl(self, path, value=None):
        """Reads, or sets, /proc/sys/net/PATH of the namespace."""
        if value is None:
            return self.sh(f"cat /proc/sys/net/{path}").strip()
        return self.sh(f"echo {value} > /proc/sys/net/{path}")

    def serve(self, name, *ports):
        """Starts a server in the namespace and waits until it listens."""
        return self._serve("serve", name, *ports)

    def serve_names(self, address):
        """The same for a name server that returns the address for every name."""
        return self._serve("names", address)

    def _serve(self, *words):
        server = subprocess.Popen(
            self.wrapper + [PYTHON, __file__] + [str(word) for word in words],
            stdout=subprocess.PIPE)
        self.servers.append(server)
        assert server.stdout.readline() == b"ready\n"
        return server

    def ask(self, address, port, protocol="tcp", timeout=1.0):
        """The answer to a client in the namespace."""
        return self.ask_all([(protocol, address, port, timeout)])[0][0]

    def ask_all(self, questions):
        """The answers to a client that asks (protocol, address, port, timeout) all at once, and
        after how many seconds."""
        return json.loads(self.run(PYTHON, __file__, "ask", json.dumps(questions)))

    def reaches(self, address):
        """Whether an echo request is answered."""
        return "1 packets received" in self.run("busybox", "ping", "-c1", "-W1", address,
                                                check=False)

    def close(self):
        """Stops the servers and the holder."""
        for process in self.servers + ([self.holder] if self.holder else []):
            process.kill()
            process.wait()


class Host(Namespace):
    """The host under test, with a neighbour on its LAN that is also its gateway."""

    def __init__(self, cli, ipv6=True, mtu=None):
        super().__init__()
        self.cli = cli
        self.machines = []
        self.outside = Namespace()
        # Many simultaneous questions must each be refused by an ICMP message of their own.
        self.sh("ip link set lo up; cd /proc/sys/net; echo 0 > ipv4/ip_forward; "
                "echo 0 > ipv4/icmp_ratelimit; echo 0 > ipv6/icmp/ratelimit")
        self.sh(f"ip link add eth0 type veth peer name eth0 netns {self.outside.pid}; "
                f"ip addr add {LAN}/24 dev eth0; ip link set eth0 up")
        self.outside.sh(f"ip link set lo up; ip addr add {OUTSIDE}/24 dev eth0; "
                        "ip link set eth0 up")
        if mtu:
            self.sh(f"ip link set eth0 mtu {mtu}")
        self.sh(f"ip route add default via {OUTSIDE}")
        if ipv6:
            self.sh(f"ip addr add {LAN6}/64 dev eth0 nodad; ip route add default via {OUTSIDE6}")
            self.outside.sh(f"ip addr add {OUTSIDE6}/64 dev eth0 nodad")
        else:
            self.sysctl("ipv6/conf/all/disable_ipv6", 1)
            self.sysctl("ipv6/conf/default/disable_ipv6", 1)

    def command(self, *arguments, **options):
        """Runs the program under test on this host: a Result."""
        return self.cli(*arguments, wrapper=self.wrapper, **options)

    def start(self, path, wrapper=()):
        """Starts a machine that prints "up" and stays; a Machine. A wrapper runs the program under
        test, on the host."""
        running = self.cli.start("run", path, wrapper=self.wrapper + list(wrapper))
        # The first one on an emulated host loads dozens of modules, and fifty may start at once.
        running.read_until("up\n", timeout=180)
        machine = Machine(self, Path(path).stem, running)
        self.machines.append(machine)
        return machine

    def table(self):
        """The rules of the program under test, as text."""
        return self.run("nft", "list", "ruleset")

    def own_links(self):
        """Interfaces created by the program."""
        return {name for name in self.links() if name.startswith(("mlb", "mlv"))}

    def is_clean(self):
        """Whether the program has left nothing behind."""
        return not self.own_links() and "machinectl-lite" not in self.table()

    def close(self):
        for machine in self.machines:
            machine.close()
        self.outside.close()
        super().close()


class Machine(Namespace):
    """A machine running on a Host; its namespace is that of its first process."""

    def __init__(self, host, name, running):
        self.host = host
        self.name = name
        self.running = running
        super().__init__(harness.wait_for(self._find_init, 20, "the machine's record"))

    def networks(self):
        """The networks that have a lease of this machine."""
        networks = json.loads(self.host.command("network", "list", "--json=short").check().stdout)
        return [(network, machine) for network in networks for machine in network["machines"]
                if machine["name"] == self.name]

    def lease(self):
        """Its lease, without what it has not."""
        for _, machine in self.networks():
            if machine["pid"]:
                return {key: value for key, value in machine.items() if value is not None}
        return None

    def _find_init(self):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return json.loads((self.host.cli.runtime / "machines" /
                               f"{self.name}.json").read_text())["init"]["pid"]
        return None

    @property
    def address(self):
        return self.lease()["address"]

    @property
    def address6(self):
        return self.lease()["address6"]

    def gateways(self):
        """The host's addresses on the machine's bridge."""
        for network, _ in self.networks():
            return network["gateway"], network["gateway6"]
        return None, None

    def hosts(self):
        """The text of its /etc/hosts."""
        return Path(f"/proc/{self.pid}/root/etc/hosts").read_text(encoding="utf-8")

    def stop(self, signal=9):
        """Stops it like a user, with a signal to the supervisor that is passed on."""
        if self.running.process.poll() is None:
            subprocess.run(["kill", f"-{signal}", str(self.pid)], check=False)
        return self.running.wait()

    def close(self):
        super().close()
        self.running.kill()


def main():
    """The programs that run in the namespaces."""
    if sys.argv[1] == "serve":
        _serve(sys.argv[2], [int(port) for port in sys.argv[3:]])
    elif sys.argv[1] == "names":
        _serve_names(sys.argv[2])
    else:
        _ask_all(json.loads(sys.argv[2]))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
