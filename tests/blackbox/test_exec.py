# SPDX-License-Identifier: LGPL-2.1-or-later
"""Further programs in a running machine."""

import contextlib
import json
import os
import time
from pathlib import Path

import harness
import pytest

pytestmark = pytest.mark.needs("root", "cgroup2")


@pytest.fixture
def machine(cli, machine_file):
    """The name of a machine that runs for as long as the test does."""
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


def test_it_is_in_the_machine(cli, machine):
    kinds = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
    seen = cli("exec", machine, "sh", "-c",
               "for n in " + " ".join(kinds) + "; do readlink /proc/self/ns/$n; done").check()
    init = json.loads(cli("show", machine).stdout)["init"]["pid"]
    assert seen.stdout.split() == [os.readlink(f"/proc/{init}/ns/{kind}") for kind in kinds]


def test_capabilities_and_filter_are_the_payloads(cli, machine):
    fields = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp:")

    def seen(text):
        return [line.split() for line in text.splitlines() if line.startswith(fields)]

    payload = cli("exec", machine, "cat", "/proc/2/status").check().stdout
    joined = cli("exec", machine, "cat", "/proc/self/status").check().stdout
    assert seen(payload) == seen(joined) and len(seen(joined)) == len(fields)


def test_inheritable_set_is_empty(cli, machine):
    status = cli("exec", machine, "grep", "CapInh", "/proc/self/status").check().stdout
    assert int(status.split()[1], 16) == 0


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


@pytest.mark.parametrize("user", ["1000:", "+1", "-1", "4294967296", "99999999999999999999", "01x",
                                  " 0", "0 ", "nobody-at-all"])
def test_a_user_that_is_none_never_becomes_root(cli, machine, user):
    failed = cli("exec", "-u", user, machine, "id").check(125)
    assert "uid=0" not in failed.stdout and "error:" in failed.stderr


def test_standard_input_only_when_asked_for(cli, machine):
    assert cli("exec", machine, "cat", input="secret").check().stdout == ""
    assert cli("exec", "-i", machine, "cat", input="text").check().stdout == "text"


def test_output_and_error_stay_apart(cli, machine):
    run = cli("exec", machine, "sh", "-c", "echo out; echo err >&2").check()
    assert (run.stdout, run.stderr) == ("out\n", "err\n")


def test_a_terminal(cli, machine):
    terminal = cli.terminal("exec", "-t", machine, "sh", "-c", "tty; stty size; exit 5")
    terminal.read_until(r"/dev/pts/\d+")
    terminal.read_until(r"24 80")
    assert terminal.wait() == 5


def test_no_descriptor_of_the_host_is_inherited(cli, machine):
    read_end, write_end = os.pipe()
    directory = os.open("/etc", os.O_RDONLY)
    try:
        run = cli("exec", machine, "ls", "/proc/self/fd",
                  pass_fds=(read_end, write_end, directory)).check()
    finally:
        for fd in (read_end, write_end, directory):
            os.close(fd)
    # 3 is the directory that ls itself reads.
    assert run.stdout.split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("directory", ["/proc/self/fd/7", "/proc/1/cwd", "/proc/self/root/.."])
def test_working_directory_through_a_magic_link_is_refused(cli, machine, directory):
    fd = os.open("/etc", os.O_RDONLY)
    try:
        run = cli("exec", "-w", directory, machine, "sh", "-c", "ls", pass_fds=(fd,))
    finally:
        os.close(fd)
    assert run.status == 125 or "hosts.allow" not in run.stdout


def test_own_executable_cannot_be_reached(cli, machine):
    """CVE-2019-5736: the program that enters is not a file that the machine could write."""
    binary = Path(harness.find_binary())
    before = binary.read_bytes()
    cli("exec", machine, "sh", "-c", "printf '#!/proc/self/exe\\n' > /tmp/evil; chmod +x /tmp/evil")
    cli("exec", machine, "/tmp/evil")
    wrote = cli("exec", machine, "sh", "-c",
                "for p in /proc/[0-9]*/exe; do echo x >> $p && echo written; done")
    assert "written" not in wrote.stdout
    assert binary.read_bytes() == before


def test_the_session_keyring_is_not_the_hosts(cli, machine):
    listed = cli("exec", machine, "sh", "-c", "cat /proc/keys /proc/self/attr/current 2>&1; true")
    assert "_ses" not in listed.stdout


def test_a_program_dies_with_the_command_that_started_it(cli, machine):
    running = cli.start("exec", machine, "sleep", "321")
    wait_for(lambda: sleepers())
    pid = sleepers()[0]
    running.kill()
    wait_for(lambda: not sleepers())
    # The test run is the reaper of orphans here; a zombie would keep the machine from ending.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def sleepers():
    """The processes of the host that are `sleep 321`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", b"321"]:
                found.append(int(path.parent.name))
    return found


def wait_for(condition):
    """Polls for ten seconds."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
