# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exit statuses of `run`, and the messages of programs that cannot be executed."""

import json
import os
import shutil
import struct

import pytest


@pytest.mark.parametrize("status", [0, 1, 42, 124, 255])
def test_status_of_the_payload(cli, machine_file, status):
    """The payload's status is passed on without further output."""
    result = cli("run", machine_file(command=["sh", "-c", f"exit {status}"])).check(status)
    assert result.stdout == ""
    assert result.stderr == ""


@pytest.mark.parametrize("number", [1, 9, 11, 15])
def test_death_by_signal(cli, machine_file, number):
    """128 and the signal's number."""
    command = ["sh", "-c", f"kill -{number} $$; sleep 5"]
    cli("run", machine_file(command=command)).check(128 + number)


def test_payload_that_is_pid_1_itself(cli, machine_file):
    """Without the stub the payload is PID 1, and its status is passed on likewise."""
    result = cli("run", machine_file(init=False, command=["sh", "-c", "echo $$; exit 9"])).check(9)
    assert result.stdout == "1\n"


def test_command_of_the_command_line(cli, machine_file):
    """A command after -- replaces the definition's; its options are its own."""
    path = machine_file(command=["false"])
    result = cli("run", path, "--", "echo", "--help", "-n").check()
    assert result.stdout == "--help -n\n"


def test_rootfs_without_a_definition(cli, own_root):
    """`run --rootfs DIR -- COMMAND` needs no file."""
    result = cli("run", "--rootfs", own_root, "--set", 'network.mode="none"', "--", "cat",
                 "/var/www/index.html").check()
    assert result.stdout == "a page of the machine\n"


def test_machine_by_name(cli, machine_file):
    """A name is searched for in the directories of definitions."""
    name = machine_file(command=["hostname"]).stem
    assert cli("run", name).check().stdout == name + "\n"


def test_unknown_machine(cli):
    """The error names the missing machine."""
    result = cli("run", "nosuch").check(125)
    assert "nosuch" in result.stderr


def test_own_failure(cli, machine_file, workspace):
    """A root that does not exist is this program's failure, and named."""
    result = cli("run", machine_file(rootfs=workspace / "missing", command=["true"])).check(125)
    assert str(workspace / "missing") in result.stderr


def test_nothing_to_run(cli, machine_file):
    """A machine without a command is refused with the way out."""
    result = cli("run", machine_file())
    assert result.status == 125, result
    assert "command" in result.stderr


@pytest.mark.parametrize("program", ["nosuchprogram", "/bin/nosuchprogram"])
def test_missing_program(cli, machine_file, program):
    """127, and which program is missing."""
    result = cli("run", machine_file(command=[program])).check(127)
    assert program in result.stderr


def test_a_missing_program_error_names_the_path(cli, machine_file):
    """Where a bare name was looked for is part of the message."""
    result = cli("run", machine_file(command=["nosuch"], environment=["PATH=/opt/x:/bin"]))
    assert result.check(127).stderr.count("/opt/x:/bin") == 1, result


def put_program(root, content, mode=0o755):
    """Puts a program into a root and returns its path inside."""
    (root / "program").write_bytes(content)
    (root / "program").chmod(mode)
    return "/program"


def test_not_executable(cli, machine_file, own_root):
    """A file without the permission is 126."""
    program = put_program(own_root, b"#!/bin/sh\n", 0o644)
    result = cli("run", machine_file(rootfs=own_root, command=[program])).check(126)
    assert program in result.stderr


def test_directory_as_program(cli, machine_file):
    """So is a directory."""
    result = cli("run", machine_file(command=["/etc"])).check(126)
    assert "/etc" in result.stderr


def test_missing_interpreter_of_a_script(cli, machine_file, own_root):
    """A script whose interpreter is missing: the interpreter is named."""
    program = put_program(own_root, b"#!/opt/perl6 -w\nexit\n")
    result = cli("run", machine_file(rootfs=own_root, command=[program])).check(126)
    assert "/opt/perl6" in result.stderr


def test_script_runs(cli, machine_file, own_root):
    """A script runs if its interpreter exists, with its argument."""
    program = put_program(own_root, b"#!/bin/sh -e\necho \"$0 $1\"\n")
    result = cli("run", machine_file(rootfs=own_root, command=[program, "x"])).check()
    assert result.stdout == "/program x\n"


