# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine's /etc/resolv.conf, of hosts whose own names servers that no machine can reach, and of
hosts whose own changes."""

import os
import secrets
import shutil
import signal
import time
from pathlib import Path

import harness
import pytest

# What a network manager's directory is for the host: the file in it is the host's resolv.conf.
WITH_ETC = ("mount --bind {etc} /etc && "
            "if test -d /run/systemd/resolve; then mount -t tmpfs none /run/systemd/resolve; fi && "
            'exec "$@"')


@pytest.fixture
def etc(workspace):
    """An /etc of the test's own, whose resolv.conf it may change."""
    path = workspace / "etc"
    path.mkdir()
    for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
        source = f"/etc/{name}"
        if os.path.exists(source):
            shutil.copy(source, path / name)
    return path


@pytest.fixture
def wrapper(etc):
    """For commands that see it."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            WITH_ETC.format(etc=etc), "sh"]


def servers(text):
    """The addresses in a resolv.conf."""
    return [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]


@pytest.fixture
def network(cli):
    """Writes default.network, with a bridge and subnets of the test's own."""
    number = secrets.randbelow(250)

    def write(text):
        (cli.config / "default.network").write_text(
            f'bridge = "mlt{number}"; ' + text.replace("NUMBER", str(number)))
    return write


IPV4 = 'subnet = "10.97.NUMBER.0/24";'
BOTH = IPV4 + 'subnet6 = "fd97:NUMBER::/64";'
UNREACHABLE = ("nameserver 127.0.0.53\nnameserver 127.0.0.1\nnameserver ::1\n"
               "nameserver fe80::1%eth0\n")


@pytest.mark.parametrize("definition,host,expected", [
    (IPV4, "nameserver 192.0.2.53\n", ["192.0.2.53"]),
    (IPV4, UNREACHABLE + "nameserver 192.0.2.53\n", ["192.0.2.53"]),
    (IPV4, "nameserver 2001:db8::53\nnameserver 192.0.2.53\r\n", ["192.0.2.53"]),
    (BOTH, "nameserver 2001:db8::53\nnameserver 192.0.2.53\n", ["2001:db8::53", "192.0.2.53"]),
])
def test_only_what_can_be_reached(cli, machine_file, etc, wrapper, network, definition, host,
                                  expected):
    network(definition)
    (etc / "resolv.conf").write_text(host)
    machine_file("a", network={}, command=["/bin/cat", "/etc/resolv.conf"])
    result = cli("run", "a", wrapper=wrapper).check()
    assert servers(result.stdout) == expected
    assert "network.dns" not in result.stderr


