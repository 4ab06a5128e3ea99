# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small initial RAM file system: busybox, the drivers of the disks, and guest/init."""

import lzma
import stat

from settings import VM

# Disks and ports of the virtual host. ext4 is a part of Debian's kernel.
DRIVERS = ("virtio_pci", "virtio_blk", "virtio_console")
DIRECTORIES = ("bin", "dev", "modules", "sysroot")


def module_name(path):
    return path.rpartition("/")[2].partition(".")[0]


def driver_files(modules):
    """The driver files below MODULES, in loading order."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[module_name(path)] = (path, others.split())
    ordered = []
    for driver in DRIVERS:
        if driver not in needs:  # a part of the kernel itself
            continue
        path, others = needs[driver]
        ordered += [other for other in (*reversed(others), path) if other not in ordered]
    return ordered


def save_parts(tree, place):
    """Saves the parts of an initrd, so that a change of guest/init does not need the tree."""
    (modules,) = (tree / "usr/lib/modules").iterdir()
    (place / "modules").mkdir()
    for number, path in enumerate(driver_files(modules)):
        data = (modules / path).read_bytes()
        if path.endswith(".xz"):
            data = lzma.decompress(data)
        (place / "modules" / f"{number:02}-{module_name(path)}.ko").write_bytes(data)
    (place / "busybox").write_bytes((tree / "bin/busybox").read_bytes())


def entry(number, name, mode, data):
    """One file of a cpio archive in its "new ASCII" format (cpio(5))."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def write(parts, path):
    files = [(name, stat.S_IFDIR | 0o755, b"") for name in DIRECTORIES]
    files.append(("bin/busybox", stat.S_IFREG | 0o755, (parts / "busybox").read_bytes()))
    files.append(("init", stat.S_IFREG | 0o755, (VM / "guest/init").read_bytes()))
    for module in sorted((parts / "modules").iterdir()):
        files.append((f"modules/{module.name}", stat.S_IFREG | 0o644, module.read_bytes()))
    files.append(("TRAILER!!!", 0, b""))
    path.write_bytes(b"".join(entry(number, *file) for number, file in enumerate(files, 1)))
