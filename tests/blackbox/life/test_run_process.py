# SPDX-License-Identifier: LGPL-2.1-or-later
"""The payload's environment, working directory, user and limits."""

import json
import os
import sys

import pytest


def lines(result):
    """The output's lines."""
    return result.check().stdout.splitlines()


def test_environment_of_every_payload(cli, machine_file):
    """What a payload may count on, and nothing of the caller's."""
    found = dict(line.split("=", 1) for line in lines(
        cli("run", machine_file(command=["env"]), env={"SECRET_OF_THE_HOST": "1"})))
    assert found["container"] == "machinectl-lite"
    assert found["HOME"] == "/root"
    assert found["USER"] == found["LOGNAME"] == "root"
    assert "/usr/bin" in found["PATH"].split(":")
    assert "container_uuid" in found
    assert "SECRET_OF_THE_HOST" not in found
    assert "LANG" not in found
    assert not [key for key in found if key.startswith("MACHINECTL_LITE")]


def test_environment_merges(cli, machine_file):
    """Later entries win; values may be empty or contain "="."""
    found = lines(cli("run", machine_file(
        command=["env"], environment=["A=1", "B=", "C=x=y", "A=2", "PATH=/bin", "HOME=/tmp"])))
    for entry in ("A=2", "B=", "C=x=y", "PATH=/bin", "HOME=/tmp"):
        assert entry in found
    assert "A=1" not in found


def test_environment_files(cli, machine_file, workspace):
    """Files come first, the definition's entries after them; comments and blank lines count not."""
    (workspace / "env").write_text("# comment\n\nA=file\nB=file\n")
    found = lines(cli("run", machine_file(
        command=["env"], environment_files=[workspace / "env"], environment=["B=definition"])))
    assert "A=file" in found and "B=definition" in found
    assert not [line for line in found if "comment" in line]


def test_environment_files_of_other_editors(cli, machine_file, workspace):
    """A byte order mark and carriage returns are no part of a name or a value."""
    (workspace / "env").write_bytes(b"\xef\xbb\xbfA=file\r\n\r\n# comment\r\nB=two\rparts\r\nC=\r\nD=end")
    machine_file("test", command=["/bin/sh", "-c", 'printf "%s|" "$A" "$B" "$C" "$D" "${C-unset}"'],
                 environment_files=[workspace / "env"])
    assert cli("run", "test").check().stdout == "file|two\rparts||end||"
    assert not [line for line in lines(cli("run", "test", "--", "env")) if "\ufeff" in line]


def test_environment_without_a_limit(cli, machine_file):
    """Thousands of entries, and one of 100 kB."""
    environment = [f"VARIABLE_{number}={number}" for number in range(5000)]
    found = lines(cli("run", machine_file(command=["env"],
                                          environment=environment + ["BIG=" + "x" * 100_000])))
    assert len([line for line in found if line.startswith("VARIABLE_")]) == 5000
    assert "BIG=" + "x" * 100_000 in found


def test_environment_of_the_command_line(cli, machine_file):
    """--env overrides the definition."""
    found = lines(cli("run", "--env", "A=2", machine_file(
        command=["env"], environment=["A=1", "B=1"])))
    assert "A=2" in found and "B=1" in found


def test_working_directory(cli, machine_file):
    """The requested directory, or else the user's home."""
    assert lines(cli("run", machine_file(command=["pwd"], working_directory="/var/www"))) == [
        "/var/www"]
    assert lines(cli("run", machine_file(command=["pwd"]))) in (["/root"], ["/"])


@pytest.mark.parametrize("path", ["/missing", "/bin/busybox"])
def test_working_directory_that_is_none(cli, machine_file, path):
    """A missing directory, or a file, is an error that names it."""
    result = cli("run", machine_file(command=["true"], working_directory=path)).check(125)
    assert path in result.stderr


def test_program_is_looked_up_in_the_root(cli, machine_file, own_root):
    """A bare name is searched in the machine's PATH, in order, in the machine's root."""
    for directory, word in (("opt", "first"), ("usr/bin", "second")):
        (own_root / directory).mkdir(exist_ok=True)
        program = own_root / directory / "only-here"
        program.write_text(f"#!/bin/sh\necho {word}\n")
        program.chmod(0o755)
    path = machine_file(rootfs=own_root, command=["only-here"],
                        environment=["PATH=/missing:/opt:/usr/bin:/bin"])
    assert lines(cli("run", path)) == ["first"]


@pytest.mark.parametrize("user, expected", [
    ("alice", "1000 1000 1000"), ("1000", "1000 1000 1000"), ("1000:33", "1000 33 33"),
    ("alice:www-data", "1000 33 33"), ("4242:4243", "4242 4243 4243"), ("0", "0 0 0")])
def test_users(cli, machine_file, user, expected):
    """By name or number, from the root's own files."""
    found = lines(cli("run", machine_file(
        user=user, command=["sh", "-c", "echo $(id -u) $(id -g) $(id -G)"])))
    uid_gid = found[0].split()[:2]
    assert uid_gid == expected.split()[:2]
    assert expected.split()[2] in found[0].split()[2:]


