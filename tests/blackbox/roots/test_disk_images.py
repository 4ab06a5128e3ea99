# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines from disk images: one file system, partition tables, layers, locks, refusals."""

import contextlib
import os
import subprocess

import disks
import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2", "loop")

KINDS = ["erofs", "squashfs", "ext4", "xfs", "btrfs"]
READ_ONLY = ["erofs", "squashfs"]


@pytest.fixture
def maker(closed, busybox_root):
    """Makes images in a directory that only root may enter."""
    return disks.Maker(closed, busybox_root)


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_system(cli, machine_file, maker, host_state, kind):
    """A file system without a table is the root; one that can be written to keeps what is written,
    another is read-only."""
    image = maker.file_system(kind)
    script = "cat /etc/made-by; echo kept > /kept; cat /kept"
    path = machine_file(rootfs=image, command=["sh", "-c", script])
    with host_state.unchanged(ignore=("files",)):
        result = cli("run", path)
    assert result.stdout.startswith("disks.py\n"), result
    if kind in READ_ONLY:
        assert "Read-only file system" in result.stderr and result.status != 0, result
    else:
        assert result.stdout == "disks.py\nkept\n", result
        assert cli("run", path.with_name(path.name), "--", "cat", "/kept").check().stdout == "kept\n"


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_says_nothing(cli, machine_file, maker, kind):
    """What an image is, is found from its content."""
    image = maker.file_system(kind).rename(maker.directory / "web.machine.txt")
    assert "disks.py" in cli("run", machine_file(rootfs=image,
                                                 command=["cat", "/etc/made-by"])).check().stdout


@pytest.mark.parametrize("kind", KINDS)
def test_upper(cli, machine_file, maker, kind):
    """With `upper` the image stays as it is, and the writes are kept or not."""
    image = maker.file_system(kind)
    before = image.read_bytes()
    for upper, expected in (("volatile", "no\nno\n"), ("persistent", "no\nyes\n")):
        path = machine_file(f"disk-{upper}-{os.getpid()}", rootfs=image, upper=upper, command=[
            "sh", "-c", "test -e /kept && echo yes || echo no; echo kept > /kept"])
        assert cli("run", path).check().stdout + cli("run", path).check().stdout == expected
        cli("delete", path)
    assert image.read_bytes() == before


def test_layers(cli, machine_file, maker, closed):
    """An overlay of a directory and two images; the owners are those of the machine."""
    site = closed / "site"
    site.mkdir(mode=0o755)
    (site / "both").write_text("site\n", encoding="utf-8")
    app = maker.file_system("erofs", {"both": "app\n", "app": "app\n"}, name="app")
    path = machine_file(overlay=[site, app, maker.file_system("squashfs")], upper="volatile",
                        command=["sh", "-c", "cat /both /app /etc/made-by; stat -c %u /app /both"])
    assert cli("run", path).check().stdout == "site\napp\ndisks.py\n0\n0\n"


def test_partitions(cli, machine_file, maker, host_state):
    """Partitions are mounted where their type says: what is read-only stays so, the rest keeps what
    is written."""
    image = maker.table("full.raw", [
        ("root", maker.file_system("erofs")),
        ("usr", maker.file_system("squashfs", {"mark": "usr\n"}, whole=False, name="usr")),
        ("home", maker.file_system("ext4", {"mark": "home\n"}, whole=False, name="home")),
        ("var", maker.file_system("ext4", {"mark": "var\n"}, whole=False, name="var"),
         {"attrs": "GUID:60"}),
        ("esp", maker.file_system("ext4", {"mark": "esp\n"}, whole=False, name="esp")),
        ("swap", maker.file_system("ext4", {"mark": "swap\n"}, whole=False, name="swap")),
    ])
    script = ("cat /usr/mark /home/mark /var/mark; for each in / /usr /home /var; do "
              "echo y 2>/dev/null > $each/new && echo written; done; "
              "test -e /home/earlier && echo earlier; : > /home/earlier")
    path = machine_file(rootfs=image, command=["/bin/sh", "-c", script])
    with host_state.unchanged(ignore=("files",)):
        assert cli("run", path).check().stdout == "usr\nhome\nvar\nwritten\n"
        assert cli("run", path).check().stdout == "usr\nhome\nvar\nwritten\nearlier\n"


