# SPDX-License-Identifier: LGPL-2.1-or-later
"""Volumes and ports of an image's config, and the root directory of its layers."""

import json
import os
import stat
from pathlib import Path

import images
import pytest
from images import Image, define, directory, layer, link, load, member

pytestmark = pytest.mark.needs("root")


def make(*members, command="true", base=(), **config):
    """An image that runs a shell command."""
    return Image(layer(*(base or images.base_members()), *members),
                 config={"Entrypoint": ["/bin/sh", "-c"], "Cmd": [command], **config})


@pytest.fixture
def data():
    """An image with files at its volume's path."""
    attributes = {"SCHILY.xattr.user.kept": "yes"}
    return make(directory("data", mode=0o2770, uid=1000, gid=50),
                directory("data/sub", mode=0o700, uid=7),
                member("data/sub/file", b"of the image\n", mode=0o4750, uid=7, gid=8,
                       mtime=1_234_567_890, pax_headers=attributes),
                link("data/link", "sub/file"),
                Volumes={"/data": {}, "/new/place/": {}})


def run(cli, command, *options, **keys):
    """Runs a command as root in a machine of the image."""
    define(cli, "app", image="test/app:1", user="0", arguments=[command], **keys)
    return cli("run", *options, "app", cgroup2=True).check().stdout


LOOK = "stat -c '%n %a %u:%g %Y' /data /data/sub /data/sub/file; cat /data/link; ls -a /new/place"


def test_a_volume_begins_with_what_the_image_holds(cli, data):
    """Owners, modes, times, attributes and links are copied; a missing volume path is created,
    empty."""
    load(cli, data)
    lines = run(cli, LOOK).splitlines()
    assert lines[0].startswith("/data 2770 1000:50 ")
    assert lines[1].startswith("/data/sub 700 7:0 ")
    assert lines[2:] == ["/data/sub/file 4750 7:8 1234567890", "of the image", ".", ".."]
    kept = Path(cli.state, "machines/app/volumes/data/data")
    assert os.getxattr(kept / "sub/file", "user.kept") == b"yes"
    assert (kept / "sub/file").stat().st_uid == 7, "on disk the machine's own ids"
    assert not Path(cli.state, "machines/app/upper/data").exists()


@pytest.mark.parametrize("read_only", [False, True], ids=["writable", "read-only"])
def test_a_volume_is_kept_until_the_machine_is_deleted(cli, data, read_only):
    """A volume is writable under a read-only root, and persists like the writable layer."""
    load(cli, data)
    keys = {"read_only": True} if read_only else {}
    run(cli, "echo changed > /data/sub/file; rm /data/link; echo x > /new/place/x", **keys)
    shown = run(cli, "cat /data/sub/file /new/place/x; ls /data; echo y > /y || echo refused",
                **keys)
    assert shown == "changed\nx\nsub\n" + ("refused\n" if read_only else "")
    cli("image-status", "--verify", "test/app:1").check()
    cli("delete", "app").check()
    assert not Path(cli.state, "machines/app").exists()
    assert run(cli, "cat /data/link", **keys) == "of the image\n"


@pytest.mark.parametrize("upper", ["volatile", "none"])
def test_a_volume_goes_with_a_machine_that_keeps_nothing(cli, data, upper):
    """It is writable, and removed by the stop."""
    load(cli, data)
    for _ in range(2):
        assert run(cli, "cat /data/link; echo changed > /data/link; cat /data/sub/file",
                   upper=upper) == "of the image\nchanged\n"
    assert not Path(cli.state, "machines/app/volumes").exists()


def test_an_ephemeral_machine_sees_a_volume_and_leaves_it(cli, data):
    """The volume contains the kept files; new ones are not kept."""
    load(cli, data)
    assert run(cli, "cat /data/link; echo lost > /data/link", "--ephemeral") == "of the image\n"
    run(cli, "echo changed > /data/link")
    assert run(cli, "cat /data/link; echo lost > /data/link; cat /data/link",
               "--ephemeral") == "changed\nlost\n"
    assert run(cli, "cat /data/link") == "changed\n"


def test_a_volume_that_was_interrupted_begins_again(cli, data):
    """An incomplete copy is not used as a volume."""
    load(cli, data)
    half = Path(cli.state, "machines/app/volumes/data/new")
    (half / "sub").mkdir(parents=True)
    (half / "sub/file").write_text("half")
    assert run(cli, "cat /data/link; ls /data") == "of the image\nlink\nsub\n"
    assert not half.exists()


