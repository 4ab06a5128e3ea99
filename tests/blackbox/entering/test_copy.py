# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files in and out of a machine, also of one that would like to reach the host by it."""

import json
import os
import socket
import stat
from pathlib import Path

import images
import pytest
from harness import wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")


@pytest.fixture
def machine(cli, machine_file):
    """The name of a machine that runs for as long as the test does."""
    name = f"copy-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], stop={"timeout": "100ms"})).check()
    yield name
    cli("delete", "--force", name).check()


def inside(cli, machine, script):
    """What a shell in the machine prints."""
    return cli("exec", machine, "sh", "-c", script).check().stdout


def test_a_file_there_and_back(cli, machine, workspace):
    data = os.urandom(300_000)
    (workspace / "a").write_bytes(data)
    (workspace / "a").chmod(0o640)
    cli("copy-to", machine, workspace / "a", "/tmp/b").check()
    assert inside(cli, machine, "stat -c '%u %g %a %s' /tmp/b") == "0 0 640 300000\n"
    cli("copy-from", machine, "/tmp/b", workspace / "c").check()
    assert (workspace / "c").read_bytes() == data
    status = (workspace / "c").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o640)


def test_a_directory_gets_the_copy_and_files_are_replaced(cli, machine, workspace):
    (workspace / "a").write_text("new\n")
    inside(cli, machine, "mkdir /tmp/d; echo old > /tmp/d/a; ln /tmp/d/a /tmp/other")
    cli("copy-to", machine, workspace / "a", "/tmp/d").check()
    assert inside(cli, machine, "cat /tmp/d/a /tmp/other; ls -A /tmp/d") == "new\nold\na\n"


def test_a_tree_there_and_back(cli, machine, workspace):
    top = workspace / "tree"
    (top / "one" / "two").mkdir(parents=True)
    (top / "one" / "two" / "file").write_text("deep\n")
    (top / "link").symlink_to("/etc/passwd")
    (top / "one").chmod(0o555)
    cli("copy-to", machine, top, "/tmp/copy").check()
    assert inside(cli, machine, "cd /tmp/copy; cat one/two/file; readlink link; "
                                "stat -c '%u %a' one") == "deep\n/etc/passwd\n0 555\n"
    cli("copy-from", machine, "/tmp/copy", workspace / "back").check()
    assert (workspace / "back" / "one" / "two" / "file").read_text() == "deep\n"
    assert os.readlink(workspace / "back" / "link") == "/etc/passwd"


def test_links_of_the_machine_stay_in_it(cli, machine, workspace):
    """An absolute link and one with many ".." mean the machine's own files."""
    victim = workspace / "victim"
    victim.mkdir()
    victim.chmod(0o777)
    (victim / "secret").write_text("of the host\n")
    inside(cli, machine, f"ln -s {victim} /tmp/out; ln -s {'../' * 30}{victim} /tmp/up")
    (workspace / "a").write_text("a\n")
    for link in ("/tmp/out", "/tmp/up"):
        cli("copy-from", machine, f"{link}/secret", workspace / "stolen").check(1)
        cli("copy-to", machine, workspace / "a", f"{link}/a").check(1)
    assert not (workspace / "stolen").exists()
    assert [path.name for path in victim.iterdir()] == ["secret"]


def test_nothing_of_the_kernels_is_written(cli, machine, workspace):
    """Neither through a link nor with the rights of the host's root."""
    (workspace / "a").write_text("oops\n")
    before = open("/proc/sys/kernel/core_pattern", encoding="utf-8").read()
    inside(cli, machine, "ln -s /proc/sys/kernel/core_pattern /tmp/l; ln -s /proc/sys/kernel /tmp/k")
    cli("copy-to", machine, workspace / "a", "/tmp/l").check()
    assert inside(cli, machine, "cat /tmp/l; test -L /tmp/l || echo file") == "oops\nfile\n"
    (workspace / "core_pattern").write_text("oops\n")
    cli("copy-to", machine, workspace / "core_pattern", "/tmp/k").check(1)
    assert open("/proc/sys/kernel/core_pattern", encoding="utf-8").read() == before


