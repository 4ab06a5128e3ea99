# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images of an ordinary user: unpacked, run, committed, pushed and removed with his own ids."""

import io
import json
import os
import subprocess
import tarfile

import harness
import images
import pytest
import registries
from images import Image, directory, layer, member

pytestmark = [pytest.mark.needs("root"), pytest.mark.needs("program:busybox")]

CONFIG = {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -u; pwd; echo $WHO"],
          "Env": ["PATH=/bin", "WHO=image"], "User": "1000:50", "WorkingDir": "/work"}


@pytest.fixture
def image():
    """A base, and a layer that removes a file and hides what a directory had."""
    base = layer(*images.base_members(), member("etc/gone", b"x"), directory("srv"),
                 member("srv/below", b"x"), member("etc/owned", b"", uid=1000, gid=50))
    return Image(base, layer(member("etc/.wh.gone", b""), member("etc/new", b"top\n"),
                             directory("srv"), member("srv/.wh..wh..opq", b""),
                             member("srv/above", b"x")), config=CONFIG)


def load(user, image, name="test/app:1"):
    """Adds an image to the user's store."""
    source = user.make(user.home / "source")
    image.write_layout(source, name)
    user.own(source)
    user("load", source).check()
    return name


def test_layers_and_owners(user, image):
    """Whiteouts and opaque directories hide files, and owners are those of the archive inside and
    the user's subordinate ids outside."""
    name = load(user, image)
    user.define("app", image=name)
    assert user("run", "app").check().stdout == "1000\n/work\nimage\n"
    user.define("look", image=name, user="0", arguments=[
        "ls /etc /srv; stat -c %u:%g /etc/owned /etc/new; rm /etc/new; rm -r /srv; mkdir /srv; "
        "ls /srv; touch /etc/written"])
    words = user("run", "look").check().stdout.split()
    assert "gone" not in words and "below" not in words and "above" in words
    assert words[-2:] == ["1000:50", "0:0"]
    first, _ = user.subordinate()
    trees = list(user.state.glob("layers/*/tree"))
    owned = [path for tree in trees for path in tree.glob("etc/owned")]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in owned] == [
        (first + 999, first + 49)]
    opaque = [tree / "srv" for tree in trees if (tree / "srv/above").exists()]
    assert [os.getxattr(path, "user.overlay.opaque") for path in opaque] == [b"y"]
    upper = user.state / "machines/look/upper"
    assert os.getxattr(upper / "srv", "user.overlay.opaque") == b"y"
    assert (upper / "etc/new").is_char_device()
    user("image-status", "--verify", name).check()


def test_from_pull_to_removal(user, image):
    """Pulled, run, committed, saved, pushed, removed; nothing is left that he cannot delete."""
    with images.registry() as server:
        reference = server.add("team/app", "1", image)
        user("pull", "--insecure", reference).check()
        assert "team/app" in user("list-images").check().stdout
        user.define("app", image=reference, pull="never", user="0", arguments=[
            "echo written > /etc/written; chown 7:8 /etc/written; rm /etc/new; rm -r /srv; "
            "mkdir /srv; echo x >/srv/made"])
        user("run", "app").check()
        user("commit", "app", "made/by:hand").check()
        user.define("next", image="made/by:hand", user="0", arguments=[
            "stat -c %u:%g /etc/written; ls /srv; ls /etc/new /etc/gone"])
        result = user("run", "next")
        assert result.stdout == "7:8\nmade\n" and result.status == 1
        user("save", "made/by:hand", user.home / "saved.tar").check()
        assert (user.home / "saved.tar").stat().st_uid == user.uid
        user("load", "--name", "again:1", user.home / "saved.tar").check()
        user("image-status", "--verify", "again:1").check()
    user("delete", "app", "next").check()
    user("prune", "--all").check()
    assert not list(user.state.glob("layers/sha256-*")), list(user.state.glob("layers/*"))
    done = user.run("rm", "-r", user.state)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("program:docker-registry")
def test_push(user, image):
    """What is pushed is pulled and verified."""
    with registries.docker_registry() as plain:
        _push_and_pull(user, image, plain)


def _push_and_pull(user, image, plain):
    name = load(user, image)
    user("push", "--insecure", name, f"{plain}/team/app:1").check()
    user("remove-image", name).check()
    user("pull", "--insecure", f"{plain}/team/app:1").check()
    user("image-status", "--verify", f"{plain}/team/app:1").check()


def version(number):
    """An image whose /version has the number."""
    return Image(layer(*images.base_members(), member("version", f"{number}\n".encode())),
                 config={"Cmd": ["/bin/sh", "-c", "while :; do sleep 0.1; done"],
                         "Env": ["PATH=/bin"]})


class Host:
    """A user whose /etc has a registry that speaks plain HTTP."""

    def __init__(self, user, registry, workspace):
        self.user, self.registry = user, registry
        self.front = registries.with_insecure(workspace, registry)
        (workspace / "etc").chmod(0o755)

    def __call__(self, *arguments):
        done = subprocess.run(self.front + self.user.command(*arguments), check=False, text=True,
                              capture_output=True, env=self.user.environment, timeout=120,
                              cwd=self.user.home)
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture
def host(user, workspace):
    with images.registry() as registry:
        yield Host(user, registry, workspace)


