# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many machines on one bridge: what one of them costs, the names of all, and crashes."""

import fcntl
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import harness

pytestmark = pytest.mark.needs("root", "program:nft", "program:ip")

SLEEP = {"command": ["sleep", "1000"], "stop": {"timeout": "100ms"}}


@pytest.fixture
def crowd(host, machine_file):
    """crowd(NUMBERS) starts machines m0, m1, .. in the background."""
    files = []

    def start(numbers, **keys):
        new = [machine_file(f"m{number}", ports=[f"{20000 + number}:80"],
                            **{"network": {"mode": "bridge"}, **SLEEP, **keys})
               for number in numbers]
        files.extend(new)
        host.command("start", *new, timeout=120).check()

    yield start
    host.command("delete", "--force", *files, timeout=120)
    harness.wait_for(host.is_clean, 60, "a clean host")


# A call may be in two parts, of which only the second one ends with the result.
OPENS = re.compile(r"(?:open|openat|openat2|creat)(?:\(| resumed>).* = \d+$", re.MULTILINE)
CALLS = re.compile(r"^\d+ +[a-z0-9_]+\(", re.MULTILINE)
# On a busy host a process may have to look twice whether another has ended, or do what another would
# have done in the background. One file or call for each of the other machines would be fifty.
TOLERANCE = {"files": 5, "calls": 25}


def settle(cli):
    """Waits until nobody removes in the background what ended machines have left."""
    def is_free():
        with open(cli.runtime / "network" / "turn", "ab") as turn:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    harness.wait_for(is_free, 30, "the background to end")


def cost(host, workspace, *arguments, restarted=None):
    """How many files a command and all its children open, and how many system calls they make, until
    the last has ended, which is stopped once it has been restarted."""
    trace = workspace / "trace"

    def supervisor():
        record = json.loads(host.command("show", restarted).check().stdout)
        return record["state"] == "running" and record["supervisor"]["pid"]

    before = supervisor() if restarted else None
    settle(host.cli)
    running = host.cli.start(*arguments, wrapper=host.wrapper + [
        "strace", "-f", "-qq", "-e", "signal=none", "-o", trace])
    if restarted:
        harness.wait_for(lambda: supervisor() not in (False, before), 60)
        host.command("stop", restarted).check()
    running.wait(60).check()
    settle(host.cli)
    text = trace.read_text(encoding="utf-8", errors="replace")
    return {"files": len(OPENS.findall(text)), "calls": len(CALLS.findall(text))}


@pytest.mark.needs("program:strace")
def test_cost_of_a_start_and_a_stop(host, crowd, machine_file, workspace):
    """A machine opens as many files, and makes as many system calls, beside 60 others as beside 10,
    and so do a restart and a stop. A restart may or may not be faster than what ends its last run in
    the background."""
    path = machine_file("web", command=["true"], network={"mode": "bridge"}, ports=["8080:80"])
    again = machine_file("again", network={"mode": "bridge"}, **SLEEP)
    found = []
    for numbers in (range(10), range(10, 60)):
        crowd(numbers)
        host.command("run", path).check()
        costs = {"run": cost(host, workspace, "run", path)}
        host.command("start", again).check()
        costs["restart"] = cost(host, workspace, "restart", "again", restarted="again")
        host.command("start", again).check()
        costs["stop"] = cost(host, workspace, "stop", "again")
        found.append(costs)
    few, many = found
    for verb, costs in few.items():
        for kind, most in TOLERANCE.items():
            assert abs(costs[kind] - many[verb][kind]) <= most, (verb, kind, found)
    assert 50 < few["run"]["files"] < 1000 and 50 < few["restart"]["files"] < 1000
    assert 500 < few["run"]["calls"] < 4000


def hosts_of(name, cli):
    """The /etc/hosts of a running machine, and its inode."""
    pid = json.loads((cli.runtime / "machines" / f"{name}.json").read_text())["init"]["pid"]
    path = Path(f"/proc/{pid}/root/etc/hosts")
    return path.read_text(encoding="utf-8"), path.stat().st_ino


