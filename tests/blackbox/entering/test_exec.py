# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs executed in a running machine."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")
OWNERS = pytest.mark.owners("root", "user")


@pytest.fixture
def machine(cli, machine_file):
    """The name of a machine that runs during the test."""
    name = f"exec-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], environment=["COLOUR=blue"],
                              stop={"timeout": "100ms"})).check()
    yield name
    cli("delete", "--force", name).check()


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_the_exit_status_is_the_programs(cli, machine, status):
    cli("exec", machine, "sh", "-c", f"exit {status}").check(status)


def test_death_by_a_signal(cli, machine):
    cli("exec", machine, "sh", "-c", "kill -TERM $$").check(143)


def test_not_found_and_not_executable(cli, machine):
    assert "nosuch" in cli("exec", machine, "nosuch").check(127).stderr
    assert "no execute bit" in cli("exec", machine, "/etc/passwd").check(126).stderr


def test_a_machine_that_does_not_run(cli, machine):
    cli("exec", "no-such-machine", "true").check(125)


def test_a_paused_machine(cli, machine):
    cli("pause", machine).check()
    failed = cli("exec", machine, "true").check(125)
    assert "is paused" in failed.stderr and f"resume {machine}" in failed.stderr
    assert failed.seconds < 5
    cli("resume", machine).check()
    cli("exec", machine, "true").check()


@OWNERS
def test_it_is_in_the_machine(cli, machine):
    kinds = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
    seen = cli("exec", machine, "sh", "-c",
               "for n in " + " ".join(kinds) + "; do readlink /proc/self/ns/$n; done").check()
    init = json.loads(cli("show", machine).stdout)["init"]["pid"]
    assert seen.stdout.split() == [os.readlink(f"/proc/{init}/ns/{kind}") for kind in kinds]


@OWNERS
def test_capabilities_and_filter_are_the_payloads(cli, machine):
    fields = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp:")

    def seen(text):
        return [line.split() for line in text.splitlines() if line.startswith(fields)]

    payload = cli("exec", machine, "cat", "/proc/2/status").check().stdout
    joined = cli("exec", machine, "cat", "/proc/self/status").check().stdout
    assert seen(payload) == seen(joined) and len(seen(joined)) == len(fields)


@OWNERS
def test_inheritable_set_is_empty(cli, machine):
    status = cli("exec", machine, "grep", "CapInh", "/proc/self/status").check().stdout
    assert int(status.split()[1], 16) == 0


@OWNERS
def test_privileged_has_all_and_no_filter(cli, machine):
    status = cli("exec", "--privileged", machine, "cat", "/proc/self/status").check().stdout
    values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert values["CapEff"].split() == values["CapBnd"].split()
    assert bin(int(values["CapEff"], 16)).count("1") > 35
    assert values["Seccomp"].strip() == "0"


def test_environment_is_the_payloads_and_can_be_added_to(cli, machine):
    run = cli("exec", "-e", "SHAPE=round", "-e", "COLOUR=red", machine, "env").check().stdout
    assert "SHAPE=round\n" in run and "COLOUR=red\n" in run and "COLOUR=blue" not in run
    assert "container=machinectl-lite\n" in run


def test_user_and_directory(cli, machine):
    run = cli("exec", "-u", "alice", machine, "sh", "-c", "id -u; pwd; echo $HOME").check().stdout
    assert run.split() == ["1000", "/home/alice", "/home/alice"]
    assert cli("exec", "-u", "33:33", "-w", "/tmp", machine, "pwd").check().stdout == "/tmp\n"
    caps = cli("exec", "-u", "alice", machine, "grep", "CapEff", "/proc/self/status").stdout
    assert int(caps.split()[1], 16) == 0


@OWNERS
@pytest.mark.parametrize("who", ["0", "alice", "33:33"])
def test_the_user_can_open_its_pipes(cli, machine, who):
    """As done by programs that log to /dev/stdout or read /dev/stdin. The pipes are the caller's."""
    run = cli("exec", "-i", "-u", who, machine, "sh", "-c",
              "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr", input="in\n",
              wrapper=["sh", "-c", 'cat | "$@" 2>&1 | cat', "sh"]).check()
    assert run.stdout == "in\nout\nerr\n"


def test_a_file_of_the_caller_keeps_its_owner(cli, machine, workspace):
    with open(workspace / "output", "wb") as output:
        cli("exec", "-u", "alice", machine, "echo", "out", stdout=output).check()
    status = (workspace / "output").stat()
    assert (status.st_uid, status.st_gid, status.st_size) == (0, 0, 4)


@OWNERS
@pytest.mark.parametrize("who", ["1000:", "+1", "-1", "4294967296", "99999999999999999999", "01x",
                                 " 0", "0 ", "nobody-at-all"])
def test_an_invalid_user_never_becomes_root(cli, machine, who):
    failed = cli("exec", "-u", who, machine, "id").check(125)
    assert "uid=0" not in failed.stdout and "error:" in failed.stderr


