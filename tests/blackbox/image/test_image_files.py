# SPDX-License-Identifier: LGPL-2.1-or-later
"""Roots in one file: made with `save`, shown by `image-status` and `list-images`."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import images
import pytest
from images import Image, directory, hard_link, layer, link, member

pytestmark = [pytest.mark.needs("root", "program:mkfs.erofs", "program:mksquashfs",
                                "program:veritysetup", "program:sfdisk", "filesystem:erofs",
                                "filesystem:squashfs")]

FORMATS = ("erofs", "squashfs", "raw")
NEWEST = 1_700_000_000
# Where the partition of an image with a table begins.
ALIGNMENT = 1 << 20
OS_RELEASE = b'ID=toy\nPRETTY_NAME="Toy \\"1\\" of the tests"\nIMAGE_VERSION=7\nnot a line\n'


def files_of_the_tests():
    """Layers with everything that a root may have, and whiteouts that take some of it away."""
    return [
        layer(*images.base_members(), directory("usr"), directory("usr/lib"),
              member("usr/lib/os-release", OS_RELEASE, mtime=NEWEST),
              link("etc/os-release", "../usr/lib/os-release"),
              member("etc/removed", b"of the lower layer"),
              directory("opaque"), member("opaque/lower", b"x"),
              member("owned", b"content", uid=1000, gid=70000, mode=0o4751),
              hard_link("second", "owned"),
              member("node", kind=images.tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
              member("attributes", b"x", pax_headers={"SCHILY.xattr.user.note": "kept"})),
        layer(directory("etc"), member("etc/.wh.removed"), directory("opaque"),
              member("opaque/.wh..wh..opq"), member("opaque/upper", b"y")),
    ]


@pytest.fixture
def image(cli):
    """The name of an image in the store."""
    return images.load(cli, Image(*files_of_the_tests(), config={"Cmd": ["/bin/sh"]}))


@pytest.fixture
def mounted(workspace):
    """Mounts a file system in a file: mounted(path, offset)."""
    place = workspace / "mounted"

    def mount(path, offset=0):
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", f"loop,ro,offset={offset}", str(path), str(place)],
                       check=True)
        return place

    yield mount
    while os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def bytes_of(path):
    """The digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def left_in(path):
    """The names in a directory that no finished `save` leaves."""
    return [name for name in os.listdir(path) if name.endswith(".part")]


# ---- what is made ----

@pytest.mark.parametrize("form", FORMATS)
def test_a_saved_root_has_the_files_of_the_image(cli, image, workspace, mounted, form):
    target = workspace / f"app.{form}"
    assert cli("save", f"--format={form}", image, target).check().stdout == ""
    root = mounted(target, ALIGNMENT if form == "raw" else 0)
    owned = (root / "owned").stat()
    assert (owned.st_uid, owned.st_gid, stat.S_IMODE(owned.st_mode)) == (1000, 70000, 0o4751)
    assert owned.st_ino == (root / "second").stat().st_ino and owned.st_nlink == 2
    assert (root / "usr/lib/os-release").read_bytes() == OS_RELEASE
    assert (root / "usr/lib/os-release").stat().st_mtime == NEWEST
    assert os.readlink(root / "etc/os-release") == "../usr/lib/os-release"
    node = (root / "node").stat()
    assert stat.S_ISCHR(node.st_mode) and node.st_rdev == os.makedev(1, 3)
    assert os.getxattr(root / "attributes", "user.note") == b"kept"
    assert os.listdir(root / "opaque") == ["upper"]
    assert not (root / "etc/removed").exists()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not left_in(workspace)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_files_make_the_same_bytes(cli, image, workspace, form):
    made = {}
    for name in ("one", "two"):
        target = workspace / name / f"app.{form}"
        target.parent.mkdir()
        cli("save", f"--format={form}", "--verity", image, target).check()
        made[name] = {each: bytes_of(target.parent / each) for each in os.listdir(target.parent)}
    assert made["one"] == made["two"] and len(made["one"]) >= 2


