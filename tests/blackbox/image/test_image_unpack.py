# SPDX-License-Identifier: LGPL-2.1-or-later
"""Archives that attack the unpacker, each with canaries outside, and unusual but valid archives."""

import copy
import gzip
import io
import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import harness
import images
import pytest
from images import Image, directory, hard_link, layer, link, member

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def canary(workspace):
    """A directory next to the store that must not change; many paths lead to it."""
    outside = workspace / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched", encoding="utf-8")
    yield outside
    assert sorted(os.listdir(outside)) == ["file"]
    assert (outside / "file").read_text(encoding="utf-8") == "untouched"
    status = (outside / "file").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode), status.st_nlink) == (0, 0o644, 1)


def load(cli, *layers, **options):
    """Loads an image of these layers. Returns the result and the top layer's tree."""
    image = Image(*layers, **options)
    image.write_layout(cli.state / "source")
    result = cli("load", cli.state / "source")
    return result, images.tree_of(cli, image.id) if result.status == 0 else None


def refused(cli, *layers, text="refused", **options):
    """The image is refused with the text in the message, and nothing of it is left."""
    result, _ = load(cli, *layers, **options)
    result.check(1)
    assert text in result.stderr, result
    assert not list(Path(cli.state, "layers").glob("sha256-*"))
    assert not images.leftovers(cli)
    return result


