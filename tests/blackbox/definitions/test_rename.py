# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs `rename` and `clone`."""

import json
import os
import stat

import pytest

import harness

# System calls that change files, at each of which a SIGKILL must leave all or nothing.
CHANGES = "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"


@pytest.fixture
def web(cli, machine_file, busybox_root):
    """A stopped machine with a writable layer and a log."""
    path = machine_file("web", overlay=[busybox_root], hostname="www",
                        command=["sh", "-c", "echo said; test -e /kept || echo first >/kept; "
                                             "hostname; exec sleep 1000"])
    (cli.config / "web.machine.d").mkdir()
    (cli.config / "web.machine.d" / "local.machine").write_text("working_directory = \"/tmp\";\n")
    cli("start", "web").check()
    harness.wait_for(lambda: "www" in cli("logs", "web").stdout, 10, "the log")
    cli("stop", "--now", "web").check()
    return path


def places(cli, name):
    """Which of a machine's files exist."""
    return {
        "definition": (cli.config / f"{name}.machine").exists(),
        "drop-ins": (cli.config / f"{name}.machine.d").exists(),
        "layer": (cli.state / "machines" / name / "upper" / "kept").exists(),
        "log": (cli.log / f"{name}.log").exists(),
        "record": (cli.runtime / "machines" / f"{name}.json").exists(),
    }


def rest(cli):
    """What a command may leave only while it runs."""
    return [path for directory in (cli.state, cli.state / "machines", cli.config)
            for path in directory.iterdir()
            if path.name.startswith(".") or path.name == "moves.json"]


def test_rename(cli, web):
    cli("rename", "web", "new").check()
    assert all(places(cli, "new").values()) and not any(places(cli, "web").values())
    assert rest(cli) == []
    known = json.loads(cli("list", "--all", "--json=short").check().stdout)
    assert [(one["name"], one["state"]) for one in known] == [("new", "stopped")]
    assert known[0]["definition"] == str(cli.config / "new.machine")
    assert "said" in cli("logs", "new").check().stdout
    cli("start", "new").check()
    assert cli("exec", "new", "cat", "/kept").check().stdout == "first\n"
    assert "/tmp" in cli("config", "show", "new").check().stdout
    refused = cli("rename", "new", "again").check(1)
    assert 'machine "new" is running' in refused.stderr and "stop new" in refused.stderr
    cli("stop", "--now", "new").check()
    assert cli("status", "web").status == 4
    cli("delete", "new").check()
    assert list((cli.runtime / "machines").iterdir()) == []


def test_rename_of_a_machine_that_never_ran(cli, machine_file):
    machine_file("web", command=["true"])
    cli("rename", "web", "new").check()
    assert (cli.config / "new.machine").exists() and not (cli.config / "web.machine").exists()
    cli("rename", cli.config / "new.machine", "newer").check()
    cli("run", "newer").check()
    assert cli("rename", "web", "other").status == 66


def test_rename_keeps_the_address(host, cli, machine_file):
    machine_file("web", command=["sleep", "1000"], network={"mode": "bridge"})
    host.command("start", "web").check()
    before = json.loads(host.command("show", "web", "--json=short").stdout)["address"]
    host.command("stop", "--now", "web").check()
    host.command("rename", "web", "new").check()
    host.command("start", "new").check()
    assert json.loads(host.command("show", "new", "--json=short").stdout)["address"] == before
    host.command("stop", "--now", "new").check()