@pytest.mark.parametrize("upper", ["volatile", "persistent"])
def test_partitions_below_an_upper(cli, machine_file, maker, closed, upper):
    """Each place has its own overlay, with the directories of the layers around the image."""
    image = maker.table("full.raw", [
        ("root", maker.file_system("erofs")),
        ("usr", maker.file_system("squashfs", {"mark": "usr\n"}, whole=False, name="usr")),
    ])
    before = image.read_bytes()
    site = closed / "site"
    (site / "usr").mkdir(parents=True, mode=0o755)
    (site / "usr/site").write_text("site\n", encoding="utf-8")
    site.chmod(0o755)
    path = machine_file(overlay=[site, image], upper=upper, command=[
        "/bin/sh", "-c", "cat /usr/mark /usr/site; cat /usr/kept 2>/dev/null; echo kept > /usr/kept"])
    again = "kept\n" if upper == "persistent" else ""
    assert cli("run", path).check().stdout == "usr\nsite\n"
    assert cli("run", path).check().stdout == "usr\nsite\n" + again
    if upper == "persistent":
        assert cli("run", "--ephemeral", path).check().stdout == "usr\nsite\nkept\n"
        cli("delete", path).check()
        assert cli("run", path).check().stdout == "usr\nsite\n"
    assert image.read_bytes() == before


def test_usr_only(cli, machine_file, maker):
    """An image with usr alone gets a root on a tmpfs, with links for what was merged into usr."""
    image = maker.table("usr.raw", [("usr", maker.usr())])
    path = machine_file(rootfs=image, command=[
        "/bin/sh", "-c", "readlink /bin; cat /usr/mark; stat -c '%u %a' / /tmp; "
        "test -e /etc/kept && echo kept; : > /etc/kept"])
    for _ in range(2):
        assert cli("run", path).check().stdout == "usr/bin\nusr\n0 755\n0 1777\n"


def test_newest_version(cli, machine_file, maker):
    """Of two versions the newer is taken, however they are ordered; an empty slot and one that is
    not to be mounted are left out."""
    def root(word):
        return maker.file_system("erofs", {"word": word}, name=f"root-{word}")

    image = maker.table("versions.raw", [
        ("root", root("ten"), {"name": "os_10"}),
        ("root", root("nine"), {"name": "os_9"}),
        ("root", root("no"), {"name": "_empty"}),
        ("root", root("no2"), {"name": "os_11", "attrs": "GUID:63"}),
    ])
    assert cli("run", machine_file(rootfs=image,
                                   command=["cat", "/word"])).check().stdout == "ten"


def test_one_device_for_all(cli, maker):
    """Machines of one image share a loop device, which is gone with the last of them."""
    image = maker.file_system("squashfs")
    names = [f"disk-shared-{os.getpid()}-{each}" for each in range(5)]
    for name in names:
        (cli.config / f"{name}.machine").write_text(harness.definition(
            rootfs=image, command=["sleep", "1000"], network={"mode": "none"}), encoding="utf-8")
    try:
        cli("start", *names).check()
        assert len(disks.devices_of(image)) == 1
        for name in names:
            assert cli("exec", name, "cat", "/etc/made-by").check().stdout == "disks.py\n"
    finally:
        cli("stop", *names)
    harness.wait_for(lambda: not disks.devices_of(image), 5, "the loop device to go")


