# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ids of a machine: a range of the host that nothing else uses."""

import concurrent.futures
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import hoststate

FIRST, LAST, COUNT = 524288, 1878982656, 65536
SHOW = ["sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups"]
WAIT = ["sh", "-c", "cat /proc/self/uid_map; echo ready; exec sleep 600"]


def maps(result):
    """uid_map and gid_map as [inside, outside, count] each, and setgroups."""
    lines = [line.split() for line in result.check().stdout.splitlines()]
    return [int(word) for word in lines[0]], [int(word) for word in lines[1]], lines[2][0]


def base_of(cli, path):
    """The first id of a machine that prints its map and waits; the machine, which runs."""
    running = cli.start("run", path)
    match = running.read_until(r"\s*0\s+(\d+)\s+(\d+)\s+ready")
    return int(match[1]), running


def test_default(cli, machine_file):
    """Root of the machine is an unprivileged user of the host; groups may be dropped inside."""
    users, groups, setgroups = maps(cli("run", machine_file(command=SHOW)))
    assert users == groups and setgroups == "allow"
    inside, base, count = users
    assert inside == 0 and count == COUNT
    assert FIRST <= base <= LAST and base % COUNT == 0


def test_host_sees_the_shifted_user(cli, machine_file):
    """The payload's user according to the host's /proc."""
    base, running = base_of(cli, machine_file(user="alice", command=WAIT))
    payloads = [pid for pid in hoststate.live_processes(running.pid)
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep")]
    assert payloads
    for pid in payloads:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        assert re.search(rf"^Uid:\s+{base + 1000}\s", status, re.MULTILINE), status


def test_none(cli, machine_file):
    """user_namespace = "none": the host's ids."""
    users, _, _ = maps(cli("run", machine_file(user_namespace="none", command=SHOW)))
    assert users == [0, 0, 4294967295]


def test_given_range(cli, machine_file):
    """The machine gets BASE:COUNT."""
    users, groups, _ = maps(cli("run", machine_file(user_namespace="1900000000:1000", command=SHOW)))
    assert users == groups == [0, 1900000000, 1000]


def test_same_range_again(cli, machine_file):
    """A machine keeps its range from start to start, and two machines have two."""
    path, other = machine_file("one", command=SHOW), machine_file("two", command=SHOW)
    first = maps(cli("run", path))
    assert maps(cli("run", path)) == first
    assert maps(cli("run", other)) != first


@pytest.mark.slow
def test_ranges_never_overlap(cli, machine_file):
    """Twenty machines started in parallel, repeatedly."""
    paths = [machine_file(f"machine{number}", command=WAIT) for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        for _ in range(2):
            started = list(pool.map(lambda path: base_of(cli, path), paths))
            bases = sorted(base for base, _ in started)
            assert len(set(bases)) == 20
            assert all(after - before >= COUNT for before, after in zip(bases, bases[1:]))
            for _, running in started:
                running.kill()


def with_file(workspace, name, text):
    """A wrapper under which a file of /etc is another."""
    (workspace / name).write_text(text)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            f'[ -e /etc/{name} ] || touch /etc/{name}; mount --bind {workspace}/{name} '
            f'/etc/{name} && exec "$@"', "sh"]


@pytest.mark.parametrize("name", ["subuid", "subgid"])
def test_subordinate_ids_are_left_alone(cli, machine_file, workspace, name):
    """Ranges that the host gave to users: the next free one, and a given one is refused."""
    if not Path("/etc", name).exists():
        pytest.skip(f"needs a host with /etc/{name}")
    wrapper = with_file(workspace, name, f"alice:{FIRST}:1800000000\n")
    users, _, _ = maps(cli("run", machine_file(command=SHOW), wrapper=wrapper))
    assert users[1] >= FIRST + 1800000000 and users[1] <= LAST
    result = cli("run", machine_file(user_namespace="700000:65536", command=SHOW), wrapper=wrapper)
    assert result.status in (65, 125) and "alice" in result.stderr, result


def test_accounts_are_left_alone(cli, machine_file, workspace):
    """An account of the host within the range that a machine would have."""
    path = machine_file(command=SHOW)
    users, _, _ = maps(cli("run", path))
    account = f"service:x:{users[1] + 17}:17::/:/bin/false\n"
    text = Path("/etc/passwd").read_text(encoding="utf-8")
    moved, _, _ = maps(cli("run", path, wrapper=with_file(workspace, "passwd", text + account)))
    assert moved[1] != users[1]


def test_range_in_use_is_refused_by_name(cli, machine_file):
    """A given range that a running machine has a part of; free again once that has ended."""
    base, running = base_of(cli, machine_file("first", command=WAIT))
    path = machine_file("second", user_namespace=f"{base + COUNT - 1}:10", command=SHOW)
    result = cli("run", path).check(125)
    assert "first" in result.stderr and str(base) in result.stderr
    running.kill()
    assert maps(cli("run", path))[0] == [0, base + COUNT - 1, 10]


def test_killed_supervisor_leaves_no_lease(cli, machine_file):
    """Killing the holder releases the range, without any cleanup."""
    path = machine_file(command=WAIT)
    base, running = base_of(cli, path)
    os.kill(running.pid, signal.SIGKILL)
    running.process.wait()
    again, _ = base_of(cli, path)
    assert again == base


def test_user_without_a_mapping(cli, machine_file):
    """The error names a user of the root's passwd that is outside of the range."""
    result = cli("run", machine_file(user="70000", command=["true"])).check(125)
    assert "70000" in result.stderr and "not mapped" in result.stderr
    result = cli("run", machine_file(user="0:70000", command=["true"])).check(125)
    assert "70000" in result.stderr and "not mapped" in result.stderr


@pytest.mark.parametrize("text", ["0:65536", "x", "100:0", "4294967295:2", "-1:5", "1900000000:"])
def test_ranges_that_are_none(cli, machine_file, text):
    """Invalid ranges, and those that include the host's root."""
    result = cli("run", machine_file(user_namespace=text, command=["true"]))
    assert result.status in (65, 125), result
    assert "user_namespace" in result.stderr


def test_nested_user_namespaces(cli, machine_file):
    """A machine can create its own only with CAP_SYS_ADMIN."""
    command = ["unshare", "-r", "cat", "/proc/self/uid_map"]
    found = cli("run", machine_file(command=command, capabilities={"profile": "system"}))
    assert found.check().stdout.split() == ["0", "0", "1"]
    assert cli("run", machine_file(command=command)).status != 0


def in_user_namespace(script=""):
    """A wrapper that is root of a user namespace with one id."""
    return ["unshare", "--user", "--map-root-user", "sh", "-c", script + 'exec "$@"', "sh"]


def can_nest():
    """Whether this host allows creating a user namespace like that."""
    return subprocess.run(in_user_namespace() + ["true"], check=False,
                          capture_output=True).returncode == 0


@pytest.mark.parametrize("script, ids, words", [
    ("", "auto", ["user namespace", "usermod", 'user_namespace = "self"']),
    ("echo 0 >/proc/sys/user/max_user_namespaces; ", "self", ["user.max_user_namespaces"])])
def test_refusals_name_their_reason(cli, machine_file, script, ids, words):
    """Not "Permission denied": which ids are missing, or which sysctl forbids it."""
    if not can_nest():
        pytest.skip("needs a host that lets unshare(1) make a user namespace")
    result = cli("run", machine_file(command=["true"], user_namespace=ids),
                 wrapper=in_user_namespace(script))
    result.check(125)
    assert all(word in result.stderr for word in words), result


@pytest.mark.needs("virtual-host")
@pytest.mark.parametrize("kind", ["net", "pid"])
def test_number_of_namespaces_used_up(cli, machine_file, kind):
    """The error names the sysctl that forbids a namespace, whether it is created in advance or by
    the clone."""
    sysctl = Path(f"/proc/sys/user/max_{kind}_namespaces")
    before = sysctl.read_text()
    path = machine_file(command=["true"])
    sysctl.write_text("0")
    try:
        result = cli("run", path).check(125)
    finally:
        sysctl.write_text(before)
    assert f"user.max_{kind}_namespaces is 0" in result.stderr, result
    cli("run", path).check()
