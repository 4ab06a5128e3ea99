# SPDX-License-Identifier: LGPL-2.1-or-later
"""A team's repository over twenty commits, each of which changes one thing: after each the host is
what the tree says or what it was before, and the plan said so."""

import json
import os
import subprocess

import fleets
import harness
import needs
import pytest

pytestmark = [pytest.mark.needs("root", "cgroup2", "program:git", "program:ssh-keygen"),
              pytest.mark.slow]

# A check that passes once the file is there, as a server that takes a moment to listen.
HEALTHY = {"command": ["test", "-e", "/ready"], "interval": "100ms", "retries": 3}
SERVE = ["sh", "-c", "trap 'exit 0' TERM; touch /ready; while :; do sleep 0.1; done"]
NEVER = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
WORKERS = 4


def limit(tasks):
    """A limit, on hosts that can set it; without one its change is none."""
    return {"tasks": tasks} if needs.missing("controller:pids") is None else {"nice": 1}


class Team:
    """The repository, its signing key, and the host that follows it."""

    def __init__(self, cli, workspace, root):
        self.fleet = fleets.Fleet(cli, workspace, root)
        self.repository = fleets.Repository(self.fleet)
        keys = workspace / "keys"
        keys.mkdir(mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "team", "-f",
                        keys / "key"], check=True)
        (keys / "signers").write_text(f"test@example.org {(keys / 'key.pub').read_text()}")
        self.key = keys / "key"
        self.options = "--verify=commit", f"--signers={keys}/signers", "--prune"

    def define(self, short, version, **keys):
        """A machine with a version of its own."""
        self.fleet.define(short, environment=[f"V={version}"], **{
            "command": SERVE, **keys})

    def database(self, version, **keys):
        """The machine with a volume."""
        self.define("database", version, health=HEALTHY, ready="health", **keys, mounts=[
            {"type": "volume", "source": self.fleet.name("data"), "target": "/data"}])

    def pod(self, text):
        """The pod, which has two members."""
        self.fleet.names.add(self.fleet.name("site"))
        self.fleet.write(f"{self.fleet.name('site')}.pod", f'network = {{ mode = "none"; }}; {text}')

    def member(self, short, version):
        """One of its members."""
        self.define(short, version, pod=self.fleet.name("site"), network=None)

    def commit(self, message, *options):
        """A signed commit of everything."""
        self.repository.git("add", "--all")
        self.repository.git("-c", "gpg.format=ssh", "-c", f"user.signingKey={self.key}", "commit",
                            "-q", "--allow-empty", "-S", "-m", message, *options)

    def plan(self, *options):
        """{short name: word} of what would happen."""
        return self.fleet.words(*self.options, *options, origin=self.repository.url)

    def apply(self, *options, status=0):
        """Applies the last commit."""
        return self.repository.apply(*self.options, *options).check(status)

    def pids(self):
        """{short name: first process} of what runs."""
        shown = {name.removeprefix(self.fleet.prefix): self.fleet.cli("show", name)
                 for name in sorted(self.fleet.names)}
        records = {short: json.loads(result.stdout) for short, result in shown.items()
                   if result.status == 0}
        return {short: record["pid"] for short, record in records.items()
                if record["state"] == "running"}

    def step(self, message, expected, *options, failed=()):
        """Commits, and follows: the plan is `expected`; only that moves, and what `failed` runs as
        it did before."""
        self.commit(message)
        before = self.pids()
        assert self.plan(*options) == expected, message
        self.apply(*options, status=1 if failed else 0)
        after = self.pids()
        for short in before:
            moves = expected.get(short) in ("restart", "stop")
            assert (after.get(short) == before[short]) != moves, (message, short)
        assert {short for short, word in expected.items() if word == "stop"}.isdisjoint(after)
        if not failed:
            assert self.plan(*options) == {}, message