@pytest.mark.slow
def test_two_hundred(cli, maker, host_state):
    """Two hundred machines of an image have one device."""
    image = maker.file_system("squashfs" if disks.kernel() >= (6, 2) else "ext4")
    names = [f"disk-many-{os.getpid()}-{each}" for each in range(200)]
    for name in names:
        (cli.config / f"{name}.machine").write_text(harness.definition(
            rootfs=image, upper="volatile", command=["sleep", "1000"], network={"mode": "none"}),
            encoding="utf-8")
    with host_state.unchanged(ignore=("files",)):
        try:
            cli("start", *names, timeout=300).check()
            assert len(disks.devices_of(image)) == 1
            assert cli("exec", names[-1], "cat", "/etc/made-by").check().stdout == "disks.py\n"
        finally:
            cli("stop", "--now", *names, timeout=300)
        harness.wait_for(lambda: not disks.devices_of(image), 5, "the loop device to go")


@pytest.mark.parametrize("kind", KINDS)
def test_layer_of_a_mount(cli, machine_file, maker, closed, host_state, kind):
    """Images are layers of the overlays in `mounts`, as directories are; the ids are the machine's."""
    site = closed / "site"
    site.mkdir(mode=0o755)
    (site / "both").write_text("site\n", encoding="utf-8")
    app = maker.file_system(kind, {"both": "app\n", "app": "app\n"}, whole=False, name="app")
    before = app.read_bytes()
    path = machine_file(command=["sh", "-c", "cat /mnt/both /mnt/app; stat -c %u /mnt/app; "
                                             "echo new > /mnt/app && cat /mnt/app"],
                        mounts=[{"type": "overlay", "source": f"{site}:{app}", "target": "/mnt"}])
    cli("check", "--strict", path).check()
    with host_state.unchanged(ignore=("files",)):
        result = cli("run", path)
    assert result.stdout.startswith("site\napp\n0\n"), result
    assert app.read_bytes() == before


def test_layer_of_a_mount_with_partitions(cli, machine_file, maker):
    """A partition for the root serves; more than one would not have a place."""
    root = maker.file_system("erofs", {"word": "word\n"}, whole=False)
    image = maker.table("one.raw", [("root", root)])
    command = ["cat", "/mnt/word"]
    mount = {"type": "overlay", "source": image, "target": "/mnt"}
    assert cli("run", machine_file(command=command, mounts=[mount])).check().stdout == "word\n"
    mount["source"] = maker.table("two.raw", [
        ("root", root), ("home", maker.file_system("ext4", whole=False))])
    error = cli("run", machine_file(command=command, mounts=[mount])).check(125).stderr
    assert "has partitions for several places" in error and str(mount["source"]) in error


@pytest.mark.parametrize("what", ["fifo", "text", "LUKS"])
def test_layer_of_a_mount_refused(cli, machine_file, maker, what):
    """The same errors as for the root, from `check` as well."""
    make, reason, _ = REFUSALS[what]
    image = make(maker)
    path = machine_file(command=["true"],
                        mounts=[{"type": "overlay", "source": image, "target": "/mnt"}])
    assert reason in cli("run", path).check(125).stderr
    result = cli("check", path).check(65)
    assert reason in result.stdout + result.stderr, result


def test_one_writer(cli, maker):
    """An image that is written to belongs to one machine; the error names it."""
    image = maker.file_system("ext4")
    names = [f"disk-writer-{os.getpid()}-{each}" for each in range(2)]
    for name in names:
        (cli.config / f"{name}.machine").write_text(harness.definition(
            rootfs=image, command=["sleep", "1000"], network={"mode": "none"}), encoding="utf-8")
    try:
        cli("start", names[0]).check()
        error = cli("start", names[1]).check(1).stderr
        assert f'"{image}" is in use by machine "{names[0]}"' in error and "hint:" in error
        for text in ({"upper": "volatile"}, {"read_only": True}):
            reader = cli.config / f"{names[1]}.machine"
            reader.write_text(harness.definition(rootfs=image, command=["true"],
                                                 network={"mode": "none"}, **text),
                              encoding="utf-8")
            assert "in use" in cli("run", reader).check(125).stderr
    finally:
        cli("stop", *names)