def test_no_set_user_id_comes_out(cli, machine, workspace):
    inside(cli, machine, "cp /bin/busybox /tmp/s; chmod 6755 /tmp/s")
    cli("copy-from", machine, "/tmp/s", workspace / "s").check()
    assert (workspace / "s").stat().st_mode & 0o7777 == 0o755


def test_a_fifo_is_refused_and_does_not_hang(cli, machine, workspace):
    inside(cli, machine, "mkfifo /tmp/f")
    assert "neither" in cli("copy-from", machine, "/tmp/f", workspace / "f").check(1).stderr


def test_errors_name_the_path(cli, machine, workspace):
    assert "/no/such" in cli("copy-from", machine, "/no/such", workspace).check(1).stderr
    missing = workspace / "missing"
    assert str(missing) in cli("copy-to", machine, missing, "/tmp").check(1).stderr
    cli("copy-to", machine, "/etc/passwd").check(64)
    cli("copy-to", "no-such-machine", "/etc/passwd", "/tmp").check(66)


def test_a_failure_names_source_and_target(cli, machine, workspace):
    (workspace / "a").write_text("a")
    failed = cli("copy-to", machine, workspace / "a", "/nodir/b").check(1).stderr
    for words in (f'"{workspace}/a"', "into", f'"{machine}"', '"/nodir/b"', "No such file"):
        assert words in failed
    failed = cli("copy-from", machine, "/nosuch", workspace / "b").check(1).stderr
    assert '"/nosuch" out of machine' in failed and f'"{workspace}/b"' in failed


# ---- existing targets ----

def special(path, kind):
    """Makes a device, a FIFO or a socket, or a link to one."""
    path.parent.mkdir(exist_ok=True)
    if kind == "link to a device":
        special(path.with_name("device"), "character device")
        path.symlink_to("device")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    else:
        mode = {"character device": stat.S_IFCHR, "FIFO": stat.S_IFIFO}[kind]
        os.mknod(path, mode | 0o600, os.makedev(1, 3))


@pytest.mark.parametrize("kind", ["character device", "FIFO", "socket", "link to a device"])
def test_no_file_replaces_a_device_of_the_host(cli, machine, workspace, kind):
    """Neither named as the target nor met in a directory."""
    target = workspace / "tree" / "target"
    special(target, kind)
    before = target.lstat()
    inside(cli, machine, "mkdir /tmp/tree; echo new > /tmp/tree/target")
    ways = [("/tmp/tree/target", target), ("/tmp/tree/target", workspace / "tree")]
    if kind != "link to a device":
        ways.append(("/tmp/tree", workspace))
    for source, to in ways[:1] if kind == "link to a device" else ways:
        for option in ([], ["-a"]):
            failed = cli("copy-from", *option, machine, source, to).check(1).stderr
            assert kind.replace("link", "symbolic link").replace("to a d", "to a character d") in failed
    assert target.lstat() == before
    assert {path.name for path in target.parent.iterdir()} <= {"target", "device"}


def test_no_link_to_an_open_file_is_replaced(cli, machine, workspace):
    """As /dev/stdout is one."""
    link = workspace / "stdout"
    link.symlink_to("/proc/self/fd/1")
    failed = cli("copy-from", machine, "/etc/passwd", link).check(1).stderr
    assert f'"{link}"' in failed and "open file of a process" in failed
    assert link.is_symlink()