@pytest.fixture
def team(cli, workspace, busybox_root):
    """A site, a database and its exporter, a cache, jobs, and workers of a template."""
    made = Team(cli, workspace, busybox_root)
    fleet = made.fleet
    fleet.write("web.env", "SITE=1\n")
    fleet.write("site/index.html", "one\n")
    made.database(1)
    made.define("exporter", 1, requires=[fleet.name("database")])
    made.define("cache", 1, limits=limit(50))
    made.define("web", 1, requires=[fleet.name("database")], after=[fleet.name("cache")],
                environment_files=["web.env"], health=HEALTHY, ready="health",
                apply={"on_change": "reload"}, reload={"command": ["touch", "/reloaded"]},
                mounts=[{"type": "bind", "source": "site", "target": "/site", "read_only": True}])
    made.define("mail", 1, apply={"on_change": "manual"})
    made.define("backup", 1)
    made.pod('hostname = "one";')
    made.member("front", 1)
    made.member("side", 1)
    made.define("metrics", 1, where=f"hosts/{os.uname().nodename}")
    made.define("edge", 1, where="hosts/edge-1")
    made.define("search", 1, hosts=["search-*"])
    template = fleet.define("worker@", environment=["V=1", "WORKER=%i"], command=SERVE)
    for number in range(WORKERS):
        name = fleet.name(f"worker@{number}")
        fleet.names.add(name)
        (fleet.tree / f"{name}.machine").symlink_to(template.name)
    fleet.names.discard(fleet.name("worker@"))
    made.commit("first")
    yield made
    fleet.finish()


HERE = {"database", "exporter", "cache", "web", "mail", "backup", "metrics", "site", "front", "side",
        *(f"worker@{number}" for number in range(WORKERS))}


def test_twenty_commits(team, cli):
    fleet, repository = team.fleet, team.repository
    # 1: the first, and what other hosts would do.
    assert team.plan() == dict.fromkeys(HERE, "start")
    others = {host: set(fleet.plan("--host", host)) for host in ("edge-1", "search-2")}
    assert others["edge-1"] == HERE - {"metrics"} | {"edge"}
    assert others["search-2"] == HERE - {"metrics"} | {"search"}
    team.apply()
    assert set(team.pids()) == HERE and team.plan() == {}
    assert "WORKER=2" in fleet.run("worker@2", "env")
    fleet.run("database", "sh", "-c", "echo kept >/data/file")
    # 2 to 4: a version, a limit, a label.
    team.define("backup", 2)
    team.step("version", {"backup": "restart"})
    team.define("cache", 1, limits=limit(60))
    team.step("limit", {"cache": "live"} if "tasks" in limit(60) else {})
    team.define("cache", 1, limits=limit(60), labels=["team=data"])
    team.step("label", {"cache": "live"})
    # 5, 6: files that definitions name.
    fleet.write("web.env", "SITE=2\n")
    team.step("environment file", {"web": "restart"})
    assert "SITE=2" in fleet.run("web", "env")
    fleet.write("site/index.html", "two\n")
    team.step("content", {"web": "reload"})
    assert fleet.run("web", "cat", "/site/index.html") == "two\n"
    fleet.run("web", "test", "-e", "/reloaded")
    # 7: all workers by their template. 8: one of them by a drop-in.
    template = fleet.define("worker@", environment=["V=2", "WORKER=%i"], command=SERVE)
    fleet.names.discard(fleet.name("worker@"))
    team.step("template", dict.fromkeys((f"worker@{i}" for i in range(WORKERS)), "restart"))
    fleet.write(f"{fleet.name('worker@1')}.machine.d/10.machine",
                'append = { environment = [ "ONE=1" ]; };\n')
    team.step("drop-in", {"worker@1": "restart"})
    assert "ONE=1" in fleet.run("worker@1", "env")
    # 9: a comment.
    template.write_text("# About workers\n" + template.read_text())
    team.step("comment", {})
    # 10: one whose restart is the user's.
    team.define("mail", 2, apply={"on_change": "manual"})
    team.commit("manual")
    pid = fleet.pid("mail")
    assert team.plan() == {"mail": "manual"}
    team.apply()
    assert fleet.pid("mail") == pid
    cli("restart", fleet.name("mail")).check()
    assert team.plan() == {}
    # 11: a name. 12: one is gone. 13: one is new.
    (fleet.tree / f"{fleet.name('backup')}.machine").rename(
        fleet.tree / f"{fleet.name('archive')}.machine")
    fleet.names.add(fleet.name("archive"))
    team.step("rename", {"backup": "stop", "archive": "start"})
    fleet.remove("exporter")
    team.step("removal", {"exporter": "stop"})
    team.define("queue", 1)
    team.step("addition", {"queue": "start"})
    # A member of a pod, which the other does not notice; and the pod, whose members follow it.
    team.member("side", 2)
    team.step("member", {"side": "restart"})
    team.pod('hostname = "two";')
    team.step("pod", dict.fromkeys(("site", "front", "side"), "restart"))
    assert fleet.run("front", "hostname") == "two\n"
    # 14: an error in one file. 15: its correction, with a change.
    path = fleet.tree / f"{fleet.name('queue')}.machine"
    good = path.read_text()
    path.write_text(good + "}\n")
    team.commit("syntax error")
    before, current = team.pids(), fleet.current()
    team.apply(status=65)
    assert (team.pids(), fleet.current()) == (before, current)
    path.write_text(good.replace("V=1", "V=2"))
    team.step("correction", {"queue": "restart"})
    # 16: a version that does not get healthy: it goes back, and its dependents stay up.
    team.database(2, command=NEVER, start_timeout="3s")
    team.commit("unhealthy")
    before = team.pids()
    assert team.plan() == {"database": "restart"}
    failed = team.apply(status=1)
    assert f"{fleet.name('database')}: runs as before" in failed.stderr, failed
    assert "V=1" in fleet.run("database", "env")
    assert {short: pid for short, pid in team.pids().items() if short != "database"} == {
        short: pid for short, pid in before.items() if short != "database"}
    # 17: its correction.
    team.database(3)
    team.step("healthy", {"database": "restart"})
    assert fleet.run("database", "cat", "/data/file") == "kept\n"
    # 18: an unsigned commit, and 19: a signed one after it.
    fleet.write("web.env", "SITE=3\n")
    repository.commit("unsigned")
    before = team.pids()
    assert "is not signed" in team.apply(status=1).stderr
    assert team.pids() == before
    team.step("signed", {"web": "restart"})
    # 20: history is rewritten.
    current = fleet.current()
    repository.git("reset", "-q", "--hard", "HEAD~3")
    team.commit("rewritten")
    assert "does not descend" in team.apply(status=1).stderr
    assert fleet.current() == current
    # Back to the one before, and the rolled-back one is refused.
    cli("apply", "--rollback", timeout=120).check()
    assert "SITE=2" in fleet.run("web", "env")