def lookup(host, machine, name):
    """The address that a program in a machine gets for a name."""
    done = host.command("exec", machine, "ping", "-c1", "-W1", name)
    return re.search(r"\(([0-9.]+)\)", done.stdout).group(1)


def test_names_are_kept_once(host, cli, crowd):
    """Machines share a file; one with other entries, or a name that another has, has its own names
    first."""
    crowd(range(8))
    crowd([20], network={"mode": "bridge", "hosts": ["m1:192.0.2.1"]})
    crowd([21, 22], hostname="twin")
    addresses = {machine["name"]: machine["address"]
                 for network in json.loads(host.command("network", "list", "--json=short").stdout)
                 for machine in network["machines"]}
    inodes = {hosts_of(f"m{number}", cli)[1] for number in range(8)}
    assert len(inodes) == 1
    assert len({hosts_of(name, cli)[1] for name in ("m0", "m20", "m21", "m22")}) == 3
    assert lookup(host, "m0", "m7") == addresses["m7"]
    assert lookup(host, "m20", "m2") == addresses["m2"]
    assert lookup(host, "m20", "m1") == "192.0.2.1"
    for name in ("m21", "m22"):
        assert lookup(host, name, "twin") == addresses[name]
        assert lookup(host, "m0", name) == addresses[name]
    host.command("stop", "m3").check()
    for name in ("m0", "m20", "m22"):
        assert not re.search(r"\bm3\b", hosts_of(name, cli)[0])
        assert re.search(r"\bm4\b", hosts_of(name, cli)[0])
    assert hosts_of("m0", cli)[1] in inodes


def test_many_supervisors_are_killed(host, cli, crowd, machine_file):
    """The next start removes names, rules and links of all of them, and nothing of the others."""
    crowd(range(20))
    victims = [json.loads((cli.runtime / "machines" / f"m{number}.json").read_text())
               for number in range(0, 20, 2)]
    for record in victims:
        os.kill(record["supervisor"]["pid"], signal.SIGKILL)
    for record in victims:
        harness.wait_for(lambda pid=record["init"]["pid"]: not Path(f"/proc/{pid}").exists())
    host.command("run", machine_file("web", command=["true"], network={"mode": "bridge"})).check()
    text = hosts_of("m1", cli)[0]
    table = host.table()
    for number in range(20):
        kept = number % 2 == 1
        assert bool(re.search(rf"\bm{number}$", text, re.MULTILINE)) == kept
        assert (f". {20000 + number} :" in table) == kept
    harness.wait_for(lambda: len(host.own_links()) == 11, 30, "ten links and the bridge")
    assert lookup(host, "m1", "m19")


@pytest.mark.needs("program:strace")
@pytest.mark.parametrize("call", ["flock", "pwrite64", "openat", "unlinkat", "sendmsg", "sendto"])
def test_a_crash_at_any_call_of_an_operation(host, cli, crowd, machine_file, call):
    """A start that is killed at one of its calls leaves names and leases right for the next one."""
    crowd(range(3))
    path = machine_file("web", command=["true"], network={"mode": "bridge"}, ports=["8080:80"])
    for number in range(1, 60, 4):
        done = subprocess.run(
            host.wrapper + ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                            f"inject={call}:signal=KILL:when={number}"]
            + [cli.binary, "run", str(path)], env={**os.environ, **cli.environment},
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
        # busybox's cat gives the pages of the file to the pipe, in which they change later.
        again = host.command("run", path, "--", "grep", ".", "/etc/hosts").check()
        for name in ("m0", "m1", "m2", "web"):
            assert len(re.findall(rf"^10\..* {name}$", again.stdout, re.MULTILINE)) == 1, number
        text = hosts_of("m0", cli)[0]
        assert not re.search(r"\bweb\b", text), number
        if done.returncode == 0:
            break
    settle(cli)
    assert all(f". {20000 + number} :" in host.table() for number in range(3))
    assert ". 8080 :" not in host.table()
