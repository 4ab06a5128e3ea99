# SPDX-License-Identifier: LGPL-2.1-or-later
"""Archives as written by many tools, read here and by a second reader, Python's."""

import bz2
import io
import lzma
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import images
import pytest
from images import Image, directory, hard_link, layer, link, member

pytestmark = pytest.mark.needs("root")

BLOCK = 512
USTAR, GNU, V7 = b"ustar\x0000", b"ustar  \0", bytes(8)


def octal(value, width):
    """A number as most tools write it: digits and a NUL."""
    return f"{value:0{width - 1}o}\0".encode()


def base_256(value, width):
    """A number as star, GNU and Java write it if octal is too small."""
    return bytes([0x80]) + value.to_bytes(width - 1, "big")


def header(name, kind=b"0", size=0, target=b"", magic=USTAR, mode=0o644, uid=octal(0, 8),
           mtime=1_600_000_000, prefix=b"", devices=(0, 0)):
    """One header, byte for byte."""
    size = size if isinstance(size, bytes) else octal(size, 12)
    block = bytearray(b"".join((
        name.ljust(100, b"\0"), octal(mode, 8), uid, octal(0, 8), size, octal(mtime, 12), b" " * 8,
        kind, target.ljust(100, b"\0"), magic, bytes(64), octal(devices[0], 8),
        octal(devices[1], 8), prefix.ljust(155, b"\0"))).ljust(BLOCK, b"\0"))
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(data):
    """Content padded to the next header."""
    return data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")


def pax(records, kind=b"x", name=b"PaxHeaders.0/x"):
    """An extended header with records."""
    text = b""
    for key, value in records:
        value = value if isinstance(value, bytes) else str(value).encode()
        rest = len(key) + len(value) + 3
        length = next(n for n in range(rest, rest + 9) if n == rest + len(str(n)))
        text += f"{length} {key}=".encode() + value + b"\n"
    return header(name, kind, len(text)) + padded(text)


def file(name, data, **fields):
    """A file: header and content."""
    return header(name, size=len(data), **fields) + padded(data)


END = bytes(2 * BLOCK)
NEXT = file(b"next", b"what must not vanish")


def by_go():
    """archive/tar: a pax header for a time with a fraction; a link has a size but no content."""
    fraction = ("mtime", "1600000000.123456789")
    yield "hard-link", (file(b"a", b"12345") + pax([fraction]) + header(b"b", b"1", 5, b"a") + NEXT)
    yield "hard-link-pax-size", (file(b"a", b"12345") + pax([fraction, ("size", 5)]) +
                                 header(b"b", b"1", 0, b"a") + NEXT)
    for name, kind in (("link", b"2"), ("directory", b"5"), ("fifo", b"6")):
        for records in ([fraction], [fraction, ("size", 600)]):
            target = b"a" if kind == b"2" else b""
            yield f"{name}-{len(records)}", pax(records) + header(b"b", kind, 600, target) + NEXT
    yield "device", pax([fraction]) + header(b"b", b"3", 600, devices=(1, 3)) + NEXT
    yield "attributes", (pax([("SCHILY.xattr.user.a=b", b"1\0\n2"), ("mtime", "-1.5")]) +
                         file(b"x", b"1") + NEXT)
    yield "sized-by-pax", pax([("size", 600)]) + header(b"big", b"0", 0) + padded(b"y" * 600) + NEXT


def by_bsd():
    """libarchive's bsdtar: attributes in its own spelling in addition to star's, times of every
    kind."""
    records = [("mtime", "1600000000.5"), ("atime", "1600000001"), ("ctime", "1600000002"),
               ("LIBARCHIVE.creationtime", "1600000000"), ("SCHILY.fflags", "nodump"),
               ("LIBARCHIVE.xattr.user.a%20b", "dmFsdWU"), ("SCHILY.xattr.user.a b", "value"),
               ("SCHILY.dev", 5), ("SCHILY.ino", 7), ("SCHILY.nlink", 2)]
    yield "attributes", pax(records) + file(b"x", b"1") + NEXT
    yield "own-spelling-alone", (pax([("LIBARCHIVE.xattr.user.k", "dg==")]) + file(b"x", b"1") +
                                 NEXT)
    yield "hard-link", (pax(records) + file(b"x", b"12") + pax(records) +
                        header(b"y", b"1", 2, b"x") + NEXT)
    yield "old-directory", (header(b"dir/", b"\0", magic=V7, mode=0o755) +
                            file(b"dir/x", b"1", magic=V7) + NEXT)