@pytest.mark.parametrize("form", FORMATS)
def test_no_file_is_later_than_the_epoch(cli, image, workspace, mounted, form):
    target = workspace / "app"
    cli("save", f"--format={form}", image, target, env={"SOURCE_DATE_EPOCH": "1650000000"}).check()
    root = mounted(target, ALIGNMENT if form == "raw" else 0)
    assert (root / "usr/lib/os-release").stat().st_mtime == 1_650_000_000
    assert (root / "owned").stat().st_mtime == 1_600_000_000


def test_an_epoch_that_is_no_number_is_an_error(cli, image, workspace):
    failed = cli("save", "--format=erofs", image, workspace / "app",
                 env={"SOURCE_DATE_EPOCH": "yesterday"})
    assert 'SOURCE_DATE_EPOCH is "yesterday"' in failed.stderr and failed.status != 0
    assert not (workspace / "app").exists() and not left_in(workspace)


# ---- hash trees ----

@pytest.mark.parametrize("form", ("erofs", "squashfs"))
def test_the_root_hash_is_printed_and_beside_the_file(cli, image, workspace, form):
    target = workspace / f"app.{form}"
    printed = cli("save", f"--format={form}", "--verity", image, target).check().stdout
    assert re.fullmatch(r"[0-9a-f]{64}\n", printed)
    assert Path(f"{target}.roothash").read_text() == printed
    check = ["veritysetup", "verify", str(target), f"{target}.verity", printed.strip()]
    subprocess.run(check, check=True)
    with target.open("r+b") as data:
        data.seek(5000)
        byte = data.read(1)
        data.seek(5000)
        data.write(bytes([byte[0] ^ 1]))
    assert subprocess.run(check, check=False, capture_output=True).returncode != 0


def test_partitions_are_named_by_the_root_hash(cli, image, workspace):
    target = workspace / "app.raw"
    root_hash = cli("save", "--format=raw", "--verity", image, target).check().stdout.strip()
    assert (workspace / "app.roothash").read_text() == root_hash + "\n"
    assert not (workspace / "app.verity").exists()
    table = json.loads(subprocess.run(["sfdisk", "--json", str(target)], check=True,
                                      capture_output=True).stdout)["partitiontable"]
    root, tree = table["partitions"]
    assert (root["uuid"] + tree["uuid"]).replace("-", "").lower() == root_hash
    assert root["attrs"] == tree["attrs"] == "GUID:60"
    parts = {}
    for name, entry in (("data", root), ("tree", tree)):
        with target.open("rb") as whole:
            whole.seek(entry["start"] * 512)
            parts[name] = workspace / name
            parts[name].write_bytes(whole.read(entry["size"] * 512))
    subprocess.run(["veritysetup", "verify", str(parts["data"]), str(parts["tree"]), root_hash],
                   check=True)


def test_a_root_hash_of_an_earlier_image_is_not_left_beside_a_new_one(cli, image, workspace):
    target = workspace / "app.raw"
    cli("save", "--format=erofs", "--verity", image, target).check()
    before = bytes_of(target)
    failed = cli("save", "--format=squashfs", image, target).check(1)
    assert "app.roothash is of an earlier image" in failed.stderr
    # A tree in the image itself does not replace the one beside it.
    failed = cli("save", "--format=raw", "--verity", image, target).check(1)
    assert "app.verity is of an earlier image" in failed.stderr
    assert bytes_of(target) == before


def test_json(cli, image, workspace):
    target = workspace / "app.raw"
    made = json.loads(cli("--json=short", "save", "--format=raw", "--verity", image,
                          target).check().stdout)
    assert made == {"event": "image", "path": str(target), "format": "raw",
                    "size": target.stat().st_size,
                    "root_hash": (workspace / "app.roothash").read_text().strip()}