def test_a_mount_of_the_definition_takes_the_place_of_a_volume(cli, data, workspace):
    """A mount at the volume's path or above it replaces the volume; nothing is copied into it."""
    load(cli, data)
    (workspace / "mine").mkdir()
    mounts = [{"source": str(workspace / "mine"), "target": "/data", "options": ["noidmap"]},
              {"type": "tmpfs", "target": "/new"}]
    assert run(cli, "ls /data /new", mounts=mounts) == "/data:\n\n/new:\n"
    assert os.listdir(workspace / "mine") == []


def test_volumes_in_each_other(cli):
    """The outer volume is mounted first."""
    load(cli, make(directory("a"), directory("a/b"), member("a/b/f", b"inner\n"),
                   Volumes={"/a/b": {}, "/a": {}}))
    assert run(cli, "cat /a/b/f; grep -c ' /a' /proc/self/mounts") == "inner\n2\n"


@pytest.mark.parametrize("place", ["relative", "/", "/a/../..", ""])
def test_places_that_no_volume_can_have(cli, place):
    """The error names the path."""
    load(cli, make(Volumes={place: {}}))
    define(cli, "app", image="test/app:1")
    result = cli("run", "app", cgroup2=True).check(125)
    assert f'declares the volume "{place}"' in result.stderr


def test_a_volume_over_a_link_stays_in_the_root(cli, workspace):
    """A hostile image cannot leave its root, and its files are copied with the rights of its own
    root."""
    (workspace / "outside").mkdir(mode=0o777)
    load(cli, make(link("data", str(workspace / "outside")), Volumes={"/data": {}}))
    define(cli, "app", image="test/app:1", arguments=["echo x > /data/x"])
    result = cli("run", "app", cgroup2=True)
    assert result.status == 125 and "/data" in result.stderr
    assert os.listdir(workspace / "outside") == []


def test_commit_leaves_volumes_out(cli, data):
    """As in podman: they are data, not part of the program."""
    load(cli, data)
    run(cli, "echo secret > /data/sub/file; echo program > /written")
    cli("commit", "app", "made:1").check()
    define(cli, "next", image="made:1", user="0", arguments=["cat /written /data/sub/file"])
    assert cli("run", "next", cgroup2=True).check().stdout == "program\nof the image\n"


def test_exposed_ports_are_shown(cli):
    """Exposed ports are visible but not published."""
    load(cli, make(command="echo up; sleep 60", ExposedPorts={"80/tcp": {}, "53/udp": {}},
                   Volumes={"/v": {}}))
    define(cli, "app", image="test/app:1", upper="volatile")
    running = cli.start("run", "app", cgroup2=True)
    running.read_until("up")
    record = json.loads(cli("show", "app").check().stdout)
    assert sorted(record["exposed_ports"]) == ["53/udp", "80/tcp"] and record["ports"] == []
    assert record["image"] == "docker.io/test/app:1"
    status = cli("status", "app").check().stdout
    assert "Exposes: " in status and "80/tcp" in status and "Image: docker.io/test/app:1" in status
    shown = cli("image-status", "test/app:1").check().stdout
    assert "Exposes: " in shown and "Volumes: /v\n" in shown
    running.kill()
    cli("collect")


@pytest.mark.parametrize("keys", [{}, {"upper": "volatile"}, {"upper": "none"},
                                  {"read_only": True}], ids=str)
def test_the_root_has_the_owner_and_mode_of_the_layer(cli, keys):
    """The writable layer is on top, so its "/" counts."""
    base = [directory("./", mode=0o2751, uid=9, gid=8), *images.base_members()[1:]]
    load(cli, make(base=base))
    assert run(cli, "stat -c '%a %u:%g' /", **keys) == "2751 9:8\n"


def test_the_root_of_the_upper_most_layer_counts(cli):
    """An upper layer without an entry for "/" changes nothing; one with an entry does."""
    config = {"Entrypoint": ["/bin/stat", "-c", "%a %u:%g", "/"]}
    base = layer(directory("./", mode=0o750, uid=9), *images.base_members()[1:])
    load(cli, Image(base, layer(member("etc/new", b"")), config=config))
    define(cli, "app", image="test/app:1", user="0")
    assert cli("run", "app", cgroup2=True).check().stdout == "750 9:0\n"
    load(cli, Image(base, layer(directory("./", mode=0o711, gid=3)), config=config), "test/app:2")
    define(cli, "two", image="test/app:2", user="0")
    assert cli("run", "two", cgroup2=True).check().stdout == "711 0:3\n"
    mode = Path(cli.state, "machines/two/upper").stat().st_mode
    assert stat.S_IMODE(mode) == 0o711