def test_standard_input_only_when_asked_for(cli, machine):
    assert cli("exec", machine, "cat", input="secret").check().stdout == ""
    assert cli("exec", "-i", machine, "cat", input="text").check().stdout == "text"


def test_output_and_error_stay_apart(cli, machine):
    run = cli("exec", machine, "sh", "-c", "echo out; echo err >&2").check()
    assert (run.stdout, run.stderr) == ("out\n", "err\n")


@OWNERS
def test_a_terminal(cli, machine):
    terminal = cli.terminal("exec", "-t", machine, "sh", "-c", "tty; stty size; exit 5")
    terminal.read_until(r"/dev/pts/\d+")
    terminal.read_until(r"24 80")
    assert terminal.wait() == 5


@OWNERS
def test_no_descriptor_of_the_host_is_inherited(cli, machine):
    read_end, write_end = os.pipe()
    directory = os.open("/etc", os.O_RDONLY)
    try:
        run = cli("exec", machine, "ls", "/proc/self/fd",
                  pass_fds=(read_end, write_end, directory)).check()
    finally:
        for fd in (read_end, write_end, directory):
            os.close(fd)
    # 3 is the directory that ls reads.
    assert run.stdout.split() == ["0", "1", "2", "3"]


@OWNERS
@pytest.mark.parametrize("directory", ["/proc/self/fd/7", "/proc/1/cwd", "/proc/self/root/.."])
def test_working_directory_through_a_magic_link_is_refused(cli, machine, directory):
    fd = os.open("/etc", os.O_RDONLY)
    try:
        run = cli("exec", "-w", directory, machine, "sh", "-c", "ls", pass_fds=(fd,))
    finally:
        os.close(fd)
    assert run.status == 125 or "hosts.allow" not in run.stdout


@OWNERS
def test_own_executable_cannot_be_reached(cli, machine):
    """CVE-2019-5736: the executable of an entering process is not writable for the machine."""
    binary = Path(harness.find_binary())
    before = binary.read_bytes()
    cli("exec", machine, "sh", "-c", "printf '#!/proc/self/exe\\n' > /tmp/evil; chmod +x /tmp/evil")
    cli("exec", machine, "/tmp/evil")
    wrote = cli("exec", machine, "sh", "-c",
                "for p in /proc/[0-9]*/exe; do echo x >> $p && echo written; done")
    assert "written" not in wrote.stdout
    assert binary.read_bytes() == before


@OWNERS
def test_the_session_keyring_is_not_the_hosts(cli, machine):
    listed = cli("exec", machine, "sh", "-c", "cat /proc/keys /proc/self/attr/current 2>&1; true")
    assert "_ses" not in listed.stdout


@OWNERS
def test_a_program_dies_with_the_command_that_started_it(cli, machine):
    running = cli.start("exec", machine, "sleep", "321")
    harness.wait_for(lambda: sleepers(321))
    running.kill()
    harness.wait_for(lambda: not sleepers(321))


def test_a_program_of_another_user_dies_with_the_command(cli, machine):
    running = cli.start("exec", "-u", "alice", machine, "sleep", "322")
    harness.wait_for(lambda: sleepers(322))
    running.kill()
    harness.wait_for(lambda: not sleepers(322))


@pytest.fixture(params=[True, False], ids=["stub", "no-stub"])
def other(cli, machine_file, request):
    """The name of a machine, with and without a PID 1 that reaps orphans."""
    name = f"exec-other-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], init=request.param,
                              stop={"timeout": "100ms"})).check()
    yield name
    cli("delete", "--force", name).check()


def stop_in_time(cli, name):
    """A stop takes little more than the grace period."""
    assert cli("stop", name, timeout=30).check().seconds < 5


@pytest.mark.parametrize("options", [(), ("-t",)], ids=["pipes", "terminal"])
def test_a_suspended_command_does_not_block_a_stop(cli, other, options):
    """Its program is in the machine's pid namespace, which only ends when all its processes are
    reaped."""
    running = cli.terminal("exec", *options, other, "sh", "-c", "echo begun; sleep 323")
    running.read_until("begun")
    os.kill(running.process.pid, signal.SIGSTOP)
    try:
        stop_in_time(cli, other)
    finally:
        os.kill(running.process.pid, signal.SIGCONT)
    assert running.wait() == 137


def test_a_command_suspended_by_its_terminal_does_not_block_a_stop(cli, other):
    """Ctrl-Z stops the whole foreground process group."""
    running = cli.terminal("exec", other, "sh", "-c", "echo begun; exec sleep 324")
    running.read_until("begun")
    # Terminals do not stop the leader of an orphaned process group, but kill(2) does.
    os.killpg(running.process.pid, signal.SIGSTOP)
    try:
        stop_in_time(cli, other)
    finally:
        os.killpg(running.process.pid, signal.SIGCONT)
    assert running.wait() == 137


def test_a_killed_command_without_a_reaper_does_not_block_a_stop(cli, machine):
    """The test run inherits the host's orphans, and does not reap them here."""
    running = cli.start("exec", machine, "sleep", "325")
    harness.wait_for(lambda: sleepers(325))
    running.kill()
    stop_in_time(cli, machine)


