# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files in and out of a running machine, also of one that would like to reach the host by it."""

import os

import pytest

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


def test_a_failure_tells_what_was_to_go_where(cli, machine, workspace):
    (workspace / "a").write_text("a")
    failed = cli("copy-to", machine, workspace / "a", "/nodir/b").check(1).stderr
    for words in (f'"{workspace}/a"', "into", f'"{machine}"', '"/nodir/b"', "No such file"):
        assert words in failed
    failed = cli("copy-from", machine, "/nosuch", workspace / "b").check(1).stderr
    assert '"/nosuch" out of machine' in failed and f'"{workspace}/b"' in failed
