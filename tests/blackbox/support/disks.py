# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disk images for tests, made by the programs that users make them with."""

import contextlib
import glob
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20
# Types of partitions (the Discoverable Partitions Specification) by their use and `uname -m`.
OWN = {
    "x86_64": {"root": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
               "usr": "8484680c-9521-48c6-9c11-b0720656f69e",
               "root-verity": "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
               "root-verity-sig": "41092b05-9fc8-4523-994f-2def0408b176",
               "usr-verity": "77ff5f63-e7b6-4633-acf4-1565b864c0e6"},
    "aarch64": {"root": "b921b045-1df0-41c3-af44-4c6f280d3fae",
                "usr": "b0e01050-ee5f-4390-949a-9101b17104e9",
                "root-verity": "df3300ce-d69f-4c92-978c-9bfb0f38d820",
                "root-verity-sig": "6db69de6-29f4-4758-a7a5-962190f00ce3",
                "usr-verity": "6e11a4e7-fbca-4ded-b9e9-e1a512bb664e"},
}
TYPES = {
    "home": "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
    "srv": "3b8f8425-20e0-4f3b-907f-1a25a76f98e8",
    "var": "4d21b016-b534-45c2-a9fb-5c16e091fd2d",
    "tmp": "7ec6f557-3bc5-4aca-b293-16ef5df639d1",
    "esp": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "swap": "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
    "foreign": "6523f8ae-3eb1-4e2a-a05a-18b695ae656f",
}
# The size of those that are not made as small as their content.
SIZES = {"ext4": 32 * MEBIBYTE, "xfs": 320 * MEBIBYTE, "btrfs": 128 * MEBIBYTE,
         "vfat": 16 * MEBIBYTE}
MAKERS = {"erofs": "mkfs.erofs", "squashfs": "mksquashfs", "ext4": "mkfs.ext4", "xfs": "mkfs.xfs",
          "btrfs": "mkfs.btrfs", "vfat": "mkfs.vfat"}


def call(*arguments, **options):
    """Runs a program whose output is of no interest unless it fails."""
    done = subprocess.run([str(each) for each in arguments], capture_output=True, check=False,
                          **options)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout.decode()


