# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unpacked trees equal those of an independent tool, umoci: name, type, mode, owner, size, time,
attributes, hard links and content."""

import os
import random
import subprocess
import tarfile

import images
import pytest
import registries
import roots
import trees
from images import Image, directory, hard_link, layer, link, member

pytestmark = pytest.mark.needs("root", "program:umoci", "program:skopeo",
                               "program:docker-registry")


@pytest.fixture(scope="module")
def registry():
    """A registry for this test only."""
    with registries.docker_registry() as host:
        yield host


def compare(cli, registry, workspace, layout, compressions=("gzip", "zstd")):
    """Pushes a layout by skopeo in each compression, pulls it, and compares it with umoci's tree of
    the layout itself, as umoci only supports gzip."""
    expected = trees.by_umoci(f"{layout}:1", workspace)
    assert expected
    for compression in compressions:
        name = images.digest(str(layout).encode())[-12:]
        reference = f"{registry}/tree/{name}:{compression}"
        registries.skopeo("copy", "-q", "--dest-tls-verify=false", "--dest-compress-format",
                          compression, f"oci:{layout}:1", f"docker://{reference}")
        pulled = cli("pull", "--insecure", reference, timeout=300).check().stdout.split()[1]
        assert trees.differences(trees.of_image(cli, pulled, workspace), expected) == []
        cli("image-status", "--verify", reference, timeout=300).check()
        cli("remove-image", reference).check()
    return expected


def everything():
    """A layer with every feature of tar that umoci understands."""
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    return [
        directory("./", mode=0o751, mtime=1_400_000_000),
        directory("bin", mtime=1_400_000_001),
        member("bin/suid", os.urandom(5000), mode=0o4755, uid=1000, gid=100,
               mtime=1_400_000_002.5, pax_headers={"mtime": "1400000002.500000000"}),
        hard_link("bin/same", "bin/suid"),
        member("bin/ping", b"\x7fELF", mode=0o755, pax_headers={
            "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape"),
            "SCHILY.xattr.user.note": "x"}),
        link("bin/link", "suid", uid=7, gid=8), link("dangling", "/no/where"),
        directory("var", mode=0o1777, uid=3), directory("var/empty", mode=0o500),
        member("var/empty-file", b"", mode=0o200),
        member("var/long" + "x" * 200, b"long name"),
        member("var/umläut", b"unicode"),
        member("dev-null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        member("dev-loop", kind=tarfile.BLKTYPE, devmajor=7, devminor=0, mode=0o660, gid=6),
        member("pipe", kind=tarfile.FIFOTYPE, mode=0o622),
    ]


def later(number, chance):
    """A layer that adds, changes and removes files."""
    at = f"d{number % 7}"
    members = [directory(at, mode=0o700 + number % 64, uid=number, mtime=1_500_000_000 + number),
               member(f"{at}/own-{number}", os.urandom(chance.randrange(3000))),
               member(f"{at}/shared", b"%d" % number, mode=0o600 + number % 64)]
    if number % 3 == 2:
        members.append(member(f"d{(number - 1) % 7}/.wh.own-{number - 1}", b""))
    if number % 11 == 10:
        members += [member(f"{at}/.wh..wh..opq", b""), member(f"{at}/after", b"opaque")]
    if number % 5 == 4:
        # A file becomes a directory, a directory a link, and vice versa.
        members += [directory("flip") if number % 2 else link("flip", "var")]
        members += [member("flip/inside", b"%d" % number)] if number % 2 else []
    return members


@pytest.mark.parametrize("count", [1, 20, 127])
def test_as_umoci_unpacks_it(cli, registry, workspace, count):
    """Stacked layers with whiteouts, opaque directories, and types that change."""
    chance = random.Random(count)
    image = Image(layer(*everything()),
                  *(layer(*later(number, chance)) for number in range(1, count)))
    image.write_layout(workspace / "layout", "1")
    found = compare(cli, registry, workspace, workspace / "layout")
    assert found["bin/suid"]["links"] == ["bin/same", "bin/suid"]


def umoci(*arguments):
    """Runs umoci."""
    subprocess.run(["umoci", *map(str, arguments)], check=True, capture_output=True)


def test_an_image_made_by_umoci(cli, registry, workspace, busybox_root):
    """insert, --whiteout, --opaque, and a layer that repack makes from changes."""
    layout = workspace / "layout"
    image = f"{layout}:1"
    umoci("init", "--layout", layout)
    umoci("new", "--image", image)
    umoci("insert", "--image", image, busybox_root, "/")
    umoci("insert", "--image", image, "--whiteout", "/etc/hostname")
    (workspace / "opaque").mkdir()
    (workspace / "opaque/new").write_text("alone")
    umoci("insert", "--image", image, "--opaque", workspace / "opaque", "/var")
    umoci("unpack", "--image", image, workspace / "edit")
    root = workspace / "edit/rootfs"
    (root / "etc/passwd").unlink()
    (root / "home/alice").rename(root / "home/bob")
    (root / "added").write_text("by repack")
    (root / "added").chmod(0o4711)
    umoci("repack", "--image", image, workspace / "edit")
    found = compare(cli, registry, workspace, layout)
    assert sorted(path for path in found if path.startswith("var/")) == ["var/new"]
    assert "etc/hostname" not in found and "home/bob" in found


@pytest.mark.slow
@pytest.mark.needs("native-speed")
def test_a_debian_system(cli, registry, workspace, debian_root):
    """A root as made by distributions."""
    layout = workspace / "layout"
    umoci("init", "--layout", layout)
    umoci("new", "--image", f"{layout}:1")
    # Not by insert, which does not support hard links.
    umoci("unpack", "--image", f"{layout}:1", workspace / "edit")
    roots.copy(debian_root, workspace / "edit/rootfs")
    umoci("repack", "--image", f"{layout}:1", workspace / "edit")
    assert len(compare(cli, registry, workspace, layout)) > 5000


@pytest.mark.slow
@pytest.mark.needs("native-speed")
def test_small_files_in_great_number(cli, registry, workspace):
    """With 110,000 files."""
    image = Image(layer(*(entry for i in range(1100) for entry in (
        directory(f"d{i}"), *(member(f"d{i}/f{j}", b"%d" % j) for j in range(100))))))
    image.write_layout(workspace / "layout", "1")
    found = compare(cli, registry, workspace, workspace / "layout", ["gzip"])
    assert sum(entry["type"] == "file" for entry in found.values()) == 110_000
