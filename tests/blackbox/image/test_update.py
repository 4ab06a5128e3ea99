# SPDX-License-Identifier: LGPL-2.1-or-later
"""update: machines follow the names of their images, and go back if the new one fails."""

import json
import os

import fleets
import images
import pytest
import registries
from images import Image, base_members, layer, member

pytestmark = pytest.mark.needs("root", "cgroup2")


def version(number, **config):
    """An image of busybox whose /version has the number."""
    return Image(layer(*base_members()), layer(member("version", f"{number}\n".encode())),
                 config={"Cmd": fleets.STAY, "Env": ["PATH=/bin"], **config})


class Host:
    """Machines with images of one registry, which speaks plain HTTP to them."""

    def __init__(self, cli, registry, workspace):
        self.cli, self.registry = cli, registry
        self.wrapper = registries.with_insecure(workspace, registry)
        self.names = []

    def name(self, short):
        """The name of a machine of this test."""
        return f"update{os.getpid()}-{short}"

    def start(self, short, tag="app", **keys):
        """Defines and starts a machine."""
        name = self.name(short)
        self.names.append(name)
        images.define(self.cli, name, **{"image": f"{self.registry.host}/{tag}:1",
                                         "upper": "volatile", **keys})
        self.run("start", name).check()

    def run(self, *arguments, **options):
        """Runs a verb."""
        return self.cli(*arguments, wrapper=self.wrapper, **{"timeout": 120, **options})

    def update(self, *arguments, status=0):
        """{short name: entry} of update."""
        result = self.run("update", "--json=short", *arguments).check(status)
        return {entry["name"].split("-", 1)[1]: entry for entry in json.loads(result.stdout)}

    def words(self, *arguments, status=0):
        """{short name: word} of update."""
        return {name: entry["update"]
                for name, entry in self.update(*arguments, status=status).items()}

    def version(self, short):
        """The version that a machine runs."""
        return self.run("exec", self.name(short), "/bin/cat", "/version").check().stdout.strip()

    def pid(self, short):
        """The process id of a machine."""
        return json.loads(self.run("show", self.name(short)).check().stdout)["pid"]

    def finish(self):
        """Stops all machines."""
        for name in self.names:
            self.cli("delete", "--force", name)


@pytest.fixture
def host(cli, workspace):
    """A host and its registry."""
    with images.registry() as registry:
        made = Host(cli, registry, workspace)
        yield made
        made.finish()


@pytest.mark.parametrize("upper", ["volatile", "persistent"])
def test_a_moved_name_restarts_the_machine(host, cli, upper):
    """The plan says so before; files of the writable layer stay; the old image is kept."""
    old, new = version(1), version(2)
    host.registry.add("app", "1", old)
    host.start("web", upper=upper)
    assert host.words() == {"web": "unchanged"}
    host.run("exec", host.name("web"), "/bin/touch", "/work/kept").check()
    pid = host.pid("web")
    host.registry.add("app", "1", new)
    planned = host.update("--plan")["web"]
    assert (planned["update"], planned["old_digest"], planned["new_digest"]) == (
        "update", old.digest, new.digest)
    assert (planned["old_id"], planned["new_id"]) == (old.id, new.id)
    assert host.pid("web") == pid
    table = host.run("update", "--plan").check().stdout
    assert new.digest[:19] in table and old.digest[:19] in table
    assert host.words() == {"web": "updated"}
    assert host.version("web") == "2" and host.pid("web") != pid
    kept = host.run("exec", host.name("web"), "/bin/ls", "/work").check().stdout
    assert kept == ("kept\n" if upper == "persistent" else "")
    cli("prune").check()
    assert {image["id"] for image in json.loads(cli("list-images", "--json=short").stdout)} == {
        old.id, new.id}
    assert host.words() == {"web": "unchanged"}


@pytest.mark.parametrize("upper", ["volatile", "persistent"])
@pytest.mark.parametrize("fault", ["ends", "unhealthy", "no command"])
def test_a_version_that_fails_goes_back(host, fault, upper):
    """The old image runs again, has its name back, and the failed one is not tried again."""
    keys = {"upper": upper}
    if fault == "unhealthy":
        keys["health"] = {"command": ["/bin/grep", "-q", "1", "/version"], "interval": "100ms",
                          "retries": 2, "timeout": "5s"}
    bad = {"ends": {"Cmd": ["/bin/false"]}, "no command": {"Cmd": ["/nothing"]}}.get(fault, {})
    old = version(1)
    host.registry.add("app", "1", old)
    host.start("web", **keys)
    pid = host.pid("web")
    host.registry.add("app", "1", version(2, **bad))
    entry = host.update(status=1)["web"]
    assert entry["update"] == "back" and entry["reason"]
    assert host.version("web") == "1"
    assert (host.pid("web") == pid) == (fault == "no command")
    shown = json.loads(host.cli("image-status", "--json=short",
                                f"{host.registry.host}/app:1").check().stdout)
    assert shown["id"] == old.id
    assert host.words() == {"web": "withheld"}
    host.run("restart", host.name("web")).check()
    assert host.version("web") == "1"
    host.registry.add("app", "1", version(1, Labels={"fixed": "yes"}))
    assert host.words() == {"web": "updated"}


def test_one_failure_does_not_stop_the_others(host):
    """A digest that is gone and a registry that does not answer are the failures of their
    machines."""
    first = version(1)
    for tag in ("first", "gone", "last"):
        host.registry.add(tag, "1", first)
        host.start(tag, tag=tag)
    host.start("fixed", image=f"{host.registry.host}/first@{first.digest}")
    for tag in ("first", "last"):
        host.registry.add(tag, "1", version(2))
    del host.registry.images["gone", "1"]
    assert host.words(status=1) == {"first": "updated", "gone": "failed", "last": "updated",
                                    "fixed": "unchanged"}
    assert [host.version(short) for short in ("first", "gone", "last", "fixed")] == [
        "2", "1", "2", "1"]
    host.registry.faults["/v2/"] = lambda handler: handler.answer(401) or True
    assert set(host.words(host.name("first"), host.name("last"), status=1).values()) == {"failed"}
    assert host.version("last") == "2"


def test_only_machines_with_the_key(host):
    """--auto is what the timer runs."""
    host.registry.add("app", "1", version(1))
    host.start("auto", update="auto")
    host.start("other")
    host.registry.add("app", "1", version(2))
    assert host.words("--auto") == {"auto": "updated"}
    assert (host.version("auto"), host.version("other")) == ("2", "1")


def test_an_image_that_the_policy_rejects_is_not_run(host, workspace):
    """The machine runs on untouched."""
    host.registry.add("app", "1", version(1))
    host.start("web")
    pid = host.pid("web")
    place = workspace / "home/.config/containers"
    place.mkdir(parents=True)
    (place / "policy.json").write_text(json.dumps({"default": [{"type": "reject"}]}))
    host.cli.environment["HOME"] = str(workspace / "home")
    host.registry.add("app", "1", version(2))
    assert host.words(status=1) == {"web": "failed"}
    assert host.pid("web") == pid and host.version("web") == "1"


def test_machines_that_cannot_be_updated(host):
    """Without an image, unknown, or not running."""
    host.registry.add("app", "1", version(1))
    host.start("web")
    host.run("stop", host.name("web")).check()
    assert host.update(host.name("web"))["web"]["reason"] == "not running"
    assert host.run("update", "nosuchmachine").status != 0
    assert host.words() == {}