# ---- of machines ----

def test_a_machine_is_saved_as_its_processes_see_it(cli, image, workspace, mounted):
    images.define(cli, "web", image=image, command=[
        "/bin/sh", "-c", "echo written > /new; chown 7:8 /new; rm /attributes"])
    cli("run", "web").check()
    cli("save", "--format=erofs", "web", workspace / "web.erofs").check()
    root = mounted(workspace / "web.erofs")
    new = (root / "new").stat()
    assert (new.st_uid, new.st_gid) == (7, 8)
    assert (root / "new").read_text() == "written\n"
    assert not (root / "attributes").exists() and (root / "node").exists()
    assert ((root / "owned").stat().st_uid, (root / "owned").stat().st_gid) == (1000, 70000)


def test_a_machine_in_a_directory(cli, workspace, own_root, mounted):
    images.define(cli, "web", rootfs=str(own_root), command=["/bin/true"],
                  mounts=({"source": str(workspace), "target": "/mnt"},))
    cli("save", "--format=squashfs", "web", workspace / "web.squashfs").check()
    assert (mounted(workspace / "web.squashfs") / "bin/busybox").exists()
    assert not (own_root / "mnt").exists()


def test_a_running_machine_is_not_saved(cli, image, workspace):
    images.define(cli, "web", image=image, command=["/bin/sleep", "60"])
    cli("start", "web").check()
    failed = cli("save", "--format=erofs", "web", workspace / "web.erofs").check(1)
    assert 'machine "web" is running' in failed.stderr and "stop it first" in failed.stderr
    cli("stop", "web").check()


def test_a_mount_in_the_root_is_an_error(cli, workspace, own_root):
    images.define(cli, "web", rootfs=str(own_root), command=["/bin/true"])
    subprocess.run(["mount", "-t", "tmpfs", "none", str(own_root / "tmp")], check=True)
    try:
        failed = cli("save", "--format=erofs", "web", workspace / "web.erofs").check(1)
    finally:
        subprocess.run(["umount", str(own_root / "tmp")], check=True)
    assert "something is mounted on" in failed.stderr
    assert not left_in(workspace) and not (workspace / "web.erofs").exists()


def test_a_name_of_both_is_an_error(cli, image, workspace):
    cli("tag", image, "web").check()
    images.define(cli, "web", image=image, command=["/bin/true"])
    failed = cli("save", "--format=erofs", "web", workspace / "web.erofs").check(64)
    assert '"web" is a machine and an image as well' in failed.stderr
    assert "docker.io/library/web:latest" in failed.stderr
    cli("save", "--format=erofs", "web:latest", workspace / "a").check()
    cli("save", "--format=erofs", cli.config / "web.machine", workspace / "b").check()


def test_a_machine_runs_from_what_was_saved(cli, image, workspace):
    for form in FORMATS:
        cli("save", f"--format={form}", image, workspace / f"app.{form}").check()
        images.define(cli, form, rootfs=str(workspace / f"app.{form}"), upper="volatile",
                      command=["/bin/sh", "-c", "cat /opaque/upper; echo x > /written"])
        assert cli("run", form).check().stdout == "y"


# ---- what is refused ----

def test_what_cannot_be_made_is_refused(cli, image, workspace):
    wrong = {
        ("--format=erofs", image, "-"): "cannot be written to standard output",
        ("--verity", image, workspace / "a.tar"): "--verity is for --format=erofs",
        ("--format=vhd", image, workspace / "a"): "must be oci, docker, oci-directory, erofs",
        ("--format=erofs", image): "expected an image or a machine, and a file",
    }
    for arguments, message in wrong.items():
        failed = cli("save", *arguments).check(64).stderr
        assert message in failed, failed
    failed = cli("save", "--format=erofs", "nothing:1", workspace / "a").check(66).stderr
    assert 'no image "docker.io/library/nothing:1"' in failed
    os.mkfifo(workspace / "fifo")
    failed = cli("save", "--format=erofs", image, workspace / "fifo").check(1).stderr
    assert "fifo" in failed and stat.S_ISFIFO((workspace / "fifo").stat().st_mode)
    assert not left_in(workspace)