def test_names_that_clash(cli, web, machine_file, workspace):
    machine_file("other", command=["true"], requires=["web"])
    for verb in "rename", "clone":
        taken = cli(verb, "web", "other").check(1)
        assert str(cli.config / "other.machine") in taken.stderr or "requires" in taken.stderr
        for wrong in "a b", "x.machine", "-x", "a@b", "":
            assert cli(verb, "--", "web", wrong).status == 64, wrong
        assert cli(verb, "web", "web").status == 64
        assert cli(verb, "absent", "new").status == 66
        cli(verb, "web").check(64)
    named = cli("rename", "web", "new").check(1)
    assert "named in the definitions of: other" in named.stderr
    (cli.config / "other.machine").unlink()
    (cli.state / "machines" / "new").mkdir()
    assert 'there is a machine "new" already' in cli("rename", "web", "new").check(1).stderr
    (cli.state / "machines" / "new").rmdir()
    (cli.log / "new.log").write_text("")
    assert "new.log exists" in cli("rename", "web", "new").check(1).stderr
    assert all(places(cli, "web").values())


def test_what_has_no_definition_of_its_own(cli, machine_file, busybox_root):
    (cli.config / "web@.machine").write_text(harness.definition(
        overlay=[busybox_root], command=["true"], network={"mode": "none"}))
    cli("run", "web@blue").check()
    (cli.config / "shop.pod").write_text("")
    for verb in "rename", "clone":
        assert "has no definition of its own" in cli(verb, "web@blue", "new").check(1).stderr
        assert "is a pod" in cli(verb, cli.config / "shop.pod", "new").check(1).stderr


def test_a_failure_changes_nothing(cli, web):
    before = places(cli, "web")
    # The layer's directory cannot be moved on to a file that appears too late to be found before.
    done = cli("rename", "web", "new", wrapper=[
        "strace", "-f", "-o", "/dev/null", "-e", "inject=renameat2:error=EIO:when=3"])
    assert done.status == 1 and "Input/output error" in done.stderr
    assert places(cli, "web") == before and not any(places(cli, "new").values())
    assert rest(cli) == []


@pytest.mark.needs("program:strace")
@pytest.mark.parametrize("verb", ["rename", "clone"])
def test_a_kill_leaves_all_or_nothing(cli, web, verb):
    """SIGKILL at every change of a file; the next command finishes what was begun."""
    source, number = "web", 0
    while True:
        number += 1
        target = f"new{number}"
        done = cli(verb, source, target, wrapper=[
            "strace", "-o", "/dev/null", "-e", f"inject={CHANGES}:signal=SIGKILL:when={number}"])
        # It is the next command that sees the result, whatever it does.
        cli("list")
        assert [path for path in rest(cli) if path.name == "moves.json"] == []
        old, new = places(cli, source), places(cli, target)
        if verb == "rename":
            assert (all(old.values()), any(new.values())) in [(True, False), (False, True)] \
                and (all(new.values()) or not any(new.values())), (number, old, new)
            source = target if all(new.values()) else source
        else:
            assert all(old.values())
            assert new["definition"] == new["layer"], (number, new)
        if done.status == 0:
            break
        assert number < 200
    assert number > 4
    cli("start", target).check()
    assert cli("exec", target, "cat", "/kept").check().stdout == "first\n"
    cli("stop", "--now", target).check()
    if verb == "clone":
        cli("clone", "web", "last").check()
        assert rest(cli) == [] or all(".new" in path.name for path in rest(cli))


def test_clone(cli, web):
    (cli.state / "machines" / "web" / "upper" / "link").symlink_to("/kept")
    os.link(cli.state / "machines/web/upper/kept", cli.state / "machines/web/upper/hard")
    os.setxattr(cli.state / "machines/web/upper/kept", "user.mark", b"here")
    os.utime(cli.state / "machines/web/upper/kept", (1, 1_000_000))
    done = cli("clone", "web", "two", "--set", 'description="the second"').check()
    assert "left out" in done.stderr and "hostname" in done.stderr
    upper = cli.state / "machines" / "two" / "upper"
    assert os.readlink(upper / "link") == "/kept"
    assert (upper / "kept").stat().st_ino == (upper / "hard").stat().st_ino
    assert (upper / "kept").stat().st_ino != (
        cli.state / "machines/web/upper/kept").stat().st_ino
    assert os.getxattr(upper / "kept", "user.mark") == b"here"
    assert (upper / "kept").stat().st_mtime == 1_000_000
    assert rest(cli) == []
    cli("check").check()
    cli("start", "web", "two").check()
    assert cli("exec", "two", "hostname").check().stdout == "two\n"
    assert cli("exec", "two", "cat", "/kept").check().stdout == "first\n"
    cli("exec", "two", "sh", "-c", "echo second >/kept").check()
    assert cli("exec", "web", "cat", "/kept").check().stdout == "first\n"
    ids = {cli("exec", name, "cat", "/etc/machine-id").check().stdout for name in ("web", "two")}
    assert len(ids) == 2
    text = (cli.config / "two.machine").read_text()
    assert "the second" in text and "/tmp" in text
    cli("stop", "--now", "web", "two").check()
    cli("delete", "two").check()
    assert places(cli, "web")["layer"]