def test_groups_of_a_named_user(cli, machine_file):
    """A named user has the supplementary groups of the root's /etc/group."""
    found = lines(cli("run", machine_file(user="alice", command=["id", "-G"])))
    assert set(found[0].split()) == {"1000", "50"}


def test_groups(cli, machine_file):
    """By name or number, beside those of the user; not twice."""
    for user, groups, expected in [
            (None, ["www-data", "4242"], [0, 33, 4242]), ("alice", ["33", "1500"],
                                                         [33, 50, 1000, 1500]),
            ("4242:4243", ["root", "staff", "50"], [0, 50, 4243]), ("alice", ["alice"],
                                                                    [50, 1000])]:
        keys = {"groups": groups, **({"user": user} if user else {})}
        found = lines(cli("run", machine_file(command=["id", "-G"], **keys)))
        # Of root, the root's own /etc/group may say more.
        assert set(map(int, found[0].split())) >= set(expected), (user, groups)
        assert len(found[0].split()) == len(set(found[0].split()))


@pytest.mark.parametrize(("group", "words"), [
    ("nosuch", 'the machine has no group "nosuch"'), ("70000", "supplementary group 70000 is not")])
def test_groups_that_are_none(cli, machine_file, group, words):
    """The program does not start without a group that it needs."""
    result = cli("run", machine_file(groups=[group], command=["id"])).check(125)
    assert words in result.stderr and not result.stdout


@pytest.mark.parametrize("group", ["a:b", "", "-1", "+video", "a b", "4294967295"])
def test_groups_that_no_machine_has(cli, machine_file, group):
    assert "names and numbers of groups" in \
        cli("check", machine_file(groups=[group], command=["id"])).check(65).stderr


def test_names_of_groups_are_those_of_the_root(cli, machine_file, own_root, workspace):
    """Not of a file that a link of the root leads to on the host."""
    (workspace / "group").write_text("outside:x:777:\n")
    (own_root / "etc/group").unlink()
    (own_root / "etc/group").symlink_to(workspace / "group")
    path = machine_file(rootfs=own_root, upper="volatile", groups=["outside"], command=["id"])
    assert 'the machine has no group "outside"' in cli("run", path).check(125).stderr


def test_groups_in_the_machine_of_a_user(user, busybox_root):
    """They are those of his machine; a machine with his id alone has no other."""
    root = user.copy_root(busybox_root)
    path = user.define("groups", overlay=[root], command=["id", "-G"], groups=["www-data", "1500"])
    assert {"33", "1500"} <= set(user("run", path).check().stdout.split())
    path = user.define("alone", overlay=[root], command=["id", "-G"], groups=["33"],
                       user_namespace="self")
    assert '"groups" needs more ids than user_namespace = "self" gives' in \
        user("run", path).stderr


def test_groups_of_programs_that_join(cli, machine_file, request):
    """A program has those of the machine, and one of another user those of this user alone."""
    name = f"groups-{os.getpid()}"
    machine_file(name, command=["sleep", "600"], groups=["1500"], stop={"timeout": "100ms"})
    cli("start", name).check()
    request.addfinalizer(lambda: cli("delete", "--force", name))
    assert "1500" in cli("exec", name, "id", "-G").check().stdout.split()
    assert "1500" not in cli("exec", "--user", "alice", name, "id", "-G").check().stdout.split()


@pytest.mark.parametrize("user", ["mallory", "1000:nosuch", "+1", "-1", "1000:", "4294967295",
                                  "99999999999", ""])
def test_users_that_are_none(cli, machine_file, user):
    """An unknown or malformed user is refused, never root in secret."""
    result = cli("run", machine_file(user=user, command=["id", "-u"]))
    assert result.status in (65, 125), result
    assert result.stdout == ""


def test_umask_and_signals_are_the_usual(cli, machine_file):
    """No blocked or ignored signal and no strange umask is inherited from the caller; nor one of the
    signals that a C library may keep to itself."""
    strange = [sys.executable, "-c", "import os, signal, sys\n"
               "for number in (signal.SIGHUP, signal.SIGUSR1, 34, 35, 64):\n"
               "    signal.signal(number, signal.SIG_IGN)\n"
               "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, 34, 64])\n"
               "os.umask(0)\n"
               "os.execvp(sys.argv[1], sys.argv[1:])"]
    status = lines(cli("run", machine_file(command=["cat", "/proc/self/status"]), wrapper=strange))
    assert "SigBlk:\t0000000000000000" in status
    assert "SigIgn:\t0000000000000000" in status
    assert "Umask:\t0022" in status