def test_missing_tools_are_named_before_anything_starts(cli, image, workspace):
    """In a mount namespace in which /usr/sbin and /usr/bin lack them."""
    shown = workspace / "programs"
    shown.mkdir()
    hide = " && ".join(f"mount --bind {shown}/empty {shutil.which(name)}"
                       for name in ("mkfs.erofs", "veritysetup"))
    (shown / "empty").write_text("")
    failed = cli("save", "--format=raw", "--verity", image, workspace / "app.raw",
                 wrapper=["unshare", "-m", "sh", "-c", f'{hide} && exec "$@"', "sh"]).check(1)
    assert "this host lacks: mkfs.erofs, veritysetup" in failed.stderr
    assert "erofs-utils, cryptsetup-bin" in failed.stderr


def test_a_file_that_does_not_fit_leaves_nothing(cli, image, workspace):
    place = workspace / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], check=True)
    try:
        failed = cli("save", "--format=erofs", image, place / "app").check(1)
        assert "mkfs.erofs failed" in failed.stderr and not os.listdir(place)
    finally:
        subprocess.run(["umount", str(place)], check=True)


# ---- image-status ----

@pytest.mark.needs("device-mapper", "kernel:6.2")
def test_image_status_of_a_table(cli, image, workspace):
    target = workspace / "app.raw"
    root_hash = cli("save", "--format=raw", "--verity", image, target).check().stdout.strip()
    shown = cli("image-status", target).check().stdout
    for line in ('OS: Toy "1" of the tests', "Version: 7", "Boots: no", f"Root hash: {root_hash}",
                 "Hash tree: partition 2"):
        assert line in shown, shown
    assert re.search(r"^1 +root +\S+ +erofs +\S+ +read-only +/ ", shown, re.MULTILINE), shown
    status = json.loads(cli("--json=short", "image-status", target).check().stdout)
    assert status["os_release"] == {"ID": "toy", "PRETTY_NAME": 'Toy "1" of the tests',
                                    "IMAGE_VERSION": "7"}
    assert status["boots"] is False and status["problem"] is None
    assert [(part["number"], part["role"], part["content"], part["mounted"])
            for part in status["partitions"]] == [
                (1, "root", "erofs", "/"), (2, "root-verity", "DM_verity_hash", None)]
    assert status["root_hash"] == root_hash and status["hash_partition"] == 2


@pytest.mark.needs("device-mapper", "kernel:6.2")
def test_image_status_of_a_file_system(cli, image, workspace):
    target = workspace / "app.erofs"
    cli("save", "--format=erofs", "--verity", image, target).check()
    status = json.loads(cli("--json=short", "image-status", target).check().stdout)
    assert (status["content"], status["table"], status["partitions"]) == ("erofs", None, [])
    assert status["hash_file"] == f"{target}.verity"
    shown = cli("image-status", "app.erofs", cwd=workspace).check().stdout
    assert f"Hash tree: {target}.verity" in shown and "Content: erofs" in shown


def test_image_status_of_a_root_that_boots(cli, workspace, own_root):
    (own_root / "sbin").mkdir(exist_ok=True)
    shutil.copy(own_root / "bin/busybox", own_root / "sbin/init")
    # A link that leads out of the root, and a FIFO where a file is expected.
    (own_root / "etc/os-release").unlink()
    os.symlink("/proc/self/environ", own_root / "etc/os-release")
    (own_root / "usr/lib").mkdir(exist_ok=True)
    os.mkfifo(own_root / "usr/lib/os-release")
    images.define(cli, "web", rootfs=str(own_root), command=["/bin/true"])
    cli("save", "--format=squashfs", "web", workspace / "web.squashfs").check()
    status = json.loads(cli("--json=short", "image-status",
                            workspace / "web.squashfs").check().stdout)
    assert status["boots"] is True and status["os_release"] is None