def test_whiteouts_and_devices_of_a_clone(cli, web, busybox_root):
    cli("start", "web").check()
    cli("exec", "web", "sh", "-c", "rm /etc/passwd; rm -r /home; mkdir /home; mkfifo /pipe; "
                                   "truncate -s 10M /hole").check()
    cli("stop", "--now", "web").check()
    cli("clone", "web", "two").check()
    cli("start", "two").check()
    shown = cli("exec", "two", "sh", "-c", "ls -A /home; test -e /etc/passwd || echo gone; "
                                           "test -p /pipe && echo pipe; du -k /hole").check().stdout
    assert shown.split()[:2] == ["gone", "pipe"] and int(shown.split()[2]) < 100
    cli("stop", "--now", "two").check()
    device = (cli.state / "machines/two/upper/etc/passwd").lstat()
    assert stat.S_ISCHR(device.st_mode) and device.st_rdev == 0


def test_what_a_clone_cannot_share(cli, machine_file, own_root, workspace):
    machine_file("place", rootfs=own_root, command=["true"])
    refused = cli("clone", "place", "two").check(1)
    assert f"writes to {own_root}" in refused.stderr and "--set" in refused.stderr
    cli("clone", "place", "two", "--set", "upper=persistent").check()
    cli("run", "two").check()
    machine_file("web", command=["true"], ports=["8080:80"], network={
        "mode": "bridge", "address": "10.88.0.9", "mac": "02:00:00:00:00:09"})
    left = cli("clone", "web", "three").check().stderr
    assert "ports, network.address, network.mac" in left
    text = (cli.config / "three.machine").read_text()
    assert "8080" not in text and "10.88" not in text and "02:00" not in text
    left = cli("clone", "web", "four", "--port", "8081:80",
               "--set", "network.address=10.88.0.10").check().stderr
    assert left.count("network.mac") == 1 and "ports" not in left
    text = (cli.config / "four.machine").read_text()
    assert "8081" in text and "10.88.0.10" in text


def test_a_user(user, busybox_root):
    user.define("web", overlay=[user.copy_root(busybox_root)], hostname="www", command=[
        "sh", "-c", "test -e /kept || { echo first >/kept; chown 12:13 /kept; rm /etc/passwd; }; "
                    "echo up; exec sleep 1000"])
    user("start", "web").check()
    harness.wait_for(lambda: "up" in user("logs", "web").stdout, 10, "the log")
    user("stop", "--now", "web").check()
    user("rename", "web", "new").check()
    user("clone", "new", "two").check()
    first, second = ((user.state / "machines" / name / "upper/kept").stat()
                     for name in ("new", "two"))
    assert (first.st_uid, first.st_gid) == (second.st_uid, second.st_gid) != (12, 13)
    assert (user.config / "two.machine").stat().st_uid == user.uid
    user("start", "new", "two").check()
    for name in "new", "two":
        told = user("exec", name, "sh", "-c", "stat -c %u:%g /kept; ls /etc/passwd 2>&1").stdout
        assert told.startswith("12:13\n") and "No such file" in told
    user("stop", "--now", "new", "two").check()