def test_caller_that_ignores_its_children(cli, machine_file):
    """This program needs the exit status even if its caller ignores SIGCHLD."""
    deaf = [sys.executable, "-c", "import os, signal, sys\n"
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "os.execvp(sys.argv[1], sys.argv[1:])"]
    cli("run", machine_file(command=["sh", "-c", "exit 7"]), wrapper=deaf, timeout=20).check(7)
    path = machine_file("deaf", command=["sleep", "600"])
    cli("start", path, wrapper=deaf, timeout=20).check()
    cli("exec", "deaf", "sh", "-c", "exit 9", wrapper=deaf, timeout=20).check(9)
    cli("stop", "deaf", "--now", wrapper=deaf, timeout=20).check()


def test_descriptors_are_closed(cli, machine_file):
    """Whatever the caller has open, the payload has 0, 1 and 2."""
    path = machine_file(command=["sh", "-c", "ls /proc/$$/fd; true"])
    command = ["bash", "-c", "for n in {3..50}; do eval \"exec $n</\"; done; exec \"$@\"", "sh"]
    assert lines(cli("run", path, wrapper=command)) == ["0", "1", "2"]


def test_resource_limits(cli, machine_file):
    """Limits of setrlimit(2), as "soft:hard"."""
    found = lines(cli("run", machine_file(
        limits={"open_files": "100:200", "core": "0", "stack": "4M:8M"},
        command=["cat", "/proc/self/limits"])))
    table = {line[:26].strip(): line[26:].split()[:2] for line in found}
    assert table["Max open files"] == ["100", "200"]
    assert table["Max core file size"] == ["0", "0"]
    assert table["Max stack size"] == [str(4 << 20), str(8 << 20)]


def test_nice_and_oom_score(cli, machine_file):
    """Priority and the score for the out-of-memory killer."""
    script = "cat /proc/self/oom_score_adj; cut -d' ' -f19 /proc/self/stat"
    found = lines(cli("run", machine_file(limits={"nice": 7, "oom_score_adjust": 333},
                                          command=["sh", "-c", script])))
    assert found == ["333", "7"]


def test_time_zone_and_host_name(cli, machine_file):
    """hostname and its line in /etc/hosts."""
    found = lines(cli("run", machine_file(hostname="alpha", command=[
        "sh", "-c", "hostname; grep -c -w alpha /etc/hosts; grep -w localhost /etc/hosts"])))
    assert found[0] == "alpha" and int(found[1]) >= 1 and "127.0.0.1" in found[2]


def test_ephemeral(cli, machine_file, own_root):
    """--ephemeral keeps nothing, also of a machine that writes into its own root."""
    path = machine_file(rootfs=own_root, command=["sh", "-c", "echo x > /etc/new && cat /etc/new"])
    assert lines(cli("run", "--ephemeral", path)) == ["x"]
    assert not (own_root / "etc/new").exists()
    assert lines(cli("run", path)) == ["x"]
    assert (own_root / "etc/new").read_text() == "x\n"


def test_dry_run(cli, machine_file, host_state):
    """--dry-run prints the steps and does nothing."""
    path = machine_file(command=["touch", "/never"])
    with host_state.unchanged():
        result = cli("run", "--dry-run", path).check()
    assert len(result.stdout.splitlines()) >= 5, result
    steps = json.loads(cli("run", "--dry-run", "--json=short", path).check().stdout)
    assert [step["step"] for step in steps] == [
        line.removeprefix("  in the machine: ") for line in result.stdout.splitlines()]
    assert {step["in_machine"] for step in steps} == {True, False}


@pytest.mark.needs("program:nft", "program:ip")
def test_without_a_name_nothing_is_kept(host, cli, own_root):
    """Neither the addresses nor the writable layer of a machine with a generated name."""
    overlay = f'overlay = [ "{own_root}" ]; command = [ "touch", "/written" ];'
    host.command("run", "--rootfs", own_root, "--set", "network.mode=bridge", "--",
                 "true").check()
    host.command("run", "-", input=overlay).check()
    networks = json.loads(host.command("network", "list", "--json=short").check().stdout)
    assert not [machine for network in networks for machine in network["machines"]]
    assert not list(cli.state.glob("machines/*"))
    host.command("run", "--name", "kept", "-", input=overlay).check()
    assert (cli.state / "machines/kept/upper/written").exists()


def test_working_directory_that_was_removed(cli, machine_file, workspace, busybox_root):
    """The caller's working directory does not affect a machine given by absolute paths."""
    gone = workspace / "gone"
    script = f'mkdir {gone}; cd {gone}; rmdir {gone}; exec "$@"'
    wrapper = ["sh", "-c", script, "sh"]
    options = ["--rootfs", busybox_root, "--ephemeral", "--set", "network.mode=none"]
    result = cli("run", *options, "--", "echo", "x", wrapper=wrapper).check()
    assert result.stdout == "x\n"
    result = cli("run", "--rootfs", "root", "--", "true", wrapper=wrapper).check(125)
    assert 'root" does not exist' in result.stderr


def test_debug(cli, machine_file):
    """--debug prints each step with its time on standard error."""
    result = cli("run", "--debug", machine_file(command=["echo", "x"])).check()
    assert result.stdout == "x\n"
    assert result.stderr.count(" ms] ") >= 5, result