def test_image_status_of_what_cannot_be_a_root(cli, workspace):
    target = workspace / "swap.raw"
    target.write_bytes(bytes(4 << 20))
    subprocess.run(["sfdisk", "--quiet", str(target)], check=True,
                   input=b"label: gpt\ntype=swap\n")
    status = cli("--json=short", "image-status", target).check(1)
    assert json.loads(status.stdout)["problem"] and json.loads(status.stdout)["boots"] is None
    assert [part["role"] for part in json.loads(status.stdout)["partitions"]] == ["swap"]
    assert "error: " in status.stderr
    (workspace / "text").write_text("no image\n" * 1000)
    failed = cli("image-status", workspace / "text").check(1)
    assert "neither a partition table" in failed.stderr and failed.stdout == ""
    assert "--verify is for images in the store" in cli(
        "image-status", "--verify", target).check(64).stderr


def test_the_store_has_precedence_for_a_bare_name(cli, image, workspace):
    cli("tag", image, "web").check()
    (workspace / "web").write_text("a file")
    assert "docker.io/library/web:latest" in cli("image-status", "web",
                                                 cwd=workspace).check().stdout
    assert "neither a partition table" in cli("image-status", "./web",
                                              cwd=workspace).check(1).stderr


# ---- of users ----

def test_a_user_saves_an_image_of_his(user, mounted):
    """With the owners that the files have in the machine, not his subordinate ids."""
    source = user.make(user.home / "source")
    members = [*images.base_members(), member("owned", b"x", uid=1000, gid=50),
               member("usr/lib/os-release", OS_RELEASE)]
    Image(layer(*members), config={"Cmd": ["/bin/sh"]}).write_layout(source)
    user.own(source)
    user("load", source).check()
    target = user.home / "app.raw"
    root_hash = user("save", "--format=raw", "--verity", "test/image:1", target).check().stdout
    assert (user.home / "app.roothash").read_text() == root_hash
    status = json.loads(user("--json=short", "image-status", target).check().stdout)
    assert status["partitions"][0]["mounted"] == "/"
    # To look inside takes root.
    assert status["boots"] is None and status["os_release"] is None
    assert "only root can mount" in user("image-status", target).check().stdout
    owned = (mounted(target, ALIGNMENT) / "owned").stat()
    assert (owned.st_uid, owned.st_gid) == (1000, 50)


# ---- list-images, remove-image ----

def test_disk_images_are_listed(cli, image):
    place = cli.config / "images"
    place.mkdir()
    cli("save", "--format=erofs", "--verity", image, place / "app.erofs").check()
    cli("save", "--format=raw", image, place / "app.raw").check()
    (place / "README").write_text("no image\n" * 1000)
    listed = {entry.get("path", "store"): entry for entry in
              json.loads(cli("--json=short", "list-images").check().stdout)}
    own = {path for path in listed if path.startswith(str(place))}
    assert own == {str(place / "app.erofs"), str(place / "app.raw")}
    assert listed[str(place / "app.raw")]["content"] == "gpt"
    assert listed["store"]["references"] == ["docker.io/test/app:1"]
    shown = cli("list-images", "app.erofs").check().stdout
    assert str(place / "app.erofs") in shown and "app.raw" not in shown


def test_files_are_never_removed(cli, image):
    place = cli.config / "images"
    place.mkdir()
    cli("save", "--format=erofs", image, place / "app.erofs").check()
    failed = cli("remove-image", image, place / "app.erofs").check(64)
    assert "is a file, and no image of the store" in failed.stderr
    cli("prune", "--all").check()
    assert (place / "app.erofs").exists()