def test_locked_by_another_program(cli, machine_file, maker):
    """Programs that make images lock them with flock(2)."""
    image = maker.file_system("squashfs")
    path = machine_file(rootfs=image, command=["true"])
    with subprocess.Popen(["flock", "-x", "--no-fork", image, "sleep", "1000"]) as holder:
        try:
            harness.wait_for(lambda: "has locked it" in cli("run", path).stderr, 5, "the lock")
        finally:
            subprocess.run(["pkill", "-P", str(holder.pid)], check=False)
            holder.terminate()


REFUSALS = {
    "link": (lambda maker: maker.link(), "is a symbolic link", "name the file itself"),
    "fifo": (lambda maker: maker.fifo(), "is a FIFO", "a file or a block device"),
    "empty": (lambda maker: maker.bytes("empty", b""), "it is empty", None),
    "text": (lambda maker: maker.bytes("text", b"text\n" * 999), "is not a directory, and no disk",
             "qemu-img"),
    "truncated": (lambda maker: maker.cut(maker.file_system("erofs")), "is damaged", "copy it again"),
    "short": (lambda maker: maker.cut(maker.table("a.raw", [("root", maker.file_system("erofs"))])),
              "shorter than its partition table says", "copy it again"),
    "mbr": (lambda maker: maker.mbr(), 'partition table of the kind "dos"', "GPT"),
    "no root": (lambda maker: maker.table("a.raw", [("home", maker.file_system("erofs"))]),
                "has no partition for root or usr", "--part-type"),
    "foreign": (lambda maker: maker.table("a.raw", [("foreign", maker.file_system("erofs"))]),
                "is for another processor: its partition 1 is root for alpha", "get or build"),
    "two roots": (lambda maker: maker.table("a.raw", [("root", maker.file_system("erofs")),
                                                      ("root", maker.file_system("erofs"))]),
                  "partitions 1 and 2 of the image", "label them"),
    "two homes": (lambda maker: maker.table("a.raw", [("root", maker.file_system("erofs")),
                                                      ("home", maker.file_system("erofs")),
                                                      ("home", maker.file_system("erofs"))]),
                  "partitions 2 and 3 of the image", "no-auto"),
    "LUKS": (lambda maker: maker.luks(), "is encrypted with LUKS", "cryptsetup open"),
    "LUKS partition": (lambda maker: maker.table("a.raw", [("root", maker.luks())]),
                       "partition 1 (root) of the image", "cryptsetup open"),
    "other": (lambda maker: maker.file_system("vfat"), "contains vfat", "erofs, squashfs"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_refusals(cli, machine_file, maker, host_state, what):
    """`check` and the start tell the same: the image, what is wrong, and what to do."""
    make, reason, hint = REFUSALS[what]
    image = make(maker)
    path = machine_file(rootfs=image, command=["true"])
    with host_state.unchanged(ignore=("files",)):
        result = cli("run", path).check(125)
    assert str(image) in result.stderr and reason in result.stderr, result
    assert not hint or hint in result.stderr, result
    result = cli("check", path).check(65)
    assert str(image) in result.stdout + result.stderr and reason in result.stdout + result.stderr
    assert not hint or hint in result.stdout + result.stderr, result


def test_check_finds_nothing(cli, machine_file, maker):
    """Sound images have no finding, nor has one that this user may not read."""
    for kind in KINDS:
        cli("check", "--strict", machine_file(rootfs=maker.file_system(kind),
                                              command=["true"])).check()


def test_being_written(cli, machine_file, maker):
    """An image that a process has open for writing."""
    image = maker.file_system("squashfs")
    path = machine_file(rootfs=image, command=["true"])
    with open(image, "ab"):
        assert "is being written by another process" in cli("run", path).check(125).stderr
    cli("run", path).check()


@pytest.mark.parametrize("kind", KINDS)
def test_trust(cli, machine_file, maker, workspace, kind):
    """An image that others can change is mounted if its file system was made for that."""
    image = maker.file_system(kind)
    image.chmod(0o666)
    result = cli("run", machine_file(rootfs=image, command=["true"]))
    if kind in READ_ONLY:
        result.check()
    else:
        result.check(125)
        assert "others than root could change it" in result.stderr, result
        assert "chmod go-w" in result.stderr and str(image) in result.stderr, result


def test_unclean(cli, machine_file, maker):
    """A journal that a read-only mount cannot replay is told; a writable mount mends it."""
    image = maker.unclean()
    reader = machine_file("disk-unclean-reader", rootfs=image, upper="volatile", command=["true"])
    assert "was not unmounted in order" in cli("run", reader).check(125).stderr
    cli("run", machine_file("disk-unclean-writer", rootfs=image, command=["true"])).check()
    cli("run", reader).check()


@pytest.mark.parametrize("table", [False, True])
def test_repair(cli, machine_file, maker, table):
    """What is safe to repair is repaired before a writable mount; anything else is an error with the
    command for it. A read-only mount does not look."""
    def image(*commands):
        made = maker.file_system("ext4")
        for command in commands:
            disks.call("debugfs", "-w", "-R", command, made)
        return maker.table("a.raw", [("root", made)]) if table else made

    safe = image("ssv state 2")
    cli("run", machine_file(rootfs=safe, command=["true"])).check()
    result = cli("run", machine_file(rootfs=image("clri /etc", "ssv state 2"), command=["true"])).check(125)
    assert "has errors that are not repaired" in result.stderr and "e2fsck -f" in result.stderr
    assert ("'?offset=1048576'" in result.stderr) == table, result


def test_block_device(cli, machine_file, maker):
    """A block device is an image as well, with and without a table."""
    for image in (maker.file_system("squashfs"),
                  maker.table("a.raw", [("root", maker.file_system("squashfs"))])):
        with maker.device(image, "--read-only") as device:
            path = machine_file(rootfs=device, command=["cat", "/etc/made-by"])
            assert cli("run", path).check().stdout == "disks.py\n"


def test_other_sector_size(cli, machine_file, maker):
    """A table with sectors of 4096 bytes."""
    image = maker.table("large.raw", [("root", maker.file_system("squashfs"))], sector=4096)
    path = machine_file(rootfs=image, command=["cat", "/etc/made-by"])
    assert cli("run", path).check().stdout == "disks.py\n"


def test_user(cli, machine_file, maker, user):
    """Users cannot mount images: the reason is told."""
    image = maker.file_system("erofs").rename(user.home / "web.erofs")
    os.chown(image, user.uid, user.gid)
    result = user("run", user.define("a", rootfs=image, command=["true"])).check(125)
    assert "only root of the host" in result.stderr and "fsck.erofs --extract" in result.stderr


def test_copy(cli, machine_file, maker, workspace):
    """copy-to and copy-from know machines from images, stopped and running."""
    path = machine_file("disk-copied", rootfs=maker.file_system("ext4"), command=["sleep", "1000"])
    source = workspace / "file"
    source.write_text("copied\n", encoding="utf-8")
    cli("copy-to", path, source, "/etc/copied").check()
    cli("start", path).check()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: cli("stop", path))
        cli("copy-from", path, "/etc/copied", workspace / "running").check()
    cli("copy-from", path, "/etc/copied", workspace / "stopped").check()
    assert (workspace / "running").read_text() == (workspace / "stopped").read_text() == "copied\n"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_restart(cli, machine_file, maker, kind):
    """A machine that writes to its image is restarted: the trial start beside it writes nothing, not
    even where a mount point is missing."""
    image = maker.file_system(kind)
    keys = {"rootfs": image, "command": ["sleep", "1000"]}
    path = machine_file(f"disk-again-{os.getpid()}", **keys)
    try:
        cli("start", path).check()
        cli("exec", path.stem, "sh", "-c", "echo kept > /kept").check()
        machine_file(path.stem, **keys, mounts=[{"type": "tmpfs", "target": "/new/place",
                                                 "create": True}])
        cli("restart", path).check()
        assert cli("exec", path.stem, "cat", "/kept").check().stdout == "kept\n"
    finally:
        cli("stop", path)
    harness.wait_for(lambda: not disks.devices_of(image), 5, "the loop device to go")
