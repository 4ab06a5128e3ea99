# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk images that prove themselves: dm-verity from the definition, from files beside the image, from
partitions; whatever does not match is refused, and read by nobody."""

import os
import signal
from pathlib import Path

import disks
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "loop", "program:veritysetup")

mapper = pytest.mark.needs("device-mapper")
WRONG = "ab" * 32


@pytest.fixture
def maker(closed, busybox_root):
    """Makes images in a directory that only root may enter."""
    return disks.Maker(closed, busybox_root)


def run(cli, machine_file, image, *command, **keys):
    """Runs a command in a machine from an image."""
    return cli("run", machine_file(rootfs=image, command=list(command or ["cat", "/etc/made-by"]),
                                   **keys))


def flip(path, offset):
    """Changes one byte."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0xFF]))


@mapper
@pytest.mark.parametrize("kind", ["erofs", "squashfs", "ext4"])
def test_beside(cli, machine_file, maker, host_state, kind):
    """NAME.roothash and NAME.verity beside the image; the root is read-only, and no device stays."""
    image = maker.file_system(kind)
    maker.verity(image)
    with host_state.unchanged(ignore=("files",)):
        result = run(cli, machine_file, image, "sh", "-c",
                     "cat /etc/made-by; echo > /x || echo refused; grep -c dm- /proc/self/mounts",
                     verity={"required": True})
    assert result.stdout.startswith("disks.py\nrefused\n"), result


@mapper
def test_block_sizes(cli, machine_file, maker):
    """A tree with larger blocks than the file system has is of no use; the error says what is."""
    image = maker.file_system("ext4", block_size=1024)
    maker.verity(image)
    error = run(cli, machine_file, image).check(125).stderr
    assert "the blocks of its ext4 have 1024 bytes, and those of its hash tree 4096" in error
    maker.verity(image, options=["--data-block-size=1024"])
    run(cli, machine_file, image).check()


@mapper
def test_places_of_the_hash(cli, machine_file, maker):
    """The definition's hash goes before the file's, and the file's before the attribute's."""
    image = maker.file_system("erofs")
    tree, right = maker.verity(image, write_hash=False)
    assert tree.exists()
    beside = Path(f"{image}.roothash")
    run(cli, machine_file, image, verity={"root_hash": right}).check()
    run(cli, machine_file, image, verity={"root_hash": right.upper()}).check()
    os.setxattr(image, "user.verity.roothash", right.encode())
    run(cli, machine_file, image, verity={"required": True}).check()
    beside.write_text(WRONG + "\n", encoding="ascii")
    assert "is not the one that the root hash" in run(cli, machine_file, image).check(125).stderr
    run(cli, machine_file, image, verity={"root_hash": right}).check()


@mapper
@pytest.mark.parametrize("where", ["root", "usr"])
def test_partitions(cli, machine_file, maker, where):
    """In a table the UUIDs of data and tree are the halves of the hash."""
    content = maker.usr() if where == "usr" else maker.file_system("erofs")
    tree, right = maker.verity(content, write_hash=False)
    image = maker.table("verified.raw", [
        (where, content, {"uuid": disks.uuid(right[:32])}),
        (f"{where}-verity", tree, {"uuid": disks.uuid(right[32:])}),
    ])
    command = ["cat", "/usr/mark" if where == "usr" else "/etc/made-by"]
    run(cli, machine_file, image, *command).check()
    run(cli, machine_file, image, *command, verity={"root_hash": right}).check()
    other = right[:32] + "0" * 32
    error = run(cli, machine_file, image, *command, verity={"root_hash": other}).check(125).stderr
    assert f"has no partition with the hash tree of {where}" in error