def test_text_that_is_no_script(cli, machine_file, own_root):
    """A file that is neither a script nor a program."""
    program = put_program(own_root, b"just text\n")
    result = cli("run", machine_file(rootfs=own_root, command=[program])).check(126)
    assert program in result.stderr


def test_empty_file_as_program(cli, machine_file, own_root):
    """An empty file is no program either."""
    program = put_program(own_root, b"")
    cli("run", machine_file(rootfs=own_root, command=[program])).check(126)


def test_missing_loader(cli, machine_file, own_root):
    """A dynamic program in a root without a C library: the loader is named."""
    shutil.copy("/bin/true", own_root / "program")
    result = cli("run", machine_file(rootfs=own_root, command=["/program"])).check(126)
    assert "ld-linux" in result.stderr or "/lib/ld" in result.stderr, result


def elf_header(machine, elf_class=2, order=1):
    """The start of an ELF program for some machine (elf(5))."""
    ident = b"\x7fELF" + bytes([elf_class, order, 1, 0]) + bytes(8)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 0, 0,
                               0, 0) + bytes(64)


@pytest.mark.parametrize("machine, name", [(183, "aarch64"), (243, "riscv"), (22, "s390")])
def test_foreign_architecture(cli, machine_file, own_root, machine, name):
    """The error for a program of another architecture says so and names it."""
    program = put_program(own_root, elf_header(machine))
    result = cli("run", machine_file(rootfs=own_root, command=[program])).check(126)
    assert name in result.stderr.lower() or "arm64" in result.stderr.lower(), result


def test_truncated_program(cli, machine_file, own_root):
    """A program cut short after its magic number gives an error, not a crash."""
    program = put_program(own_root, b"\x7fELF\x02")
    cli("run", machine_file(rootfs=own_root, command=[program])).check(126)


def test_without_privileges(cli, machine_file):
    """A user's machines have directories of their own; those created by root are refused."""
    path = machine_file(command=["true"], read_only=True, upper="none")
    cli("run", path).check()
    for verb, status in (("run", 125), ("start", 1), ("create", 1)):
        result = cli(verb, path, wrapper=["setpriv", "--reuid=1000", "--regid=1000",
                                          "--clear-groups"]).check(status)
        assert "belongs to another user" in result.stderr, result
        assert "hint: remove it, or choose another directory" in result.stderr, result


def test_few_open_files(cli, machine_file, host_state):
    """Wherever descriptors run out, the error suggests a remedy, and nothing is left."""
    path = machine_file(command=["echo", "x"])
    cli("run", path).check()
    failures = 0
    for limit in range(6, 60, 4):
        with host_state.unchanged():
            result = cli("run", path, wrapper=["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"])
        # Failures of the dynamic loader are not reported by this program.
        if result.status == 125 and "error: " in result.stderr:
            assert "Too many open files" in result.stderr and "ulimit -n" in result.stderr, result
            assert "this kernel has no" not in result.stderr
            failures += 1
    assert result.stdout == "x\n" and failures > 0, result


def test_version(cli):
    """As in systemctl and podman; also after a verb, which then does nothing."""
    for arguments in (["--version"], ["run", "--version", "nothing"]):
        result = cli(*arguments).check()
        assert result.stdout.startswith("machinectl-lite ") and result.stderr == "", result


def test_help_and_usage(cli):
    """Help is data; a wrong option is a usage error that names it."""
    result = cli("run", "--help").check()
    assert "--ephemeral" in result.stdout and result.stderr == ""
    result = cli("run", "--no-such-option", "x")
    assert result.status in (64, 125), result
    assert "--no-such-option" in result.stderr


@pytest.mark.parametrize("keys", [
    {"environment_files": ["{}"]},
    {"credentials": [{"name": "word", "path": "{}"}]},
    {"seccomp": {"profile": "{}"}}])
def test_files_that_say_nothing(cli, machine_file, workspace, keys):
    """A FIFO without a writer is an error, and does not block."""
    fifo = workspace / "silent.json"
    os.mkfifo(fifo)
    filled = json.loads(json.dumps(keys).replace("{}", str(fifo)))
    result = cli("run", machine_file(command=["true"], **filled), timeout=20)
    assert result.status == 125, result
    assert f'"{fifo}": it is a FIFO' in result.stderr, result
