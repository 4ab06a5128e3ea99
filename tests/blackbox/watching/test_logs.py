# SPDX-License-Identifier: LGPL-2.1-or-later
"""Log files under others' hands: moved, removed, truncated, without room."""

import contextlib
import itertools
import os
import shutil
import time
from pathlib import Path

import full_disk
import pytest
from harness import wait_for

pytestmark = pytest.mark.needs("root", "cgroup2")

NUMBERS = itertools.count(1)
# Prints a line for each line it reads.
ECHO = ["sh", "-c", "echo line 0; i=0; while :; do while [ $i -lt $(ls /lines | wc -l) ]; do "
        "i=$((i + 1)); echo line $i; done; sleep 0.02; done"]


class Printer:
    """A machine that prints its next line on request."""

    def __init__(self, cli, machine_file, directory, **keys):
        self.cli = cli
        self.name = f"logs-{os.getpid()}-{next(NUMBERS)}"
        self.lines = directory / "lines"
        self.lines.mkdir()
        self.count = 0
        self.log = cli.log / f"{self.name}.log"
        cli("start", machine_file(
            self.name, command=ECHO, stop={"timeout": "100ms"},
            mounts=({"source": self.lines, "target": "/lines", "read_only": True},),
            **{"log": {"driver": "file"}, **keys})).check()
        wait_for(lambda: self.read() == [0], what="the first line")

    def read(self):
        """The numbers of the lines that are in the log that has the name."""
        if not self.log.exists():
            return None
        text = self.log.read_bytes()
        assert b"\0" not in text, text
        return [int(line.split()[-1]) for line in text.decode().splitlines()]

    def print(self):
        """Has the next line printed, and waits until it is in the log."""
        self.count += 1
        (self.lines / str(self.count)).touch()
        wait_for(lambda: self.count in (self.read() or []), what=f"line {self.count}")


@pytest.fixture
def printer(cli, machine_file, workspace):
    """A Printer that is stopped and deleted afterwards."""
    made = Printer(cli, machine_file, workspace)
    yield made
    cli("delete", "--force", made.name)


def test_a_log_that_is_moved_is_begun_anew(printer, workspace):
    old = workspace / "old.log"
    printer.log.rename(old)
    printer.print()
    assert printer.read() == [1]
    assert old.read_text().splitlines()[-1].endswith("line 0")
    assert (printer.log.stat().st_mode & 0o777, printer.log.stat().st_uid) == (0o640, 0)


def test_a_log_that_is_removed_is_begun_anew(printer):
    printer.log.unlink()
    printer.print()
    printer.print()
    assert printer.read() == [1, 2]


def test_the_directory_of_logs_is_removed(printer, cli):
    shutil.rmtree(cli.log)
    printer.print()
    assert printer.read() == [1]


def test_a_log_that_is_copied_and_truncated_continues_at_its_beginning(printer):
    printer.print()
    with open(printer.log, "r+b") as log:
        log.truncate(0)
    printer.print()
    assert printer.read() == [2]


def test_an_existing_log_is_continued(printer, workspace):
    """As logrotate's `create` does."""
    printer.log.rename(workspace / "old.log")
    printer.log.touch(0o600)
    printer.print()
    assert printer.read() == [1]
    assert printer.log.stat().st_mode & 0o777 == 0o600


def test_reopen_begins_the_file_before_anything_is_printed(printer, cli, workspace):
    printer.log.rename(workspace / "old.log")
    cli("logs", "--reopen", printer.name).check()
    wait_for(lambda: printer.read() == [], what="the new file")
    printer.log.rename(workspace / "older.log")
    cli("logs", "--reopen", "--all").check()
    wait_for(lambda: printer.read() == [], what="the new file")
    printer.print()
    assert printer.read() == [1]
    cli("logs", "--reopen").check(64)
    cli("logs", "--all", printer.name).check(64)
    cli("logs", "--reopen", "no-such").check(66)


def test_reopen_leaves_a_machine_in_the_foreground_alone(cli, machine_file):
    """Its supervisor would pass the signal on."""
    running = cli.start("run", machine_file("foreground", command=[
        "sh", "-c", "trap 'echo hup' HUP; echo ready; sleep 1; echo end"]))
    running.read_until("ready")
    cli("logs", "--reopen", "foreground").check()
    assert running.wait().check().stdout == "end\n"


@pytest.mark.parametrize("how", ["move", "remove", "truncate", "create"])
def test_a_follower_continues(printer, cli, workspace, how):
    following = cli.start("logs", "-f", printer.name)
    following.read_until("line 0")
    for number in (1, 2):
        if how == "remove":
            printer.log.unlink()
        elif how == "truncate":
            with open(printer.log, "r+b") as log:
                log.truncate(0)
            # Content longer than before cannot be distinguished from appended lines.
            time.sleep(0.6)
        else:
            printer.log.rename(workspace / f"old{number}")
        if how == "create":
            printer.log.touch()
        printer.print()
        following.read_until(f"line {number}\n")
    following.kill()


def test_truncated_on_a_full_disk(cli, machine_file, workspace):
    """Lines that do not fit leave no hole, and are reported once."""
    with contextlib.closing(full_disk.SmallDisk(cli.log)) as disk:
        name = f"logs-{os.getpid()}-{next(NUMBERS)}"
        log = Path(f"/proc/{disk.holder.pid}/root{cli.log}/{name}.log")
        path = machine_file(name, command=[
            "sh", "-c", "i=0; while :; do i=$((i + 1)); echo line $i %0300d; sleep 0.002; done" % 0],
            log={"driver": "file"}, stop={"timeout": "100ms"})
        cli("start", path, wrapper=disk.wrapper).check()
        for _ in range(5):
            wait_for(lambda: log.stat().st_size > 2000, what="some lines")
            os.truncate(log, 0)
            wait_for(lambda: log.stat().st_size > 0, what="a line")
            # The rest of the page fits part of a line.
            disk.fill()
            time.sleep(0.2)
            assert b"\0" not in log.read_bytes()
            disk.free()
            wait_for(lambda: b"lines were lost" in log.read_bytes()
                     and not log.read_bytes().rstrip().endswith(b"written"), what="the notice")
            assert log.read_bytes().count(b"lines were lost") == 1
            os.truncate(log, 0)
        time.sleep(0.3)
        text = log.read_bytes()
        assert b"\0" not in text and b"lines were lost" not in text and b" line " in text
        cli("delete", "--force", name, wrapper=disk.wrapper).check()
