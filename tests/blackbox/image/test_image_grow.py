# SPDX-License-Identifier: LGPL-2.1-or-later
"""`size`: disk images that are made larger before a start."""

import json
import re
import subprocess
from pathlib import Path

import disks
import images
import pytest

pytestmark = [pytest.mark.needs("root", "program:sfdisk")]

MEBIBYTE = 1 << 20
# Bit 24 (capabilities(7)): without it, as in some containers, ext4 does not grow.
CAP_SYS_RESOURCE = 1 << 24


def may_grow(kind):
    """Skips the test where the file system cannot be grown."""
    disks.need(disks.MAKERS[kind])
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    effective = int(re.search(r"^CapEff:\s*(\w+)", text, re.MULTILINE).group(1), 16)
    if kind == "ext4" and not effective & CAP_SYS_RESOURCE:
        pytest.skip("this process has no CAP_SYS_RESOURCE")


@pytest.fixture
def maker(workspace, busybox_root):
    """Makes images, which nobody else may write to."""
    workspace.chmod(0o755)
    return disks.Maker(workspace, busybox_root)


def run(cli, image, size, **keys):
    """Runs a machine with the image that tells how large its root is, in MiB, and writes to it."""
    image.chmod(0o600)
    images.define(cli, "web", rootfs=str(image), size=size, **keys, command=[
        "/bin/sh", "-c", "echo kept > /kept; set -- $(df -m / | tail -1); echo $2"])
    return cli("run", "web")


def roots(image):
    """The size of the last partition, in MiB."""
    table = json.loads(disks.call("sfdisk", "--json", image))["partitiontable"]
    return table["partitions"][-1]["size"] * 512 / MEBIBYTE


@pytest.mark.parametrize("kind", ("btrfs", "xfs", "ext4"))
def test_a_file_system_grows_and_never_shrinks(cli, maker, kind):
    may_grow(kind)
    image = maker.file_system(kind)
    before = int(run(cli, image, f"{disks.SIZES[kind] // MEBIBYTE}M").check().stdout)
    after = int(run(cli, image, "700M").check().stdout)
    assert before < after and 600 < after <= 700
    assert image.stat().st_size == 700 * MEBIBYTE
    assert int(run(cli, image, "100M").check().stdout) == after
    assert image.stat().st_size == 700 * MEBIBYTE and not disks.devices_of(image)


@pytest.mark.parametrize("kind", ("btrfs", "ext4"))
def test_the_last_partition_grows(cli, maker, kind):
    may_grow(kind)
    image = maker.table("web.raw", [("esp", maker.file_system("vfat")),
                                    ("root", maker.file_system(kind))])
    identity = disks.call("sfdisk", "--disk-id", image)
    assert 500 < int(run(cli, image, "640M").check().stdout) < 640
    assert image.stat().st_size == 640 * MEBIBYTE
    assert 600 < roots(image) < 640 and disks.call("sfdisk", "--disk-id", image) == identity
    assert "No errors" in disks.call("sfdisk", "--verify", image)
    # As if the start had been killed between the file and its table.
    with image.open("r+b") as file:
        file.truncate(800 * MEBIBYTE)
    assert 700 < int(run(cli, image, "640M").check().stdout) < 800


def test_a_partition_may_ask_for_it(cli, maker):
    """By its flag, without `size`."""
    may_grow("btrfs")
    image = maker.table("web.raw", [("root", maker.file_system("btrfs"), {"attrs": "GUID:59"})])
    with image.open("r+b") as file:
        file.truncate(402 * MEBIBYTE)
    subprocess.run(["sfdisk", "--quiet", "--partno", "1", str(image)], check=True, input=b",+\n")
    assert 350 < int(run(cli, image, None).check().stdout) < 402


def test_what_cannot_grow(cli, maker, own_root):
    disks.need("mkfs.btrfs", "mksquashfs")
    table = maker.table("web.raw", [("root", maker.file_system("btrfs")),
                                    ("home", maker.file_system("squashfs", {"a": "b"}, False))])
    before = table.read_bytes()
    failed = run(cli, table, "700M").check(125)
    assert "cannot grow to 700M: partition 2 (home) is behind that of the root" in failed.stderr
    assert table.read_bytes() == before
    failed = run(cli, maker.file_system("squashfs"), "700M").check(125)
    assert "nothing in it can be written to" in failed.stderr
    read_only = maker.table("ro.raw", [("root", maker.file_system("btrfs"),
                                        {"attrs": "GUID:60"})])
    assert "cannot grow to 700M" in run(cli, read_only, "700M").check(125).stderr
    assert "is a directory, which has no size" in run(cli, own_root, "700M").check(125).stderr
    failed = cli("check", "web").check(65)
    assert '"size" is for disk images, and the root is a directory' in failed.stdout + failed.stderr


@pytest.mark.parametrize("keys", ({"upper": "volatile"}, {"read_only": True}))
def test_size_is_for_a_root_in_place(cli, maker, keys):
    image = maker.file_system("ext4")
    failed = run(cli, image, "700M", **keys).check(125)
    assert '"size" is for a disk image that the machine writes to' in failed.stderr


def test_a_machine_that_runs_can_be_restarted(cli, maker):
    disks.need("mkfs.btrfs")
    image = maker.file_system("btrfs")
    image.chmod(0o600)
    images.define(cli, "web", rootfs=str(image), size="300M",
                  command=["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 60 & wait"])
    cli("start", "web").check()
    assert image.stat().st_size == 300 * MEBIBYTE
    images.define(cli, "web", rootfs=str(image), size="400M",
                  command=["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 60 & wait"])
    cli("restart", "web").check()
    assert image.stat().st_size == 400 * MEBIBYTE
    cli("stop", "web").check()
