# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many hosts that follow one repository, with bad commits among good ones, and some of them killed
while they apply: none is left between two revisions. Each host is a namespace for its name, one for
its control groups, and directories of its own."""

import concurrent.futures
import json
import os
import random
import subprocess
import types

import fleets
import harness
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2", "program:git"), pytest.mark.slow]

HOSTS = int(os.environ.get("MACHINECTL_LITE_TEST_HOSTS", "8"))
MACHINES = int(os.environ.get("MACHINECTL_LITE_TEST_MACHINES", "20"))
# Joins a control group of its own, which becomes the root of the hierarchy that it sees.
ENTER = """
top=$(sed -n 's/^[^ ]* \\([^ ]*\\) cgroup2 .*/\\1/p' /proc/self/mounts | head -n 1)
mkdir -p "$top/$1" && echo $$ >"$top/$1/cgroup.procs" || exit 1
export TOP="$top"
exec unshare --uts --mount --cgroup sh -c '
        hostname "$1" && umount -l "$TOP" && mount -t cgroup2 none "$TOP" || exit 1
        shift
        exec "$@"' sh "$@"
"""

LEAVE = """
top=$(sed -n 's/^[^ ]* \\([^ ]*\\) cgroup2 .*/\\1/p' /proc/self/mounts | head -n 1)
find "$top/$1" -depth -type d -exec rmdir {} +
"""


class Host:
    """One of the hosts."""

    def __init__(self, directory, number, url):
        self.name = f"host{os.getpid()}-{number}"
        place = directory / self.name
        place.mkdir()
        place.chmod(0o755)
        self.cli = harness.Cli(place)
        self.url = url
        self.wrapper = ["sh", "-c", ENTER, "sh", self.name]

    def __call__(self, *arguments, **how):
        """Runs the command on this host."""
        return self.cli(*arguments, wrapper=self.wrapper, **{"timeout": 300, **how})

    def apply(self, killed_after=None):
        """Follows the repository; returns the status. With a time, it is killed then."""
        if killed_after is None:
            return self("apply", self.url).status
        process = self.cli.start("apply", self.url, wrapper=["timeout", "-s", "KILL",
                                                             str(killed_after), *self.wrapper])
        return process.wait(300).status

    def revision(self):
        """The current one."""
        [source] = [path for path in (self.cli.state / "sources").iterdir()
                    if path.name[0] != "."]
        return os.readlink(source / "current")

    def versions(self):
        """The version that each machine runs with."""
        records = [json.loads(path.read_text())
                   for path in sorted((self.cli.runtime / "machines").glob("*.json"))]
        return {record["name"]: next(label for label in record["labels"] if label[0] == "V")
                for record in records if record["state"] == "running"}


@pytest.fixture
def repository(workspace):
    """An empty repository."""
    tree = workspace / "tree"
    tree.mkdir()
    tree.chmod(0o755)
    return fleets.Repository(types.SimpleNamespace(tree=tree))


@pytest.fixture
def hosts(workspace, repository):
    """All hosts, which lose their machines at the end."""
    made = [Host(workspace, number, repository.url) for number in range(HOSTS)]
    yield made
    for host in made:
        host("stop", "--all")
        subprocess.run(["sh", "-c", LEAVE, "sh", host.name], check=True)


def define(repository, root, number, version, **keys):
    """A machine whose labels tell its version."""
    keys = {"overlay": [root], "upper": "volatile", "command": ["sleep", "1000000"],
            "network": {"mode": "none"}, "labels": [f"V={version}"],
            "environment": [f"V={version}"], "stop": {"timeout": "100ms"}, **keys}
    (repository.path / f"m{number:02}.machine").write_text(harness.definition(**keys))


def on_all(hosts, act):
    """The results of all hosts, a few at a time."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(act, hosts))


def follow(hosts, some, status):
    """Some hosts are killed while they apply the commit; then all of them apply it."""
    choice = random.Random(HOSTS)
    killed = set(choice.sample(range(len(hosts)), some))
    on_all(killed, lambda i: hosts[i].apply(killed_after=0.2 + choice.random()))
    assert on_all(hosts, Host.apply) == [status] * len(hosts)


def test_no_host_is_left_between_two_revisions(repository, hosts, busybox_root):
    some = HOSTS // 4
    for number in range(MACHINES):
        define(repository, busybox_root, number, 1)
    repository.commit("first")
    follow(hosts, some, 0)
    expected = {f"m{number:02}": "V=1" for number in range(MACHINES)}
    assert on_all(hosts, Host.versions) == [expected] * HOSTS
    # A version of every second machine.
    for number in range(0, MACHINES, 2):
        define(repository, busybox_root, number, 2)
        expected[f"m{number:02}"] = "V=2"
    good = repository.commit("good")
    follow(hosts, some, 0)
    assert on_all(hosts, Host.versions) == [expected] * HOSTS
    # An invalid one.
    (repository.path / "m01.machine").write_text("command = [\n")
    repository.commit("invalid")
    follow(hosts, some, 65)
    assert on_all(hosts, Host.versions) == [expected] * HOSTS
    assert {host.revision() for host in hosts} == {good}
    # A version that does not stay up goes back, the others go on.
    define(repository, busybox_root, 1, 3, command=["sh", "-c", "exit 3"])
    define(repository, busybox_root, 2, 3)
    expected["m02"] = "V=3"
    repository.commit("bad")
    follow(hosts, some, 1)
    assert on_all(hosts, Host.versions) == [expected] * HOSTS
    # A good one for all.
    for number in range(MACHINES):
        define(repository, busybox_root, number, 4)
        expected[f"m{number:02}"] = "V=4"
    last = repository.commit("last")
    follow(hosts, some, 0)
    assert on_all(hosts, Host.versions) == [expected] * HOSTS
    assert {host.revision() for host in hosts} == {last}
    assert on_all(hosts, lambda host: host("apply", "--plan", "--exit-code", host.url).status) == (
        [0] * HOSTS)