def test_update(host, user):
    """Machines follow the name of their image."""
    first, second = version(1), version(2)
    host.registry.add("app", "1", first)
    user.define("web", image=f"{host.registry.host}/app:1", upper="volatile")
    host("start", "web")
    assert user("exec", "web", "cat", "/version").check().stdout == "1\n"
    host.registry.add("app", "1", second)
    planned = json.loads(host("update", "--plan", "--json=short"))[0]
    assert (planned["old_digest"], planned["new_digest"]) == (first.digest, second.digest)
    assert json.loads(host("update", "--json=short"))[0]["update"] == "updated"
    assert user("exec", "web", "cat", "/version").check().stdout == "2\n"
    user("delete", "--force", "web").check()


def test_lock(host, user):
    """What a lock names runs, whatever the name of the image stands for since."""
    first = version(1)
    host.registry.add("app", "1", first)
    tree = user.make(user.home / "tree")
    path = tree / "web.machine"
    path.write_text(harness.definition(
        image=f"{host.registry.host}/app:1", upper="volatile", network={"mode": "none"},
        command=["/bin/cat", "/version"]), encoding="utf-8")
    user.own(tree)
    host("lock", tree)
    lock = tree / "machines.lock"
    assert lock.stat().st_uid == user.uid
    entries = json.loads(lock.read_text(encoding="utf-8"))["images"]
    assert [entry["digest"] for entry in entries.values()] == [first.digest]
    host.registry.add("app", "1", version(2))
    assert host("run", path) == "1\n"
    host("lock", "--update", tree)
    assert host("run", path) == "2\n"


@pytest.mark.parametrize("form", ["layout", "docker", "root"])
def test_one_owner(poor, image, form):
    """Without subordinate ids an image with other owners is refused, or all its files become the
    user's; that is another image, which runs with his own id alone."""
    source = poor.make(poor.home / "source")
    name = ["--name=test/app:1"]
    if form == "root":
        archive = source / "root.tar"
        archive.write_bytes(layer(*images.base_members(), member("etc/owned", b"", uid=1000, gid=50),
                                  member("etc/new", b"top\n")))
    elif form == "docker":
        archive = source / "image.tar"
        archive.write_bytes(images.docker_archive(image, "test/app:1"))
    else:
        archive, name = source, []
        image.write_layout(source, "test/app:1")
    poor.own(source)
    result = poor("load", *name, archive).check(1)
    assert "belongs to 1000:50" in result.stderr and "load --owner=self" in result.stderr
    assert images.leftovers(poor) == []
    poor("load", "--owner=nobody", *name, archive).check(64)
    for _ in range(2):
        poor("load", "--owner=self", *name, archive).check()
    assert images.leftovers(poor) == []
    poor("image-status", "--verify", "test/app:1").check()
    poor.define("app", image="test/app:1", user_namespace="self", user="0", arguments=[
        "/bin/sh", "-c", "stat -c %u:%g /etc/owned; cat /etc/new; ls /srv /etc/gone; echo $WHO"])
    if form != "root":
        poor.define("app", image="test/app:1", user_namespace="self", user="0", arguments=[
            "stat -c %u:%g /etc/owned; cat /etc/new; ls /srv /etc/gone; echo $WHO"])
    result = poor("run", "app").check()
    below = ["/srv:", "above", "image"] if form != "root" else []
    assert result.stdout.split() == ["0:0", "top", *below], result
    poor("save", "test/app:1", poor.home / "saved.tar").check()
    poor("delete", "app").check()
    poor("remove-image", "test/app:1").check()


def test_unshare(user):
    """Files of subordinate ids are out of reach for the user's own programs, but not there."""
    image = Image(layer(*images.base_members(), directory("srv", uid=33, mode=0o755),
                        member("srv/file", b"x", uid=33)))
    load(user, image)
    assert user.run("rm", "-r", user.state / "layers").returncode != 0
    assert user("unshare", "id", "-u").check().stdout == "0\n"
    user("unshare", "sh", "-c", "exit 9").check(9)
    user("unshare", "no-such-program").check(127)
    user("unshare", "rm", "-r", user.state / "layers").check()
    assert not (user.state / "layers").exists()


def test_devices_are_left_out(user):
    """Device nodes cannot be made, which is said; everything else is there."""
    info = tarfile.TarInfo("dev/disk")
    info.type, info.devmajor, info.devminor, info.mode = tarfile.BLKTYPE, 8, 0, 0o600
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    name = "test/devices:1"
    source = user.make(user.home / "source")
    Image(layer(*images.base_members()), out.getvalue(),
          config={"Entrypoint": ["/bin/ls"], "Cmd": ["/dev"]}).write_layout(source, name)
    user.own(source)
    result = user("load", source).check()
    assert "1 device nodes of a layer were left out: only root can make them" in result.stderr
    user.define("app", image=name)
    assert "disk" not in user("run", "app").check().stdout


def test_too_few_ids(user):
    """An owner beyond the subordinate ids is named with the way out."""
    source = user.make(user.home / "source")
    Image(layer(*images.base_members(), member("etc/far", b"", uid=200000, gid=0))).write_layout(
        source, "test/far:1")
    user.own(source)
    result = user("load", source).check(1)
    assert "/etc/far belongs to 200000:0" in result.stderr
    assert "usermod --add-subuids" in result.stderr
    assert images.leftovers(user) == []