@pytest.mark.parametrize("definition,host,expected", [
    (IPV4, UNREACHABLE, ["8.8.8.8", "8.8.4.4"]),
    (IPV4, "nameserver 2001:db8::53\n", ["8.8.8.8", "8.8.4.4"]),
    (IPV4, "", ["8.8.8.8", "8.8.4.4"]),
    (BOTH, UNREACHABLE, ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888"]),
    (IPV4 + "internal = true;", UNREACHABLE, []),
])
def test_replaced_and_reported(cli, machine_file, etc, wrapper, network, definition, host, expected):
    network(definition)
    (etc / "resolv.conf").write_text(host)
    machine_file("a", network={}, command=["/bin/cat", "/etc/resolv.conf"])
    result = cli("run", "a", wrapper=wrapper).check()
    assert servers(result.stdout) == expected
    assert "warning" in result.stderr and "network.dns" in result.stderr
    for line in host.splitlines():
        assert line.split()[1] in result.stderr
    # The way out.
    result = cli("run", "--set", 'network.dns=["192.0.2.9"]', "a", wrapper=wrapper).check()
    assert servers(result.stdout) == ["192.0.2.9"] and "network.dns" not in result.stderr


def test_a_machine_of_the_hosts_network_has_the_hosts(cli, machine_file, etc, wrapper):
    (etc / "resolv.conf").write_text(UNREACHABLE)
    machine_file("a", network={"mode": "host"}, command=["/bin/cat", "/etc/resolv.conf"])
    result = cli("run", "a", wrapper=wrapper).check()
    assert servers(result.stdout) == ["127.0.0.53", "127.0.0.1", "::1"]
    assert "network.dns" not in result.stderr


def eventually(cli, name, expected):
    """Waits for the servers that a running machine has."""
    until = time.monotonic() + 10
    while True:
        found = servers(cli("exec", name, "--", "cat", "/etc/resolv.conf").check().stdout)
        if found == expected:
            return
        assert time.monotonic() < until, found
        time.sleep(0.05)


def rewrite(etc, text):
    (etc / "resolv.conf").write_text(text)


def replace(etc, text):
    (etc / "resolv.conf.new").write_text(text)
    (etc / "resolv.conf.new").rename(etc / "resolv.conf")


def link(etc, text):
    directory = etc / "manager"
    directory.mkdir(exist_ok=True)
    (directory / "list").write_text(text)
    if not (etc / "resolv.conf").is_symlink():
        (etc / "resolv.conf").unlink()
        (etc / "resolv.conf").symlink_to("manager/list")


@pytest.mark.parametrize("change", [rewrite, replace, link])
def test_follows_the_host(cli, machine_file, etc, wrapper, network, change):
    """Written in place, replaced by rename, and as a link to a file of another program."""
    network(IPV4)
    (etc / "resolv.conf").write_text("nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    machine_file("a", network={}, command=["/bin/sleep", "1000"])
    machine_file("own", network={"dns": ["192.0.2.9"]}, command=["/bin/sleep", "1000"])
    for name in ("a", "own"):
        cli("start", name, wrapper=wrapper).check()
    eventually(cli, "a", ["192.0.2.1", "192.0.2.2"])
    change(etc, "nameserver 192.0.2.3\n")
    eventually(cli, "a", ["192.0.2.3"])
    change(etc, "nameserver 192.0.2.4\nnameserver 192.0.2.5\nnameserver 192.0.2.6\n")
    eventually(cli, "a", ["192.0.2.4", "192.0.2.5", "192.0.2.6"])
    # None can be reached: the machine keeps its servers.
    change(etc, "nameserver 127.0.0.1\n")
    change(etc, "nameserver 192.0.2.7\n")
    eventually(cli, "a", ["192.0.2.7"])
    assert cli("exec", "own", "--", "cat", "/etc/resolv.conf").check().stdout.count("192.0.2.") == 1
    # What a machine has written itself is its own.
    cli("exec", "a", "--", "sh", "-c", "echo nameserver 192.0.2.99 >/etc/resolv.conf").check()
    change(etc, "nameserver 192.0.2.8\n")
    time.sleep(0.3)
    eventually(cli, "a", ["192.0.2.99"])
    for name in ("a", "own"):
        cli("stop", name).check()


def watchers(cli, names):
    """Those machines whose supervisors have an inotify instance."""
    def has_one(name):
        descriptors = Path(f"/proc/{harness.state_of(cli, name)['supervisor']['pid']}/fd")
        return any(os.readlink(each) == "anon_inode:inotify" for each in descriptors.iterdir())
    return [name for name in names if has_one(name)]


@pytest.mark.parametrize("end", ["stop", "SIGKILL"])
def test_one_watches_for_all(cli, machine_file, etc, wrapper, network, end):
    """The kernel allows each user 128 inotify instances. When the machine that has one ends, another
    takes over, and misses nothing."""
    network(IPV4)
    rewrite(etc, "nameserver 192.0.2.1\n")
    names = ["a", "b", "c", "d"]
    for name in names:
        machine_file(name, network={}, command=["/bin/sleep", "1000"])
        cli("start", name, wrapper=wrapper).check()
    number = 1
    while names:
        number += 1
        rewrite(etc, f"nameserver 192.0.2.{number}\n")
        for name in names:
            eventually(cli, name, [f"192.0.2.{number}"])
        [ended] = watchers(cli, names)
        names.remove(ended)
        if end == "stop":
            cli("stop", ended).check()
        else:
            os.kill(harness.state_of(cli, ended)["supervisor"]["pid"], signal.SIGKILL)


def test_follows_the_host_in_the_foreground(cli, machine_file, etc, wrapper, network):
    network(IPV4)
    (etc / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    script = """
    echo up
    for try in $(seq 100); do
        grep -q 192.0.2.2 /etc/resolv.conf && exit 7
        sleep 0.05
    done"""
    running = cli.start("run", machine_file("a", network={}, command=["/bin/sh", "-c", script]),
                        wrapper=wrapper)
    running.read_until("up")
    rewrite(etc, "nameserver 192.0.2.2\n")
    assert running.wait().status == 7


def test_of_a_machine_in_the_background_the_log_has_the_warning(cli, machine_file, etc, wrapper,
                                                                network):
    network(IPV4)
    (etc / "resolv.conf").write_text(UNREACHABLE)
    machine_file("a", network={}, command=["/bin/sleep", "1000"], log={"driver": "file"})
    cli("start", "a", wrapper=wrapper).check()
    harness.wait_for(lambda: "network.dns" in cli("logs", "a").check().stdout)
    cli("stop", "a").check()