def test_without_network_and_beyond_a_reboot(team, cli):
    """The remote is away, and what ran starts again from the stored tree."""
    team.apply()
    team.repository.path.rename(team.repository.path.with_name("away"))
    before = team.pids()
    team.apply(status=1)
    assert team.pids() == before
    for name in team.fleet.names:
        cli("stop", name)
    for path in (cli.runtime / "machines").iterdir():
        path.unlink()
    cli("start", "--all", timeout=120).check()
    assert set(team.pids()) == HERE
    team.repository.path.with_name("away").rename(team.repository.path)
    assert team.plan() == {}


@pytest.mark.needs("virtual-host")
def test_the_clock_jumps(team):
    """Back by a year and forth again: neither starts nor stops anything."""
    team.apply()
    before = team.pids()
    for jump in ("-1 year", "+2 years", "-1 year"):
        subprocess.run(["date", "-s", jump], check=True, stdout=subprocess.DEVNULL)
        assert team.plan() == {}
        team.apply()
        assert team.pids() == before
    team.define("cache", 2)
    team.step("after it", {"cache": "restart"})


def test_a_full_disk(team, cli, workspace):
    """The state directory has no room for another tree."""
    team.apply()
    fleet = team.fleet
    before, current = team.pids(), fleet.current()
    fleet.write("big", "x" * 3_000_000)
    team.commit("too big")
    wrapper = ["unshare", "--mount", "sh", "-c",
               f'mkdir {workspace}/copy && cp -a {cli.state}/. {workspace}/copy && '
               f'mount -t tmpfs -o size=1500k tmpfs {cli.state} && '
               f'cp -a {workspace}/copy/sources {cli.state}/ && exec "$@"', "sh"]
    result = team.repository.apply(*team.options, wrapper=wrapper)
    assert result.status == 1 and "No space left" in result.stderr, result
    assert (team.pids(), fleet.current()) == (before, current)
    team.apply()
    assert fleet.current() != current


def test_killed_at_any_time(team):
    """Not at chosen steps, but wherever it is."""
    team.apply()
    for attempt in range(8):
        for short in ("cache", "backup", "mail"):
            team.define(short, attempt + 2)
        team.commit(f"attempt {attempt}")
        process = team.fleet.cli.start("apply", *team.options, team.repository.url)
        try:
            process.process.wait(0.1 + attempt * 0.15)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(10)
        team.apply()
        assert team.plan() == {}
        assert set(team.pids()) == HERE
        for short in ("cache", "backup", "mail"):
            assert f"V={attempt + 2}\n" in team.fleet.run(short, "env")
    assert harness.wait_for(lambda: not list(team.fleet.cli.runtime.glob("apply-*")))