def test_a_stopped_companion_does_not_block_a_stop(cli, other):
    """Root of the machine can stop the companion of a program."""
    running = cli.start("exec", other, "sh", "-c",
                        "sleep 0.2; kill -STOP $PPID; echo $PPID")
    companion = int(running.read_until(r"(\d+)\n").group(1))
    assert companion > 1
    assert running.wait().status == 137
    stop_in_time(cli, other)


def test_a_killed_companion_ends_the_program(cli, other):
    killed = cli("exec", other, "sh", "-c", "sleep 0.2; kill -KILL $PPID; sleep 326").check(137)
    assert killed.seconds < 5
    assert not sleepers(326)


@OWNERS
def test_commands_leave_no_process_behind(cli, other):
    before = processes(cli, other)
    for _ in range(10):
        cli("exec", other, "true").check()
        cli("exec", other, "/nosuch").check(127)
    harness.wait_for(lambda: processes(cli, other) == before, what="the end of what ran beside")


def test_a_program_in_the_background_does_not_hold_the_commands_output(cli, other):
    """A reader of the command's output only waits for the program."""
    run = cli("exec", other, "sh", "-c", "sleep 327 >/dev/null 2>&1 & echo done").check()
    assert run.stdout == "done\n" and run.seconds < 5


def test_health_checks_leave_no_process_behind(cli, machine_file, request):
    name = f"exec-health-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], init=False, ready="health",
                              stop={"timeout": "100ms"},
                              health={"command": ["true"], "interval": "50ms"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    time.sleep(1)
    # The payload, and at most one check with its companion and threshold process.
    assert processes(cli, name) <= 4


def test_a_paused_machine_stays_healthy(cli, machine_file, request):
    name = f"exec-paused-{os.getpid()}"
    cli("start", machine_file(name, command=["sleep", "600"], ready="health",
                              stop={"timeout": "100ms"},
                              health={"command": ["true"], "interval": "50ms", "timeout": "1s",
                                      "retries": 1, "on_failure": "stop"})).check()
    request.addfinalizer(lambda: cli("delete", "--force", name).check())
    cli("pause", name).check()
    time.sleep(3)
    cli("resume", name).check()
    time.sleep(0.5)
    assert json.loads(cli("show", name).check().stdout)["state"] == "running"
    cli("pause", name).check()
    stop_in_time(cli, name)


def processes(cli, name):
    """The number of processes in the machine's pid namespace, including zombies."""
    listed = cli("exec", name, "sh", "-c", "ls -d /proc/[0-9]*").check().stdout.split()
    # All except the shell, ls and their companion.
    return len(listed) - 3


def sleepers(seconds):
    """The processes of the host that sleep that long, without zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", str(seconds).encode()]:
                found.append(int(path.parent.name))
    return found


# "alice" owns her home, that of "homeless" is missing, that of "barred" belongs to root.
ACCOUNTS = """homeless:x:2001:2001::/nowhere/at/all:/bin/sh
barred:x:2002:2002::/barred:/bin/sh
"""
STORY = ('pwd; id -u; id -g; id -G; echo "$HOME $USER $LOGNAME"; ulimit -n; '
         "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")


@OWNERS
@pytest.mark.parametrize("who", ["root", "alice", "homeless", "barred", "nobody", "3000",
                                 "3000:3001", "alice:staff"])
@pytest.mark.parametrize("keys", [{}, {"working_directory": "/tmp"}])
def test_run_and_exec_have_one_rule(cli, machine_file, own_root, who, keys):
    """`user` of a definition and `exec --user` resolve users alike."""
    with open(own_root / "etc/passwd", "a") as passwd:
        passwd.write(ACCOUNTS)
    (own_root / "barred").mkdir(mode=0o700)
    root = {"overlay": [str(own_root)], "upper": "volatile"}
    machine_file("one", command=["/bin/sh", "-c", STORY], user=who, **root, **keys)
    ran = cli("run", "one").check().stdout
    machine_file("two", command=["/bin/sleep", "1000"], **root)
    cli("start", "two").check()
    directory = ["--workdir", keys["working_directory"]] if keys else []
    entered = cli("exec", "--user", who, *directory, "two", "/bin/sh", "-c", STORY).check().stdout
    cli("delete", "--force", "two").check()
    assert ran == entered
    expected = {"alice": "/home/alice", "alice:staff": "/home/alice", "root": "/root"}
    assert ran.splitlines()[0] == (keys.get("working_directory") or expected.get(who, "/"))


def test_run_and_exec_refuse_the_same(cli, machine_file, machine):
    """An id outside of the machine's range, and a requested directory that does not exist."""
    for arguments, keys in ((["--user", "70000"], {"user": "70000"}),
                            (["--workdir", "/none"], {"working_directory": "/none"})):
        told = cli("exec", *arguments, machine, "true").stderr.splitlines()
        ran = cli("run", machine_file("refused", command=["/bin/true"], **keys))
        assert ran.status == 125 and told[0].split(": ", 2)[-1] in ran.stderr, (told, ran)