def need(*programs):
    """Skips the test without these programs."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def kernel():
    """The version of the kernel: (major, minor)."""
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def devices_of(image):
    """The loop devices of an image."""
    found = []
    for name in glob.glob("/sys/block/loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if Path(name).read_text(encoding="utf-8").strip() == str(image):
                found.append(name.split("/")[3])
    return found


def mapped():
    """The devices of the device mapper that this project has made."""
    found = []
    for name in glob.glob("/sys/block/dm-*/dm/name"):
        with contextlib.suppress(OSError):
            found.append(Path(name).read_text(encoding="utf-8").strip())
    return sorted(name for name in found if name.startswith("machinectl-lite-"))


def uuid(digits):
    """Half of a root hash as a UUID."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class Maker:
    """Makes images in a directory, from a root directory."""

    def __init__(self, directory, root):
        self.directory, self.root = Path(directory), Path(root)
        self.numbers = itertools.count(1)

    def path(self, name):
        """A new path."""
        return self.directory / f"{next(self.numbers)}-{name}"

    def tree(self, files, whole):
        """A directory with files, and with the root if `whole`."""
        tree = self.path("tree")
        if whole:
            shutil.copytree(self.root, tree, symlinks=True)
            (tree / "etc").mkdir(exist_ok=True)
            (tree / "etc/made-by").write_text("disks.py\n", encoding="utf-8")
            for place in ("usr", "home", "var"):
                (tree / place).mkdir(exist_ok=True)
        else:
            tree.mkdir()
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text, encoding="utf-8")
        tree.chmod(0o755)
        return tree

    def file_system(self, kind, files=None, whole=True, name="web", tree=None, block_size=4096):
        """An image with one file system."""
        need(MAKERS[kind])
        if kind == "squashfs" and kernel() < (6, 2):
            pytest.skip("Linux 6.2 is the first that maps the ids of squashfs")
        tree = tree or self.tree(files or {}, whole)
        image = self.path(f"{name}.{kind}")
        with open(image, "wb") as file:
            file.truncate(SIZES.get(kind, 0))
        if kind == "erofs":
            call("mkfs.erofs", image, tree)
        elif kind == "squashfs":
            call("mksquashfs", tree, image, "-quiet", "-noappend")
        elif kind == "ext4":
            call("mkfs.ext4", "-q", "-b", block_size, "-d", tree, image)
        elif kind == "btrfs":
            call("mkfs.btrfs", "-q", "--rootdir", tree, image)
        elif kind == "vfat":
            call("mkfs.vfat", image)
        else:
            call(MAKERS[kind], image)
            self._fill(image, tree)
        shutil.rmtree(tree)
        return image

    def _fill(self, image, tree):
        """For those whose maker takes no directory."""
        point = self.path("mounted")
        point.mkdir()
        call("mount", "-o", "loop", image, point)
        try:
            call("cp", "-aT", tree, point)
        finally:
            call("umount", point)
            point.rmdir()

    def usr(self):
        """The usr of a merged root."""
        tree = self.path("usr")
        shutil.copytree(self.root / "bin", tree / "bin", symlinks=True)
        (tree / "mark").write_text("usr\n", encoding="utf-8")
        tree.chmod(0o755)
        return self.file_system("squashfs", tree=tree, name="usr")

    def table(self, name, partitions, sector=512):
        """A GPT with (use, image[, {"name": .., "attrs": .., "uuid": ..}]) as its partitions."""
        need("sfdisk")
        types = {**TYPES, **OWN[os.uname().machine]}
        image, at, lines, places = self.path(name), MEBIBYTE, ["label: gpt"], []
        for use, content, *rest in partitions:
            size = -(-content.stat().st_size // MEBIBYTE) * MEBIBYTE
            fields = {"start": at // sector, "size": size // sector, "type": types[use],
                      **(rest[0] if rest else {})}
            lines.append(", ".join(f'{key}="{value}"' if key in ("name", "attrs")
                                   else f"{key}={value}" for key, value in fields.items()))
            places.append((content, at))
            at += size
        with open(image, "wb") as file:
            file.truncate(at + MEBIBYTE)
            for content, start in places:
                file.seek(start)
                file.write(content.read_bytes())
        script = "\n".join(lines).encode()
        if sector == 512:
            call("sfdisk", "-q", image, input=script)
        else:
            with self.device(image, "--sector-size", sector) as device:
                call("sfdisk", "-q", device, input=script)
        return image

    def verity(self, image, write_hash=True, options=()):
        """A hash tree beside an image, and the root hash: (tree, hash)."""
        need("veritysetup")
        tree = Path(f"{image}.verity")
        output = call("veritysetup", "format", *options, image, tree)
        digits = next(line.split()[-1] for line in output.splitlines() if "Root hash" in line)
        if write_hash:
            Path(f"{image}.roothash").write_text(digits + "\n", encoding="ascii")
        return tree, digits

    # What is no image.

    def link(self):
        """A symbolic link to one."""
        path = self.path("link")
        path.symlink_to(self.file_system("erofs"))
        return path

    def fifo(self):
        """A FIFO."""
        path = self.path("fifo")
        os.mkfifo(path)
        return path

    def bytes(self, name, content):
        """A file with any content."""
        path = self.path(name)
        path.write_bytes(content)
        return path

    def cut(self, image):
        """The first half of an image."""
        path = self.path(f"cut-{image.name}")
        path.write_bytes(image.read_bytes()[:image.stat().st_size // 2])
        return path

    def mbr(self):
        """A partition table of the other kind."""
        need("sfdisk")
        path = self.bytes("mbr", b"\0" * 4 * MEBIBYTE)
        call("sfdisk", "-q", path, input=b"label: dos\nsize=1M, type=83\n")
        return path

    def luks(self):
        """What cryptsetup(8) has encrypted."""
        need("cryptsetup")
        path = self.bytes("luks", b"\0" * 32 * MEBIBYTE)
        call("cryptsetup", "luksFormat", "--batch-mode", "--pbkdf", "pbkdf2",
             "--pbkdf-force-iterations", "1000", "--key-file", "-", path, input=b"secret")
        return path

    def unclean(self):
        """An ext4 whose journal has to be replayed: a copy of one that is mounted."""
        image, point, copy = self.file_system("ext4"), self.path("mounted"), self.path("copy")
        point.mkdir()
        call("mount", "-o", "loop", image, point)
        try:
            (point / "new").write_text("new", encoding="utf-8")
            call("sync", "-f", point)
            shutil.copyfile(image, copy)
        finally:
            call("umount", point)
            point.rmdir()
        return copy

    @staticmethod
    @contextlib.contextmanager
    def device(image, *options):
        """A block device with the content of an image."""
        path = call("losetup", "--find", "--show", *options, image).strip()
        try:
            yield path
        finally:
            call("losetup", "--detach", path)