ESCAPES = {
    "link": [link("a", "{outside}"), member("a/file", b"x")],
    "link-dots": [link("a", "../../../../../../../../../../../../{outside}"),
                  member("a/file", b"x")],
    "dots": [member("../../../../../../../../../../../../{outside}/file", b"x")],
    "absolute": [member("/{outside}/file", b"x")],
    "link-to-file": [link("a", "{outside}/file"), member("a", b"x", mode=0o600, uid=5)],
    "hard-link": [hard_link("a", "{outside}/file")],
    "hard-link-link": [link("a", "{outside}"), hard_link("b", "a/file")],
    "hard-link-of-link": [link("a", "{outside}/file"), hard_link("b", "a"),
                          member("b", b"x", mode=0o777, uid=5)],
    "whiteout-link": [link("a", "{outside}"), member("a/.wh.file", b"")],
    "opaque-link": [link("a", "{outside}"), member("a/.wh..wh..opq", b"")],
    "flip": [directory("a"), member("a/x", b"1"), link("a", "{outside}"), member("a/file", b"x")],
    "flip-back": [link("a", "{outside}"), directory("a"), member("a/file", b"x")],
    "magic": [link("a", "/proc/self/root{outside}"), member("a/file", b"x")],
    "magic-cwd": [link("a", "/proc/1/cwd"), member("a/file", b"x")],
    "chain": [link("a", "b"), link("b", "c/.."), link("c", "{outside}"), member("a/file", b"x")],
    "directory-over": [link("a", "{outside}"), directory("a", mode=0o777, uid=7)],
    # The cases of containerd's TestBreakouts that the others do not cover.
    "hard-link-dots": [hard_link("a", "../../../../../../../../../../../../{outside}/file"),
                       member("a", b"x", mode=0o777, uid=5)],
    "hard-link-in-directory": [directory("d"), hard_link("d/a", "{outside}/file"),
                               member("d/a", b"x", mode=0o777)],
    "hard-link-to-directory": [hard_link("a", "{outside}"), member("a/file", b"x")],
    "hard-link-to-link-to-directory": [link("a", "{outside}"), hard_link("b", "a"),
                                       member("b/file", b"x")],
    "link-to-link": [link("a", "{outside}"), link("b", "a/file"), member("b", b"x", mode=0o600)],
    "link-up-and-down": [directory("d"), link("d/a", "../../../../../../../../{outside}"),
                         member("d/a/file", b"x")],
    "whiteout-dots": [member("../../../../../../../../../../../../{outside}/.wh.file", b"")],
    "whiteout-absolute": [member("/{outside}/.wh.file", b"")],
    "whiteout-of-the-parent": [link("a", "{outside}"), member("a/../.wh.file", b""),
                               member("a/.wh..", b"")],
    "opaque-dots": [member("../../../../../../../../../../../../{outside}/.wh..wh..opq", b"")],
    "attributes-through": [link("a", "{outside}/file", pax_headers={"SCHILY.xattr.user.x": "1"}),
                           member("a", b"", pax_headers={"SCHILY.xattr.user.x": "2"}, mode=0o666)],
    "fifo-through": [link("a", "{outside}"), member("a/pipe", kind=tarfile.FIFOTYPE)],
    "root-link": [link("./", "{outside}"), member("file", b"x")],
    "root-link-again": [directory("./"), link(".", "{outside}"), member("./file", b"x")],
    "node-through": [link("a", "{outside}"),
                     member("a/null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3)],
}


def escape(name, canary):
    """The members of an attack, aimed at the outside directory."""
    members = []
    for info, content in ESCAPES[name]:
        info = copy.copy(info)
        info.name = info.name.format(outside=str(canary))
        info.linkname = info.linkname.format(outside=str(canary))
        members.append((info, content))
    return members


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_leaves_the_layer(cli, canary, name):
    """Whatever the archive tries, the host's files do not change. The layer may be unpacked safely
    or refused."""
    members = escape(name, canary)
    result, _ = load(cli, layer(*members))
    assert result.status in (0, 1), result
    assert not images.leftovers(cli)


@pytest.mark.parametrize("name", ["link", "whiteout-link", "hard-link-link", "node-through"])
def test_nothing_leaves_by_two_layers(cli, canary, name):
    """The link is in a lower layer, the file behind it in an upper one."""
    members = escape(name, canary)
    result, _ = load(cli, layer(*members[:1]), layer(*members[1:]))
    assert result.status in (0, 1), result
    assert not images.leftovers(cli)


def test_a_forged_whiteout_is_refused(cli):
    """overlayfs takes a character device 0:0 for a whiteout."""
    forged = member("etc/passwd", kind=tarfile.CHRTYPE, devmajor=0, devminor=0)
    refused(cli, layer(forged), text="forged whiteout")


def test_forged_attributes_of_overlayfs_are_dropped(cli):
    """They would redirect lookups of the mounted overlay."""
    headers = {"SCHILY.xattr.trusted.overlay.redirect": "/etc",
               "SCHILY.xattr.trusted.overlay.opaque": "y",
               "SCHILY.xattr.user.overlay.redirect": "/etc",
               "SCHILY.xattr.security.selinux": "x",
               "SCHILY.xattr.user.kept": "yes"}
    _, tree = load(cli, layer(directory("a", pax_headers=headers)))
    assert os.listxattr(tree / "a") == ["user.kept"]


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh.."])
def test_whiteouts_of_nothing_are_refused(cli, name):
    """".wh.." would remove the directory itself."""
    refused(cli, layer(member(name, b"")), text="whiteout without a name")


@pytest.mark.parametrize("root", [link("./", "/etc"), link(".", "/etc"), member(".", b"x"),
                                  hard_link(".", "etc")])
def test_the_root_is_a_directory(cli, root):
    """CVE-2021-29136."""
    result = refused(cli, layer(root), text="refused")
    assert "root" in result.stderr


def test_device_numbers_are_checked(cli):
    """The kernel would truncate them."""
    refused(cli, layer(member("d", kind=tarfile.CHRTYPE, devmajor=5000, devminor=1)),
            text="number that is invalid on Linux")


def test_ids_are_checked(cli):
    """-1 is "no change" to chown(2)."""
    refused(cli, layer(member("f", b"x", uid=0xffffffff)), text="id that is invalid on Linux")


@pytest.mark.parametrize("members", [
    [hard_link("a", "a")],
    [directory("d"), hard_link("a", "d")],
    [member(".wh.gone", b""), hard_link("a", "gone")],
    [member("f", b""), hard_link("a", "f/x")],
    [hard_link("a", "/")],
])
def test_hard_links_to_nothing(cli, members):
    """Each is refused with the reason."""
    refused(cli, layer(*members), text="hard link")


def test_deep_and_long_paths(cli):
    """Sizes beyond Linux' limits are refused, those just within are unpacked."""
    refused(cli, layer(member("a/" * 300 + "x", b"")), text="too long or too deep")
    refused(cli, layer(member("n" * 256, b"")), text="too long")
    refused(cli, layer(member("d/" * 5000, b"")), text="too long")
    _, tree = load(cli, layer(member("a/" * 200 + "x", b"1")))
    assert (tree / ("a/" * 200) / "x").read_bytes() == b"1"


def test_long_gnu_name(cli):
    """A GNU long name of 100 MB is not read into memory."""
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 100 << 20
    data = head.tobuf(tarfile.GNU_FORMAT) + b"a" * (100 << 20)
    refused(cli, data, text="tar archive is damaged")


def test_pax_size_wins_over_the_header(cli):
    """CVE-2025-62518: a reader that uses the other size finds members that others do not."""
    hidden = layer(member("hidden", b"evil"))
    info, _ = member("outer", b"")
    info.size = len(hidden)
    header = info.tobuf(tarfile.PAX_FORMAT)
    pax = f"{len(hidden)}"
    record = f" size={pax}\n"
    length = len(record) + 2
    record = f"{length}{record}" if len(f"{length}{record}") == length else f"{length + 1}{record}"
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, len(record)
    zeroed = tarfile.TarInfo("outer")
    zeroed.size = 0
    data = (extended.tobuf(tarfile.USTAR_FORMAT) + record.encode().ljust(512, b"\0") +
            zeroed.tobuf(tarfile.USTAR_FORMAT) + hidden + b"\0" * 1024)
    assert header
    _, tree = load(cli, data)
    assert os.listdir(tree) == ["outer"]
    assert (tree / "outer").read_bytes() == hidden


def test_sequence_decides_and_the_last_wins(cli):
    """Two directories merge, any other pair replaces."""
    _, tree = load(cli, layer(
        directory("d", mode=0o700), member("d/kept", b"1"), directory("d", mode=0o711, uid=3),
        member("f", b"1"), directory("f"), member("f/x", b"2"),
        directory("g"), member("g/deep/x", b""), link("g", "f"),
        member("h", b"old", mode=0o4755), member("h", b"new", mode=0o600)))
    assert (tree / "d/kept").exists() and (tree / "d").stat().st_uid == 3
    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o711
    assert (tree / "f/x").read_bytes() == b"2"
    assert os.readlink(tree / "g") == "f"
    assert (tree / "h").read_bytes() == b"new"
    assert stat.S_IMODE((tree / "h").stat().st_mode) == 0o600
    cli("image-status", "--verify", "test/image:1").check()


def is_whiteout(path):
    """A character device 0:0."""
    status = os.lstat(path)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def test_whiteouts_in_any_order(cli):
    """Before or after the files in the same directory; an opaque directory needs no lower one."""
    _, tree = load(cli, layer(directory("base"), member("base/x", b"")), layer(
        member("a/.wh.gone", b""),
        directory("b"), member("b/new", b""), member("b/.wh.old", b""), member("b/.wh..wh..opq", b""),
        member("c/.wh..wh..opq", b""), member("c/.wh.old", b""), member("c/new", b""),
        member(".wh.replaced", b""), directory("replaced"), member("replaced/x", b""),
        directory("also"), member(".wh.also", b""),
        member("file", b"1"), member(".wh.file", b""),
        member(".wh..wh.plnk/1.2", b"")))
    assert is_whiteout(tree / "a/gone")
    for name in ("b", "c", "replaced", "also"):
        assert os.getxattr(tree / name, "trusted.overlay.opaque") == b"y", name
    assert sorted(os.listdir(tree / "b")) == ["new"]
    assert sorted(os.listdir(tree / "c")) == ["new"]
    assert (tree / "file").read_bytes() == b"1"
    cli("image-status", "--verify", "test/image:1").check()


def test_all_that_a_tar_can_say(cli):
    """Owners, modes, times, attributes, links, sparse files, device nodes, names with arbitrary
    bytes."""
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    _, tree = load(cli, layer(
        directory("./", mode=0o711, mtime=1_500_000_000),
        directory("dir", mode=0o2750, uid=10, gid=20, mtime=1_234_567_890),
        member("dir/suid", b"x", mode=0o4755, uid=1000, gid=100,
               pax_headers={"mtime": "1234567890.123456789"}),
        member("ping", b"\x7fELF", mode=0o755, pax_headers={
            "SCHILY.xattr.security.capability": capability.decode("utf-8", "surrogateescape")}),
        member("big", kind=tarfile.REGTYPE, data=b"\0" * 5_000_000 + b"end"),
        hard_link("dir/hard", "dir/suid"), link("link", "dir/suid", uid=7, mtime=99),
        member("null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
        member("pipe", kind=tarfile.FIFOTYPE), member("umläut\udcff", b"")))
    status = (tree / "dir/suid").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1000, 100, 0o4755)
    assert status.st_mtime_ns == 1234567890123456789
    assert status.st_nlink == 2 and (tree / "dir/hard").stat().st_ino == status.st_ino
    assert (tree / "dir").stat().st_mtime == 1_234_567_890
    assert stat.S_IMODE((tree / "dir").stat().st_mode) == 0o2750
    assert tree.stat().st_mtime == 1_500_000_000 and stat.S_IMODE(tree.stat().st_mode) == 0o711
    assert os.getxattr(tree / "ping", "security.capability") == capability
    assert (tree / "big").stat().st_blocks * 512 < 100_000
    assert (tree / "big").read_bytes() == b"\0" * 5_000_000 + b"end"
    assert (tree / "link").lstat().st_uid == 7 and (tree / "link").lstat().st_mtime == 99
    assert (tree / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((tree / "pipe").stat().st_mode)
    assert (tree / "umläut\udcff").exists()


def test_directories_that_a_layer_implies(cli):
    """A layer with a/b/new but without an entry for a/b keeps the lower layer's attributes of a/b;
    the same is true of the root."""
    lower = layer(directory("./", mode=0o751, uid=9), directory("a", mode=0o750, uid=1),
                  directory("a/b", mode=0o701, gid=5, mtime=1_111_111_111,
                            pax_headers={"SCHILY.xattr.user.k": "v"}))
    image = Image(lower, layer(member("a/b/new", b"")))
    image.write_layout(cli.state / "source")
    cli("load", cli.state / "source").check()
    top = Path(cli.state, "images", image.id.replace(":", "-"), "directories")
    assert (top.stat().st_uid, stat.S_IMODE(top.stat().st_mode)) == (9, 0o751)
    assert stat.S_IMODE((top / "a").stat().st_mode) == 0o750
    status = (top / "a/b").stat()
    assert (status.st_gid, stat.S_IMODE(status.st_mode), status.st_mtime) == (5, 0o701,
                                                                              1_111_111_111)
    assert os.getxattr(top / "a/b", "user.k") == b"v"


@pytest.mark.parametrize("change", ["corrupt", "short", "long"])
def test_damaged_blobs(cli, change):
    """Nothing is published; the error shows both digests or both sizes."""
    image = Image(layer(member("f", os.urandom(100_000))))
    data = image.blobs[image.layers[0]]
    image.blobs[image.layers[0]] = {"corrupt": data[:5000] + b"?" + data[5001:],
                                    "short": data[:-10], "long": data + b"\0"}[change]
    image.write_layout(cli.state / "source")
    result = cli("load", cli.state / "source").check(1)
    if change == "corrupt":
        assert "expected " + image.layers[0] in result.stderr, result
        assert "found sha256:" in result.stderr
    else:
        assert str(len(data)) in result.stderr
    assert not list(Path(cli.state, "layers").glob("*")) and not images.leftovers(cli)


def test_a_wrong_diff_id_alone(cli):
    """The blob is right, but its content does not match the config."""
    data = layer(member("f", b"x"))
    result = refused(cli, data, diff_ids=["sha256:" + "0" * 64], text="expected sha256:0000")
    assert images.digest(data) in result.stderr


def test_bytes_behind_the_end_count(cli):
    """The diff id covers the whole stream, even after the end of the archive."""
    data = layer(member("f", b"x")) + b"\0" * 100_000 + b"tail"
    _, tree = load(cli, data)
    assert (tree / "f").exists()


def test_a_last_block_that_is_not_filled(cli):
    """umoci's insert ends with the last file's content; one byte less is too short."""
    data = layer(member("f", b"x" * 700))
    whole = data[:512 + 700]
    _, tree = load(cli, whole)
    assert (tree / "f").read_bytes() == b"x" * 700
    cli("remove-image", "test/image:1").check()
    for length in (512 + 699, 512 + 512, 512 + 100, 511, 300):
        result, _ = load(cli, data[:length])
        assert result.status == 1 and "tar archive is damaged" in result.stderr, (length, result)


@pytest.mark.parametrize("compress", [
    lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]) + b"\0" * 512,
    lambda data: b"\x50\x2a\x4d\x18\x04\0\0\0skip" + subprocess.run(
        ["zstd", "-c"], input=data[:700], stdout=subprocess.PIPE, check=True).stdout +
    subprocess.run(["zstd", "-c"], input=data[700:], stdout=subprocess.PIPE, check=True).stdout,
    None,
], ids=["gzip-members", "zstd-frames", "none"])
def test_compressions_by_magic(cli, compress):
    """Several members and frames, padding, skippable frames; the media type says gzip."""
    _, tree = load(cli, layer(member("f", b"x" * 5000)), compress=compress)
    assert (tree / "f").read_bytes() == b"x" * 5000


@pytest.mark.parametrize("cut", [20, 700])
def test_truncated_gzip(cli, cut):
    """A blob with the right digest that is not a complete gzip file."""
    refused(cli, layer(member("f", os.urandom(3000))), text="truncated",
            compress=lambda data: gzip.compress(data)[:-cut])


def test_zero_bomb(cli, workspace):
    """Ten gigabytes of zeros in ten megabytes exhaust neither the disk nor the time limit."""
    info, _ = member("zeros", b"")
    info.size = 10 << 30
    process = subprocess.run(
        ["sh", "-c", "{ cat; head -c 10737418240 /dev/zero; head -c 1024 /dev/zero; } | gzip -1"],
        input=info.tobuf(tarfile.GNU_FORMAT), stdout=subprocess.PIPE, check=True) \
        if os.environ.get("MACHINECTL_LITE_TEST_LONG") else None
    if process is None:
        # The same ratio, as gzip members of one megabyte of zeros each, made once and repeated.
        piece = gzip.compress(b"\0" * (1 << 20), 9)
        data = gzip.compress(info.tobuf(tarfile.GNU_FORMAT)) + piece * 10240
    else:
        data = process.stdout
    (workspace / "bomb.tar.gz").write_bytes(data)
    result = cli("load", "--name", "bomb:1", workspace / "bomb.tar.gz", timeout=120).check(1)
    assert "decompressed size is excessive" in result.stderr
    assert not images.leftovers(cli)


@pytest.mark.slow
@pytest.mark.needs("native-speed")
def test_a_million_entries(cli, workspace):
    """Such an archive is unpacked in bounded memory or refused; here with one name repeated, so
    that the last member wins."""
    entry = layer(member("f", b""))[:512]
    with gzip.open(workspace / "many.tar.gz", "wb", compresslevel=1) as archive:
        for _ in range(1000):
            archive.write(entry * 1000)
        archive.write(b"\0" * 1024)
    limited = ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh"]
    if harness.is_sanitized(cli.binary):
        limited = []
    result = cli("load", "--name", "many:1", workspace / "many.tar.gz", timeout=900,
                 wrapper=limited).check()
    assert os.listdir(images.tree_of(cli, result.stdout.split()[1])) == ["f"]


def test_many_entries(cli):
    """Twenty thousand small files; verification finds all of them."""
    _, tree = load(cli, layer(*(member(f"d{i % 100}/f{i}", b"") for i in range(20_000))))
    assert sum(len(files) for _, _, files in os.walk(tree)) == 20_000
    cli("image-status", "--verify", "test/image:1").check()


@pytest.mark.parametrize("text,message", [
    ('{"schemaVersion": 2, "schemaVersion": 2, "manifests": []}', "duplicate"),
    ('{"schemaVersion": 2, "manifests": [], "layers": []}', "ambiguous"),
    ('{"schemaVersion": 1, "fsLayers": []}', "schema 1"),
    ('[' * 5000, "JSON"),
    ('{"schemaVersion": 2, "manifests": [{"digest": "sha256:../../../etc/passwd", "size": 1}]}',
     "digest"),
])
def test_hostile_documents(cli, workspace, text, message):
    """The error gives the specific reason."""
    Image(layer(member("f", b""))).write_layout(workspace / "source")
    (workspace / "source/index.json").write_text(text, encoding="utf-8")
    result = cli("load", "--name", "x:1", workspace / "source").check(1)
    assert message in result.stderr, result


def test_layers_and_diff_ids_in_number(cli):
    """A layer without a diff id."""
    data = layer(member("f", b""))
    result, _ = load(cli, data, diff_ids=[images.digest(data)] * 2)
    result.check(1)
    assert "1 layers and 2 diff ids" in result.stderr


def confined_workers(cli):
    """The unpacking processes of a store: (path in /proc, status)."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "status").read_text(encoding="utf-8")
            if "machinectl-lite" in (path / "comm").read_text(encoding="utf-8") and \
                    "Seccomp:\t2" in status and str(cli.state).encode() in (
                        path / "cmdline").read_bytes():
                yield path, status
        except OSError:
            continue


@pytest.fixture
def worker(cli):
    """A worker that waits for the rest of a layer from a pipe: (path, status). After the test the
    rest is sent, and the load succeeds."""
    data = layer(member("f", b"x" * 1_000_000))
    running = cli.start("load", "--name", "slow:1", "-", stdin=subprocess.PIPE)
    running.process.stdin.write(data[:700_000])
    running.process.stdin.flush()
    harness.wait_for(lambda: list(confined_workers(cli)), what="a confined worker")
    yield next(confined_workers(cli))
    running.process.stdin.write(data[700_000:])
    running.process.stdin.close()
    running.process.stdin = None
    assert running.process.wait(30) == 0


def test_the_worker_is_confined(worker):
    """While a layer arrives through a slow pipe, its unpacker has no network, cannot leave the
    layer's directory, and has a system call filter."""
    path, status = worker
    for kind in ("net", "mnt", "ipc", "uts", "pid"):
        assert os.readlink(path / "ns" / kind) != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert "NoNewPrivs:\t1" in status and "CapInh:\t0000000000000000" in status
    assert not (path / "root/etc").exists()


def test_the_worker_knows_nothing_of_registries(worker):
    """The process that reads untrusted archives does not load network libraries."""
    mapped = (worker[0] / "maps").read_text(encoding="utf-8")
    assert "machinectl-lite-unpack" in mapped
    assert not [name for name in ("libcurl", "libssl", "liblzma", "libbz2") if name in mapped]


def test_decompression_goes_first(worker):
    """One thread determines how long a layer takes; the threads that only have to keep up have a
    lower priority."""
    def schedule(thread):
        fields = (thread / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return int(fields[16]) > os.getpriority(os.PRIO_PROCESS, 0), int(fields[38])

    def schedules():
        return sorted(map(schedule, (worker[0] / "task").glob("*")))

    normal, batch = (False, os.SCHED_OTHER), (True, os.SCHED_BATCH)
    harness.wait_for(lambda: len(schedules()) == 3, what="the worker's threads")
    assert schedules() == [normal, batch, batch]


def test_plain_tar_and_docker_archive(cli, workspace):
    """From a file, compressed or not, from standard input, with links between members."""
    data = layer(member("bin/x", b"1", mode=0o755))
    (workspace / "root.tar").write_bytes(data)
    first = cli("load", "--name", "root:1", workspace / "root.tar").check()
    piped = cli("load", "--name", "root:2", "-", input=gzip.compress(data)).check()
    assert first.stdout.split()[1] == piped.stdout.split()[1]
    config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/bin/x"]},
                         "rootfs": {"type": "layers", "diff_ids": [images.digest(data)] * 2}})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, content in (link("two/layer.tar", "../one/layer.tar"),
                              member("manifest.json", json.dumps([{
                                  "Config": "config.json", "RepoTags": ["docker/made:3"],
                                  "Layers": ["one/layer.tar", "two/layer.tar"]}]).encode()),
                              member("config.json", config.encode()),
                              member("one/layer.tar", gzip.compress(data))):
            tar.addfile(info, io.BytesIO(content))
    result = cli("load", "-", input=out.getvalue()).check()
    assert result.stdout.split()[0] == "docker.io/docker/made:3"
    assert "--name" in cli("load", workspace / "root.tar").check(64).stderr