@mapper
def test_appended(cli, machine_file, maker):
    """The tree behind the data in one file."""
    image = maker.file_system("erofs")
    tree, right = maker.verity(image, write_hash=False)
    size = -(-image.stat().st_size // 4096) * 4096
    with open(image, "r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(tree.read_bytes())
    tree.unlink()
    run(cli, machine_file, image, verity={"root_hash": right, "offset": str(size)}).check()


@mapper
@pytest.mark.parametrize("what", ["superblock", "data", "tree", "table"])
def test_flipped(cli, machine_file, maker, host_state, what):
    """One byte of the data, of the tree, or of what describes them: the start fails, or the read."""
    image = maker.file_system("erofs", {"large": "A quick brown fox.\n" * 60000})
    tree, right = maker.verity(image)
    if what == "superblock":
        flip(image, 1024 + 8)
    elif what == "data":
        # Behind the superblock, in front of the tables.
        flip(image, 4096 * 3)
    elif what == "tree":
        flip(tree, tree.stat().st_size - 4096 + 5)
    else:
        flip(tree, 100)
    with host_state.unchanged(ignore=("files",)):
        result = run(cli, machine_file, image, "sh", "-c",
                     "find / -xdev -type f -exec cat {} + >/dev/null || echo failed",
                     verity={"root_hash": right})
    assert result.status != 0 or "failed" in result.stdout, result
    if result.status == 125:
        assert any(word in result.stderr for word in
                   ("is not the one that the root hash", "is damaged", "Input/output error")), result


@mapper
def test_one_device_for_all(cli, maker):
    """Machines of one image share the device; after SIGKILL it goes with the last mount."""
    image = maker.file_system("erofs")
    _, right = maker.verity(image)
    names = [f"disk-verity-{os.getpid()}-{each}" for each in range(3)]
    for name in names:
        (cli.config / f"{name}.machine").write_text(harness.definition(
            rootfs=image, command=["sleep", "1000"], network={"mode": "none"},
            verity={"required": True}), encoding="utf-8")
    try:
        cli("start", *names).check()
        assert disks.mapped() == [f"machinectl-lite-{right}"]
        assert len(disks.devices_of(image)) == 1
        for name in names:
            os.kill(harness.state_of(cli, name)["supervisor"]["pid"], signal.SIGKILL)
        harness.wait_for(lambda: not disks.mapped() and not disks.devices_of(image), 10,
                         "the devices to go")
    finally:
        cli("stop", *names)


@mapper
@pytest.mark.slow
def test_many(cli, maker, host_state):
    """Many machines of a verified image have one loop device for each of data and tree, and one
    verified device."""
    image = maker.file_system("erofs")
    tree, right = maker.verity(image)
    names = [f"disk-many-{os.getpid()}-{each}" for each in range(200)]
    for name in names:
        (cli.config / f"{name}.machine").write_text(harness.definition(
            rootfs=image, command=["sleep", "1000"], network={"mode": "none"},
            verity={"required": True}), encoding="utf-8")
    with host_state.unchanged(ignore=("files",)):
        try:
            cli("start", *names, timeout=600).check()
            assert disks.mapped() == [f"machinectl-lite-{right}"]
            assert len(disks.devices_of(image)) == len(disks.devices_of(tree)) == 1
        finally:
            cli("stop", "--now", *names, timeout=600)
        harness.wait_for(lambda: not disks.mapped() and not disks.devices_of(image), 10,
                         "the devices to go")


@mapper
def test_hash_of_the_definition_is_trust(cli, machine_file, maker):
    """What the definition's hash covers may be changed by anybody: that is found out."""
    image = maker.file_system("ext4")
    _, right = maker.verity(image)
    image.chmod(0o666)
    assert "others than root" in run(cli, machine_file, image).check(125).stderr
    run(cli, machine_file, image, verity={"root_hash": right}).check()


def test_required(cli, machine_file, maker, busybox_root):
    """Without a hash nothing is mounted, `check` says so as well; a directory has none."""
    image = maker.file_system("erofs")
    path = machine_file(rootfs=image, command=["true"], verity={"required": True})
    for result in (cli("run", path).check(125), cli("check", path).check(65)):
        assert str(image) in result.stderr and "has no root hash" in result.stderr, result
        assert ".roothash" in result.stderr, result
    for keys in ({"overlay": [busybox_root], "upper": "volatile"}, {"rootfs": busybox_root}):
        path = machine_file(command=["true"], verity={"required": True}, **keys)
        assert "is a directory" in cli("run", path).check(125).stderr


def test_other_partitions(cli, machine_file, maker):
    """A hash in the definition: what it does not cover is not mounted."""
    content = maker.file_system("erofs")
    tree, right = maker.verity(content, write_hash=False)
    image = maker.table("verified.raw", [
        ("home", maker.file_system("ext4", whole=False)),
        ("root", content, {"uuid": disks.uuid(right[:32])}),
        ("root-verity", tree, {"uuid": disks.uuid(right[32:])})])
    error = run(cli, machine_file, image, verity={"root_hash": right}).check(125).stderr
    assert "partition 1 (home)" in error or "no device mapper" in error


def test_missing_tree(cli, machine_file, maker):
    """The hash without its tree."""
    image = maker.file_system("erofs")
    error = run(cli, machine_file, image, verity={"root_hash": WRONG}).check(125).stderr
    assert "has no hash tree" in error and ".verity" in error and str(image) in error


@pytest.mark.parametrize("text", ["", "abc", "x" * 64, "ab" * 31])
def test_malformed_hash(cli, machine_file, maker, text):
    """In the definition, and beside the image."""
    image = maker.file_system("erofs")
    assert "64 hexadecimal digits" in cli("check", machine_file(
        rootfs=image, command=["true"], verity={"root_hash": text})).check(65).stderr
    Path(f"{image}.roothash").write_text(text, encoding="ascii")
    assert "is no root hash of verity" in run(cli, machine_file, image).check(125).stderr


def test_several_layers(cli, machine_file, maker):
    """A hash belongs to one image."""
    path = machine_file(overlay=[maker.file_system("erofs"), maker.file_system("ext4")],
                        upper="volatile", command=["true"], verity={"root_hash": WRONG})
    assert "several layers" in cli("run", path).check(125).stderr


def test_kernel_without_device_mapper(cli, machine_file, maker):
    """It is named, with what to load."""
    if "device-mapper" in Path("/proc/misc").read_text(encoding="ascii"):
        pytest.skip("this kernel has a device mapper")
    image = maker.file_system("erofs")
    maker.verity(image)
    error = run(cli, machine_file, image).check(125).stderr
    assert "no device mapper" in error and "modprobe -a dm-mod dm-verity" in error