def test_no_file_replaces_a_device_of_the_machine(cli, machine, workspace):
    (workspace / "a").write_text("a")
    inside(cli, machine, "mkfifo /tmp/fifo")
    for target, kind in (("/dev/null", "character device"), ("/tmp/fifo", "FIFO"),
                         ("/dev/stdout", "symbolic link")):
        failed = cli("copy-to", machine, workspace / "a", target).check(1).stderr
        assert f'"{target}" is a {kind}' in failed
    assert inside(cli, machine, "test -c /dev/null && test -p /tmp/fifo && test -L /dev/stdout; "
                                "echo $?") == "0\n"


# ---- archives ----

def times(path):
    """In nanoseconds."""
    return path.lstat().st_atime_ns, path.lstat().st_mtime_ns


def make_archive(top):
    """A tree of all that an archive keeps."""
    top.mkdir()
    (top / "file").write_text("file\n")
    os.chown(top / "file", 12, 34)
    (top / "file").chmod(0o4751)
    os.setxattr(top / "file", "user.color", b"blue")
    (top / "below").mkdir()
    os.link(top / "file", top / "below" / "again")
    (top / "link").symlink_to("nowhere")
    os.link(top / "link", top / "link2", follow_symlinks=False)
    os.lchown(top / "link", 56, 78)
    os.mkfifo(top / "fifo", 0o640)
    special(top / "socket", "socket")
    with open(top / "sparse", "wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
        file.truncate(96 << 20)
    os.chown(top / "below", 90, 91)
    (top / "below").chmod(0o1777)
    for number, path in enumerate(sorted(top.rglob("*")) + [top]):
        os.utime(path, ns=(10 ** 18 + number, 10 ** 18 - number), follow_symlinks=False)


def description(top):
    """The metadata of all files of a tree, except access times."""
    numbers = {}
    found = {}
    for path in sorted(top.rglob("*")) + [top]:
        status = path.lstat()
        found[str(path.relative_to(top))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns,
            status.st_nlink if not path.is_dir() or path.is_symlink() else 0,
            numbers.setdefault(status.st_ino, len(numbers)),
            {name: os.getxattr(path, name) for name in os.listxattr(path)
             if name.startswith("user.")} if path.is_file() and not path.is_symlink() else {},
            os.readlink(path) if path.is_symlink() else "",
            status.st_size if path.is_file() else 0)
    return found


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_an_archive_there_and_back(cli, machine_file, workspace, closed, state):
    """Owners, times, modes, links, hard links, attributes and holes."""
    name = f"archive-{os.getpid()}"
    machine_file(name, command=["sleep", "600"], upper="persistent", stop={"timeout": "100ms"})
    top = closed / "tree"
    make_archive(top)
    before, file_times = description(top), times(top / "file")
    try:
        cli("start", name).check()
        if state == "stopped":
            cli("stop", name).check()
        cli("copy-to", "-a", name, top, "/root").check()
        if state == "running":
            shown = inside(cli, name, "cd /root/tree; stat -c '%u %g %a %h' file below link; "
                                      "stat -c %b sparse")
            assert shown.splitlines()[:3] == ["12 34 4751 2", "90 91 1777 2", "56 78 777 2"]
            assert int(shown.splitlines()[3]) < 2048
        cli("copy-from", "--archive", name, "/root/tree", closed / "back").check()
        assert description(closed / "back") == before
        assert times(closed / "back" / "file") == file_times
        assert (closed / "back" / "sparse").stat().st_blocks < 2048
        assert (closed / "back" / "sparse").read_bytes() == (top / "sparse").read_bytes()
        # Also over existing files.
        for fifo in (closed / "back" / "fifo", closed / "back" / "socket"):
            fifo.unlink()
        cli("copy-from", "-a", name, "/root/tree/below", closed / "back").check()
    finally:
        cli("delete", "--force", name).check()


def test_programs_with_rights_come_out_to_root_alone(cli, machine, workspace, closed):
    """Set-user-ID programs of a machine are not copied where users of the host could execute
    them."""
    inside(cli, machine, "cp /bin/busybox /tmp/s; chmod 4755 /tmp/s; chown 0:0 /tmp/s; "
                         "chmod 4755 /tmp/s")
    failed = cli("copy-from", "-a", machine, "/tmp/s", workspace / "s").check(1).stderr
    assert "set-user-ID" in failed and "--archive" in failed
    assert not (workspace / "s").exists() and not list(workspace.glob(".machinectl-lite*"))
    cli("copy-from", "-a", machine, "/tmp/s", closed / "s").check()
    assert (closed / "s").stat().st_mode & 0o7777 == 0o4755


def test_an_owner_that_the_machine_does_not_have(cli, machine, workspace):
    (workspace / "a").write_text("a")
    os.chown(workspace / "a", 3_000_000_000, 0)
    failed = cli("copy-to", "-a", machine, workspace / "a", "/tmp/a").check(1).stderr
    assert "3000000000" in failed and "without --archive" in failed
    assert inside(cli, machine, "ls -A /tmp") == ""


def test_no_device_comes_out(cli, machine, closed):
    assert "neither" in cli("copy-from", "-a", machine, "/dev/null", closed / "n").check(1).stderr


# ---- machines that do not run ----

@pytest.fixture
def stopped(cli, machine_file):
    """stopped(keys) is the name of a machine that has run and written /written."""
    name = f"stopped-{os.getpid()}"

    def make(**keys):
        machine_file(name, command=["sh", "-c", "echo kept > /written"], **keys)
        cli("run", name).check()
        return name

    yield make
    cli("delete", "--force", name)


def record(cli, name):
    """The machine's record."""
    return json.loads(cli("show", name).check().stdout)


def test_to_and_from_a_stopped_machine(cli, stopped, workspace):
    """Copies are in its writable layer, and visible to the next start."""
    name = stopped(upper="persistent")
    cli("copy-from", name, "/written", workspace / "w").check()
    assert (workspace / "w").read_text() == "kept\n"
    cli("copy-to", name, workspace / "w", "/etc/copied").check()
    assert cli("run", name, "--", "sh", "-c",
               "stat -c %u /etc/copied; cat /etc/copied").check().stdout == "0\nkept\n"


def test_in_place(cli, stopped, workspace, own_root):
    name = stopped(rootfs=own_root)
    cli("copy-from", name, "/written", workspace / "w").check()
    cli("copy-to", name, workspace / "w", "/etc/copied").check()
    assert (own_root / "etc" / "copied").read_text() == "kept\n"


def test_a_copy_out_of_a_stopped_machine_leaves_it_as_it_was(cli, machine_file, workspace):
    """Record, lock, control group, writable layer."""
    name = f"asis-{os.getpid()}"
    machine_file(name, command=["sh", "-c", "exit 3"], upper="persistent")
    try:
        cli("start", name)
        wait_for(lambda: record(cli, name)["state"] == "failed", what="the end")
        before = record(cli, name), sorted(Path(cli.state).rglob("*")), Path("/proc/mounts").read_text()
        cli("copy-from", name, "/etc/passwd", workspace / "p").check()
        assert before == (record(cli, name), sorted(Path(cli.state).rglob("*")),
                          Path("/proc/mounts").read_text())
    finally:
        cli("delete", "--force", name).check()


def test_one_that_never_ran(cli, machine_file, workspace):
    """It is read from its layers, and leaves nothing; it has nowhere to write to until create."""
    name = f"never-{os.getpid()}"
    machine_file(name, command=["true"], upper="persistent")
    (workspace / "a").write_text("a\n")
    cli("copy-from", name, "/etc/passwd", workspace / "p").check()
    assert (workspace / "p").read_text().startswith("root:")
    assert not list(Path(cli.runtime, "machines").iterdir())
    assert not Path(cli.state, "machines", name).exists()
    failed = cli("copy-to", name, workspace / "a", "/etc/a").check(1).stderr
    assert "never run" in failed and "create" in failed
    cli("create", name).check()
    cli("copy-to", name, workspace / "a", "/etc/a").check()
    assert cli("run", name, "--", "cat", "/etc/a").check().stdout == "a\n"
    cli("delete", name).check()


@pytest.mark.parametrize("keys, reason", [({"upper": "volatile"}, "volatile"),
                                          ({"upper": "none"}, "none"),
                                          ({"upper": "persistent", "read_only": True},
                                           "read-only")])
def test_a_copy_that_would_be_lost_is_refused(cli, machine_file, workspace, keys, reason):
    name = f"lost-{os.getpid()}"
    machine_file(name, command=["true"], **keys)
    (workspace / "a").write_text("a\n")
    cli("run", name).check()
    failed = cli("copy-to", name, workspace / "a", "/etc/a").check(1).stderr
    assert reason in failed and name in failed
    cli("copy-from", name, "/etc/passwd", workspace / "p").check()
    cli("delete", name)


def test_mounts_are_there(cli, machine_file, workspace, closed):
    """Mounts from the host are included; temporary file systems are not written to."""
    name = f"mounts-{os.getpid()}"
    (closed / "data").mkdir()
    machine_file(name, command=["true"], upper="persistent",
                 mounts=[{"type": "bind", "source": closed / "data", "target": "/data"},
                         {"type": "tmpfs", "target": "/scratch"}])
    (workspace / "a").write_text("a\n")
    cli("run", name).check()
    cli("copy-to", name, workspace / "a", "/data").check()
    assert (closed / "data" / "a").read_text() == "a\n"
    cli("copy-from", name, "/data/a", workspace / "back").check()
    assert "Read-only" in cli("copy-to", name, workspace / "a", "/scratch/a").check(1).stderr
    cli("delete", name).check()


def test_links_of_a_stopped_machine_stay_in_it(cli, stopped, workspace):
    name = stopped(upper="persistent")
    (workspace / "secret").write_text("of the host\n")
    cli("run", name, "--", "sh", "-c",
        f"ln -s {workspace} /out; ln -s {'../' * 30}{workspace} /up").check()
    for link in ("/out", "/up"):
        cli("copy-from", name, f"{link}/secret", workspace / "stolen").check(1)
        cli("copy-to", name, workspace / "secret", f"{link}/a").check(1)
    assert not (workspace / "stolen").exists() and not (workspace / "a").exists()


def test_a_start_waits_for_the_copy(cli, stopped, workspace):
    """It and the copy do not have the root at one time."""
    name = stopped(upper="persistent")
    (workspace / "big").mkdir()
    with open(workspace / "big" / "zeros", "wb") as file:
        file.write(bytes(300 << 20))
    copying = cli.start("copy-to", name, workspace / "big", "/")
    wait_for(lambda: list(Path(cli.state).rglob("big")), what="the copy's begin")
    shown = cli("run", name, "--", "stat", "-c", "%s", "/big/zeros").check().stdout
    copying.wait().check()
    assert shown == f"{300 << 20}\n"


def test_a_volume_of_a_stopped_machine(cli, workspace):
    """The image's volumes contain the machine's data."""
    image = images.Image(images.layer(*images.base_members(), images.member("data/first", b"1\n")),
                         config={"Cmd": ["/bin/sh", "-c", "echo 2 > /data/second"],
                                 "Volumes": {"/data": {}}, "Env": ["PATH=/bin"]})
    images.define(cli, "vol", image=images.load(cli, image), upper="persistent")
    cli("run", "vol").check()
    cli("copy-from", "vol", "/data", workspace / "data").check()
    assert {path.name for path in (workspace / "data").iterdir()} == {"first", "second"}
    cli("copy-to", "vol", workspace / "data" / "first", "/data/third").check()
    assert cli("run", "vol", "--", "cat", "/data/third").check().stdout == "1\n"
    cli("delete", "vol").check()
