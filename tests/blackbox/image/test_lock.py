# SPDX-License-Identifier: LGPL-2.1-or-later
"""machines.lock: the digests that the names of images stand for."""

import json

import harness
import images
import pytest
import registries
from images import Image, base_members, layer, member

pytestmark = pytest.mark.needs("root", "cgroup2")


def version(number, **options):
    """An image of busybox whose /version has the number."""
    return Image(layer(*base_members()), layer(member("version", f"{number}\n".encode())),
                 config={"Cmd": ["/bin/cat", "/version"], "Env": ["PATH=/bin"]}, **options)


class Tree:
    """A directory of definitions with images of one registry, which speaks plain HTTP to it."""

    def __init__(self, cli, registry, workspace):
        self.cli, self.registry = cli, registry
        self.wrapper = registries.with_insecure(workspace, registry)
        self.path = workspace / "tree"
        self.path.mkdir()

    def define(self, name, tag="app", where=".", **keys):
        """Writes a definition of a machine that prints its version."""
        path = self.path / where / f"{name}.machine"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(harness.definition(
            image=f"{self.registry.host}/{tag}:1", upper="volatile", network={"mode": "none"},
            **keys), encoding="utf-8")
        return path

    def run(self, *arguments, **options):
        """Runs a verb."""
        return self.cli(*arguments, wrapper=self.wrapper, **options)

    def lock(self, *options):
        """Locks the tree and returns the digests by tag."""
        self.run("lock", *options, self.path).check()
        return self.digests()

    def digests(self):
        """What the file says."""
        lock = json.loads((self.path / "machines.lock").read_text(encoding="utf-8"))
        return {name.split("/")[1]: entry["digest"] for name, entry in lock["images"].items()}


@pytest.fixture
def tree(cli, workspace):
    """An empty tree and its registry."""
    with images.registry() as registry:
        yield Tree(cli, registry, workspace)


def test_a_lock_names_what_runs(tree):
    """Whatever the name points to later; update moves it, all or one."""
    first, second = version(1), version(2)
    tree.registry.add("app", "1", first)
    tree.registry.add("other", "1", first)
    web = tree.define("web")
    tree.define("here", tag="other", where="hosts/here")
    assert tree.lock() == {"app:1": first.digest, "other:1": first.digest}
    for tag in ("app", "other"):
        tree.registry.add(tag, "1", second)
    assert tree.run("run", web).check().stdout == "1\n"
    here = tree.path / "hosts/here/here.machine"
    assert tree.run("run", here).check().stdout == "1\n"
    shown = tree.run("config", "show", web).check().stdout
    assert f"{tree.registry.host}/app@{first.digest}" in shown
    # Without --update, only what is missing is added, and what nobody names is dropped.
    assert tree.lock()["app:1"] == first.digest
    assert tree.lock(f"--update={tree.registry.host}/app:1") == {
        "app:1": second.digest, "other:1": first.digest}
    assert tree.run("run", web).check().stdout == "2\n"
    here.unlink()
    assert tree.lock("--update") == {"app:1": second.digest}


def test_apply_takes_the_lock(tree):
    """A tree that is applied carries its lock with it."""
    first, second = version(1), version(2)
    tree.registry.add("app", "1", first)
    tree.define("lockedweb", command=["/bin/sh", "-c", "while :; do sleep 1; done"])
    tree.lock()
    tree.registry.add("app", "1", second)
    try:
        tree.run("apply", tree.path, timeout=120).check()
        assert tree.run("exec", "lockedweb", "/bin/cat", "/version").check().stdout == "1\n"
        plan = json.loads(tree.run("apply", "--plan", "--json=short", tree.path).check().stdout)
        assert plan["machines"][0]["plan"] == "unchanged"
        tree.lock("--update")
        plan = json.loads(tree.run("apply", "--plan", "--json=short", tree.path).check().stdout)
        assert plan["machines"][0]["plan"] == "restart"
    finally:
        tree.run("delete", "--force", "lockedweb")


def test_an_image_that_the_lock_lacks(tree):
    """It is an error of the definition, not a pull of whatever the name points to."""
    tree.registry.add("app", "1", version(1))
    tree.registry.add("new", "1", version(1))
    tree.define("web")
    tree.lock()
    new = tree.define("new", tag="new")
    said = tree.run("run", new).check(125).stderr + tree.run("check", new).check(65).stdout
    assert "does not name this image" in said and "machinectl-lite lock" in said
    assert not tree.registry.count("/new/")
    assert set(tree.lock()) == {"app:1", "new:1"}


def test_platforms(tree):
    """The manifest of the platform is locked, and another host refuses it."""
    foreign = version(1, platform=("linux", "arm64"))
    tree.registry.add("app", "1", foreign)
    web = tree.define("web")
    tree.lock("--platform=linux/arm64")
    entry = list(json.loads((tree.path / "machines.lock").read_text())["images"].values())[0]
    assert (entry["digest"], entry["platform"]) == (foreign.digest, "linux/arm64")
    assert "arm64" in tree.run("run", web).check(125).stderr


def test_failures_keep_the_old_lock(tree):
    """An image that is gone, a definition with an error, and a lock that is none."""
    tree.registry.add("app", "1", version(1))
    web = tree.define("web")
    before = tree.lock()
    del tree.registry.images["app", "1"]
    assert "could not be found" in tree.run("lock", "--update", tree.path).check(1).stderr
    assert tree.digests() == before
    assert tree.run("lock", "--update=nothing:1", tree.path).check(66).stderr
    web.write_text("imag = 1;\n", encoding="utf-8")
    assert "web.machine:1" in tree.run("lock", tree.path).check(65).stderr
    tree.define("web")
    for text in ("{", "{}", '{"version": 2, "images": {}}', '{"version": 1, "images": []}'):
        (tree.path / "machines.lock").write_text(text, encoding="utf-8")
        assert "machines.lock" in tree.run("run", web).check(125).stderr
        assert "machines.lock" in tree.run("lock", tree.path).check(65).stderr
    assert tree.run("lock").check(64).stderr