def by_java():
    """commons-compress: numbers in base 256, long names by prefix, by pax and as in GNU tar."""
    yield "star-numbers", (header(b"x", size=base_256(3, 12), uid=base_256(3_000_000, 8)) +
                           padded(b"abc") + NEXT)
    yield "prefix", file(b"name", b"1", prefix=b"a/" * 60 + b"b") + NEXT
    yield "long-name", (header(b"././@LongLink", b"L", 151, magic=GNU) +
                        padded(b"n" * 150 + b"\0") + file(b"n" * 100, b"1", magic=GNU) + NEXT)
    yield "long-link", (header(b"././@LongLink", b"K", 151, magic=GNU) +
                        padded(b"t" * 150 + b"\0") + header(b"x", b"2", 0, b"t" * 100, magic=GNU) + NEXT)
    yield "global", pax([("comment", "made by git archive")], b"g") + file(b"x", b"1") + NEXT
    yield "blank-numbers", (header(b"x", size=b"          3 ", uid=b"   123 \0") +
                            padded(b"abc") + NEXT)


def by_python():
    """tarfile in each of its formats."""
    formats = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
    for name, kind in formats.items():
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
            for info, content in (directory("d"), member("d/x", b"1", mode=0o4755, uid=9),
                                  link("l", "d/x"), hard_link("h", "d/x"),
                                  member("a/" * 40 + "y" * 60, b"2"),
                                  member("pipe", kind=tarfile.FIFOTYPE),
                                  member("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3)):
                if name == "pax":
                    info.mtime = 1_600_000_000.25
                tar.addfile(info, io.BytesIO(content))
        yield name, out.getvalue()


CORPUS = {writer.__name__: dict(writer()) for writer in (by_go, by_bsd, by_java, by_python)}


KINDS = {tarfile.REGTYPE: stat.S_IFREG, tarfile.AREGTYPE: stat.S_IFREG,
         tarfile.GNUTYPE_SPARSE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR,
         tarfile.SYMTYPE: stat.S_IFLNK, tarfile.FIFOTYPE: stat.S_IFIFO,
         tarfile.CHRTYPE: stat.S_IFCHR}


def seen_by_python(data):
    """The result of Python's reader: name to (mode, content or target, owner, whole seconds)."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            name = os.path.normpath(info.name)
            if info.islnk():
                found[name] = found[os.path.normpath(info.linkname)]
                continue
            content = tar.extractfile(info).read() if info.isreg() else info.linkname
            mode = KINDS[info.type] | (0o777 if info.issym() else info.mode)
            found[name] = (mode, content, info.uid, int(info.mtime // 1))
    return found


def seen_here(tree):
    """The same for an unpacked tree."""
    found = {}
    for path in sorted(Path(tree).rglob("*")):
        status = path.lstat()
        content = (path.read_bytes() if stat.S_ISREG(status.st_mode) else
                   os.readlink(path) if stat.S_ISLNK(status.st_mode) else "")
        found[str(path.relative_to(tree))] = (status.st_mode, content, status.st_uid,
                                              status.st_mtime_ns // 1_000_000_000)
    return found


def unpacked(cli, *layers, compress=None):
    """Loads an image with these bytes as layers and verifies it. Returns the layers' trees."""
    image = Image(*layers, compress=compress)
    images.load(cli, image)
    cli("image-status", "--verify", "test/app:1").check()
    return [images.tree_of(cli, image.id, number) for number in range(len(layers))]


def compare(data, tree):
    """Both readers find the same."""
    here, there = seen_here(tree), seen_by_python(data)
    implied = set(here) - set(there)
    assert all(any(name.startswith(f"{path}/") for name in there) for path in implied), implied
    assert {name: here.get(name) for name in there} == there


@pytest.mark.parametrize("writer", CORPUS)
def test_as_a_second_reader_sees_it(cli, writer):
    """Names, types, contents, owners and times in every tool's archives."""
    archives = [data + (b"" if writer == "by_python" else END) for data in CORPUS[writer].values()]
    for data, tree in zip(archives, unpacked(cli, *archives)):
        compare(data, tree)


@pytest.mark.parametrize("form", ["v7", "ustar", "oldgnu", "gnu", "posix", "0.0", "0.1", "1.0",
                                  "gnu-sparse"])
def test_as_gnu_tar_writes_it(cli, workspace, form):
    """All formats of GNU tar, and its four ways to store holes."""
    source = workspace / "files"
    (source / "d").mkdir(parents=True)
    (source / "d/x").write_bytes(b"1")
    os.utime(source / "d/x", ns=(0, 1_600_000_000_987_654_321))
    os.link(source / "d/x", source / "hard")
    os.symlink("d/x", source / "soft")
    for number in range(40):
        with open(source / "sparse", "ab") as file_:
            file_.truncate(number * 300_000)
            file_.seek(0, os.SEEK_END)
            file_.write(b"piece %d" % number)
    os.truncate(source / "sparse", 40 * 300_000)
    options = (["--format=gnu", "--sparse"] if form == "gnu-sparse" else
               ["--format=posix", "--sparse", f"--sparse-version={form}"] if "." in form else
               [f"--format={form}"])
    data = subprocess.run(["tar", *options, "-C", source, "-cf", "-", "d", "hard", "soft", "sparse"],
                          check=True, capture_output=True).stdout
    [tree] = unpacked(cli, data)
    compare(data, tree)
    assert (tree / "hard").stat().st_ino == (tree / "d/x").stat().st_ino
    assert (tree / "sparse").read_bytes() == (source / "sparse").read_bytes()
    assert (tree / "sparse").stat().st_blocks * 512 < 1_000_000
    if "." in form or form == "posix":
        assert (tree / "d/x").stat().st_mtime_ns == 1_600_000_000_987_654_321


def test_what_the_second_reader_does_not_see(cli):
    """Attributes, which bsdtar writes twice, times before 1970, and records without a value, which
    leave the header's value in force (POSIX.1-2001)."""
    twice, own, go, empty = unpacked(
        cli, CORPUS["by_bsd"]["attributes"] + END, CORPUS["by_bsd"]["own-spelling-alone"] + END,
        CORPUS["by_go"]["attributes"] + END,
        pax([("path", ""), ("mtime", "")]) + file(b"kept", b"1") + END)
    assert os.listxattr(twice / "x") == ["user.a b"]
    assert os.getxattr(twice / "x", "user.a b") == b"value"
    assert os.getxattr(own / "x", "user.k") == b"v"
    assert os.getxattr(go / "x", "user.a") == b"b=1\0\n2"
    assert (go / "x").stat().st_mtime_ns == -1_500_000_000
    assert (empty / "kept").stat().st_mtime == 1_600_000_000


@pytest.mark.parametrize("end", [b"", bytes(BLOCK), END, bytes(BLOCK + 100), END + b"more"],
                         ids=["none", "one", "two", "one-and-a-piece", "more"])
def test_the_end_of_an_archive(cli, end):
    """Zeros or the end of the file end it."""
    [tree] = unpacked(cli, NEXT + end)
    assert (tree / "next").exists()


@pytest.mark.parametrize("data,message", [
    (NEXT + bytes(BLOCK) + file(b"second", b"2") + END, "single block of zeros"),
    (pax([("path", "x")]) + END, "ends after an extended header"),
    (pax([("size", 5)], b"g") + NEXT + END, "global header"),
    (pax([("path", b"a\0b")]) + NEXT + END, "extended header is malformed"),
    (header(b"x", b"x", 9) + padded(b"99 a=b\nc\n") + NEXT + END, "extended header is malformed"),
    (pax([("size", -1)]) + NEXT + END, "impossible size"),
    (header(b"x", size=b"123456789ab\0") + END, "invalid number"),
    (bytearray(NEXT[:10] + b"?" + NEXT[11:]) + END, "checksum"),
    (header(b"x", b"0", 5, magic=GNU)[:BLOCK] + b"abc", "ends within a file"),
    (header(b"x", b"M", 0) + NEXT + END, "has a type that a layer cannot contain"),
    (pax([("GNU.sparse.major", 1), ("GNU.sparse.minor", 0), ("GNU.sparse.realsize", 10)]) +
     file(b"x", padded(b"1\n8\n5\n") + b"12345") + END, "map does not fit"),
    (pax([("GNU.sparse.size", 10), ("GNU.sparse.map", "5,2,0,2")]) + file(b"x", b"1234") + END,
     "map does not fit"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_archives_that_are_damaged(cli, data, message):
    """The error gives the specific reason, and nothing is kept: a partially read archive would pass
    every later verification."""
    Image(bytes(data), compress=None).write_layout(cli.state / "source")
    result = cli("load", cli.state / "source").check(1)
    assert message in result.stderr, result
    assert not list(Path(cli.state, "layers").glob("sha256-*")) and not images.leftovers(cli)


@pytest.mark.parametrize("tool", ["xz", "bzip2"])
@pytest.mark.parametrize("how", ["layer", "archive", "pipe"])
def test_xz_and_bzip2(cli, workspace, tool, how):
    """A layer, an archive of a root file system, and one from a pipe, with several streams each."""
    compress = {"xz": lzma.compress, "bzip2": bz2.compress}[tool]
    data = layer(member("f", os.urandom(100_000) + b"x" * 500_000))
    packed = compress(data[:300_000]) + compress(data[300_000:])
    if how == "layer":
        [tree] = unpacked(cli, data, compress=lambda _: packed)
    else:
        (workspace / "root.tar").write_bytes(packed)
        result = (cli("load", "--name", "root:1", workspace / "root.tar") if how == "archive" else
                  cli("load", "--name", "root:1", "-", input=packed)).check()
        tree = images.tree_of(cli, result.stdout.split()[1])
    assert (tree / "f").stat().st_size == 600_000
    for damaged, message in ((packed[:-20], "truncated"),
                             (packed[:400] + b"????" + packed[404:], "damaged")):
        result = cli("load", "--name", "root:2", "-", input=damaged).check(1)
        assert message in result.stderr, result


@pytest.mark.parametrize("tool", ["xz", "bzip2"])
def test_decompression_that_grows_beyond_measure(cli, tool):
    """Highly compressed data does not fill the disk."""
    piece = {"xz": lzma.compress, "bzip2": bz2.compress}[tool](bytes(100 << 20))
    result = cli("load", "--name", "bomb:1", "-", input=piece * 40, timeout=120).check(1)
    assert "decompressed size is excessive" in result.stderr, result


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_saved_layers_say_all_that_there_is(cli, workspace, form):
    """Fractions of seconds, times before 1970, long names, large ids, attributes with arbitrary
    bytes: a second reader finds them, and so does this one."""
    data = layer(
        member("x", b"1", mode=0o4755, uid=3_000_000, gid=0xfffffffe,
               pax_headers={"mtime": "1234567890.123456789", "SCHILY.xattr.user.k": "v=1\n"}),
        member("old", b"", pax_headers={"mtime": "-1.25"}), hard_link("hard", "x"),
        directory("d" * 120), link("d" * 120 + "/l", "t" * 150), member("d" * 120 + "/.wh.gone", b""),
        member("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=0xfffff))
    image = Image(data)
    images.load(cli, image)
    cli("save", f"--format={form}", "test/app:1", workspace / "saved.tar").check()
    result = cli("load", "--name", "again:1", workspace / "saved.tar").check()
    first, second = (seen_here(images.tree_of(cli, name))
                     for name in (image.id, result.stdout.split()[1]))
    # A whiteout has no time.
    gone = "d" * 120 + "/gone"
    assert first.pop(gone)[:3] == second.pop(gone)[:3] and first == second
    cli("image-status", "--verify", "again:1").check()
    with tarfile.open(workspace / "saved.tar") as tar:
        biggest = max(tar.getmembers(), key=lambda info: info.size)
        with tarfile.open(fileobj=tar.extractfile(biggest)) as inner:
            found = {info.name.rstrip("/"): info for info in inner}
    assert found["hard"].pax_headers["mtime"] == "1234567890.123456789"
    assert found["hard"].pax_headers["SCHILY.xattr.user.k"] == "v=1\n"
    assert (found["hard"].uid, found["hard"].gid) == (3_000_000, 0xfffffffe)
    assert found["x"].islnk() and found["x"].linkname == "hard"
    assert found["old"].mtime == -1.25 and found["d" * 120 + "/l"].linkname == "t" * 150
    assert "d" * 120 + "/.wh.gone" in found and found["null"].devminor == 0xfffff


def test_save_replaces_no_device(cli, workspace):
    """Nor a link to one, and no link under the name of its temporary file is followed."""
    images.load(cli, Image(layer(member("x", b"1"))))
    os.mkfifo(workspace / "fifo")
    (workspace / "link").symlink_to("/dev/null")
    (workspace / "stdout").symlink_to("/proc/self/fd/1")
    for name, kind in (("fifo", "a FIFO"), ("link", "a symbolic link to a character device"),
                       ("stdout", "a symbolic link to an open file of a process")):
        before = (workspace / name).lstat()
        failed = cli("save", "test/app:1", workspace / name).check(1).stderr
        assert f'"{workspace / name}" is {kind}' in failed
        assert (workspace / name).lstat() == before
    (workspace / "victim").write_text("kept")
    (workspace / "saved.tar.part").symlink_to("victim")
    cli("save", "test/app:1", workspace / "saved.tar").check()
    assert (workspace / "victim").read_text() == "kept"
    assert tarfile.is_tarfile(workspace / "saved.tar")
