# SPDX-License-Identifier: LGPL-2.1-or-later
"""`top` on a pseudoterminal: what it shows, its keys, and the terminal afterwards."""

import os
import random
import re
import signal
import time

import harness
import pytest

pytestmark = pytest.mark.needs("root")

TAKE, RELEASE = "\x1b[?1049h", "\x1b[?1049l"
BUSY = ["/bin/sh", "-c", "while :; do :; done"]
ENDINGS = ["TERM", "HUP", "INT", "QUIT", "PIPE", "USR1", "ALRM"]


@pytest.fixture
def two(cli, machine_file):
    """A machine that works, and one that writes and waits."""
    try:
        machine_file("worker", command=BUSY, labels=["team=web"])
        machine_file("idler", command=["/bin/sh", "-c", "echo words of the log; sleep 1000"])
        cli("start", "worker", "idler").check()
        yield
    finally:
        cli("delete", "--force", "--all")


@pytest.fixture
def top(cli, two):
    """top(..) is a screen that has been drawn with rates."""
    def start(*options, **more):
        terminal = cli.terminal("top", "--interval=200ms", *options,
                                **{"rows": 24, "columns": 150, **more})
        terminal.read_until(r"live, \d+ failed")
        return terminal

    return start


def frame(terminal, since=None):
    """The lines of the next frame that is drawn, without control sequences."""
    terminal.text = "" if since is None else since
    terminal.read_until("\x1b\\[H")
    text = ""
    until = time.monotonic() + 20
    while "\x1b[J" not in terminal.text:
        assert time.monotonic() < until, terminal.text
        terminal._read(0.2)
    text, _, terminal.text = terminal.text.partition("\x1b[J")
    return [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line) for line in text.split("\r\n")]


def until_frame(terminal, condition):
    """The first frame of which something is true."""
    until = time.monotonic() + 20
    while not condition(lines := frame(terminal)):
        assert time.monotonic() < until, "\n".join(lines)
    return lines


def names(lines):
    """The machines in the order of the rows."""
    return [line[2:].split()[0] for line in lines[2:] if re.match(r"[> ] (worker|idler|third) ",
                                                                  line)]


def quit_with(terminal, key="q"):
    terminal.send(key)
    assert terminal.wait() == 0
    assert terminal.modes() == terminal.modes_before and RELEASE in terminal.text


# ---- what it shows ----


def test_rows_are_sorted(top):
    terminal = top()
    lines = until_frame(terminal, lambda lines: re.search(r"worker +running .*\d\d\.\d%",
                                                          "\n".join(lines)))
    assert names(lines) == ["worker", "idler"] and "by cpu" in lines[0]
    assert len(lines) == 24 and re.search("2 live, 0 failed, 0 unhealthy", lines[0])
    terminal.send("n")
    assert names(until_frame(terminal, lambda lines: "by name" in lines[0])) == ["idler", "worker"]
    terminal.send("R")
    assert names(until_frame(terminal, lambda lines: "reversed" in lines[0])) == ["worker",
                                                                                  "idler"]
    for key, name in zip("citpr", ("cpu", "disks", "tasks", "waiting", "restarts")):
        terminal.send(key)
        until_frame(terminal, lambda lines: f"by {name}" in lines[0])
    quit_with(terminal)


def test_bars_and_histories(top):
    terminal = top(env={"LANG": "C.UTF-8"})
    lines = until_frame(terminal, lambda lines: any(
        re.search("worker.*[█▏▎▍▌▋▊▉]{1,8}░* *[▁▂▃▄▅▆▇█]{4,10}", line) for line in lines))
    assert any(re.search("idler.*░{8} *▁{3,10}", line) for line in lines)
    quit_with(terminal)


def test_without_utf8(top):
    terminal = top(env={"LANG": "C", "LC_ALL": None})
    lines = until_frame(terminal, lambda lines: any(re.search(r"worker.*#+\.* +[_.,=+*#-]{4}", line)
                                                    for line in lines))
    assert all(line.isascii() for line in lines)
    quit_with(terminal)


@pytest.mark.needs("controllers")
def test_memory_and_its_limit(cli, top, machine_file):
    machine_file("third", command=["/bin/sleep", "1000"], limits={"memory": "64M"})
    cli("start", "third").check()
    terminal = top()
    until_frame(terminal, lambda lines: any(re.search(r"third .*\d\.\d[KM] +[█▏▎▍▌▋▊▉░]{8}", line)
                                            for line in lines))
    quit_with(terminal)


def test_details_of_the_selected_machine(cli, top, machine_file):
    """Health, restarts, the reason of a failure, and pressure."""
    machine_file("third", command=["/bin/sleep", "1000"],
                 health={"command": ["/bin/false"], "interval": "100ms", "retries": 1})
    cli("start", "third")
    harness.wait_for(lambda: harness.state_of(cli, "third")["health"].get("status") == "unhealthy",
                     what="the health check")
    terminal = top("--sort=name")
    terminal.send("\x1b[B")
    text = "\n".join(until_frame(terminal, lambda lines: "third:" in lines[-4]))
    assert re.search("third: running, unhealthy: .*, 0 restarts", text), text
    assert re.search(r"waiting for:  CPU \d+\.\d% \(all: \d+\.\d%\)", text)
    assert "1 unhealthy" in text and re.search("> third +running +unhealthy", text)
    quit_with(terminal)


def test_machines_that_do_not_run(cli, top, machine_file):
    machine_file("third", command=["/bin/sh", "-c", "exit 3"])
    cli("start", "third")
    harness.wait_for(lambda: harness.state_of(cli, "third")["state"] == "failed", what="the end")
    terminal = top()
    assert "third" not in names(frame(terminal))
    terminal.send("a")
    lines = until_frame(terminal, lambda lines: "third" in names(lines))
    assert "1 failed" in lines[0] and any(re.match("  third +failed", line) for line in lines)
    quit_with(terminal)


def test_choice_of_machines(top):
    for options in (["work*"], ["--label=team=web"]):
        terminal = top(*options)
        assert names(frame(terminal)) == ["worker"]
        quit_with(terminal)


def test_colours_go_away(top):
    terminal = top()
    terminal.read_until("\x1b\\[32mrunning")
    quit_with(terminal)
    for options in ({"env": {"NO_COLOR": "1"}}, {}):
        terminal = top(*([] if options else ["--color=never"]), **options)
        terminal.text = ""
        terminal.read_until("running")
        terminal.read_until("running")
        terminal.send("s")
        terminal.read_until("Stop ")
        terminal.send("n")
        quit_with(terminal)
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.text)


# ---- keys ----


def test_stop_asks(cli, top):
    terminal = top("--sort=name")
    terminal.send("s")
    terminal.read_until("Stop idler\\?")
    terminal.send("n")
    terminal.read_until("not stopped")
    assert harness.state_of(cli, "idler")["state"] == "running"
    terminal.send("s")
    terminal.read_until("Stop idler\\?")
    terminal.send("y")
    terminal.read_until("idler has been stopped", timeout=40)
    assert harness.state_of(cli, "idler")["state"] == "stopped"
    assert names(until_frame(terminal, lambda lines: len(names(lines)) == 1)) == ["worker"]
    quit_with(terminal)


def test_a_stop_that_fails_is_told(cli, top):
    terminal = top("idler")
    terminal.send("s")
    terminal.read_until("Stop idler\\?")
    cli("delete", "--force", "idler").check()
    (cli.config / "idler.machine").unlink()
    terminal.send("y")
    terminal.read_until("stop idler: error: .*idler")
    quit_with(terminal)


def test_log_and_back(cli, top):
    terminal = top("--sort=name")
    terminal.send("l")
    terminal.read_until("The log of idler")
    terminal.read_until("words of the log")
    assert terminal.modes() == terminal.modes_before
    terminal.send("\x03")
    terminal.read_until(re.escape(TAKE))
    until_frame(terminal, lambda lines: "idler" in names(lines))
    quit_with(terminal)


def test_selection_stays_with_its_machine(top):
    terminal = top("--sort=name")
    terminal.send("j")
    until_frame(terminal, lambda lines: any(line.startswith("> worker") for line in lines))
    terminal.send("c")
    until_frame(terminal, lambda lines: "by cpu" in lines[0] and lines[2].startswith("> worker"))
    terminal.send("\x1b[F")
    until_frame(terminal, lambda lines: lines[3].startswith("> idler"))
    quit_with(terminal)


def test_help(top):
    terminal = top()
    terminal.send("h")
    until_frame(terminal, lambda lines: any("select a machine" in line for line in lines))
    terminal.send("x")
    until_frame(terminal, lambda lines: names(lines))
    quit_with(terminal)


@pytest.mark.parametrize("key", ["q", "\x03", "\x1b"], ids=["q", "control-c", "escape"])
def test_quit(top, key):
    quit_with(top(), key)


def test_keys_without_meaning(top):
    """Whatever is typed, but what stops machines, opens logs and quits."""
    source = random.Random(7)
    terminal = top()
    for _ in range(60):
        word = bytes(source.choice([byte for byte in range(256) if byte not in b"sl\rq\x03\x1a\x1b"])
                     for _ in range(20))
        os.write(terminal.master, word + b"\x1b[99;1~" + b"\x1b[A")
        terminal._read(0.02)
    terminal.send("q")
    if terminal.process.poll() is None:
        terminal.send("q")
    quit_with(terminal)


# ---- the terminal ----


def test_resize(top):
    """Each frame fits: rows and columns go, lines are cut, the selection stays in sight."""
    terminal = top()
    for rows, columns in ((10, 40), (8, 80), (40, 200), (3, 10), (1, 1), (24, 80)):
        terminal.resize(rows, columns)
        lines = until_frame(terminal, lambda lines: len(lines) == rows)
        assert all(len(line.rstrip("\n")) <= columns for line in lines), lines
        if rows >= 8:
            assert any(line.startswith(">") for line in lines)
    quit_with(terminal)


@pytest.mark.parametrize("name", ENDINGS)
def test_terminal_is_as_before_after_a_signal(top, name):
    number = getattr(signal, f"SIG{name}")
    terminal = top()
    assert terminal.modes() != terminal.modes_before
    terminal.process.send_signal(number)
    assert terminal.wait() == -number
    assert terminal.modes() == terminal.modes_before and RELEASE in terminal.text


def test_a_signal_during_the_log(top):
    terminal = top()
    terminal.send("l")
    terminal.read_until("The log of")
    time.sleep(0.3)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == -signal.SIGTERM
    assert terminal.modes() == terminal.modes_before


def test_suspended_and_continued(top):
    terminal = top()
    terminal.send("\x1a")
    terminal.read_until(re.escape(RELEASE))

    def state():
        with open(f"/proc/{terminal.process.pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0]

    harness.wait_for(lambda: state() == "T", what="the stop")
    assert terminal.modes() == terminal.modes_before
    terminal.process.send_signal(signal.SIGCONT)
    terminal.read_until(re.escape(TAKE))
    until_frame(terminal, names)
    quit_with(terminal)


def test_needs_a_terminal(cli, two):
    """Elsewhere `stats` is what is wanted."""
    assert "machinectl-lite stats" in cli("top").check(64).stderr
    terminal = cli.terminal("top", env={"TERM": "dumb"})
    assert terminal.wait() == 64 and "machinectl-lite stats" in terminal.text
    assert TAKE not in terminal.text and terminal.modes() == terminal.modes_before
    assert "stats --json" in cli("top", "--json").check(64).stderr
    assert "--sort=size" in cli("top", "--sort=size").check(64).stderr
    assert "--interval=1ms" in cli("top", "--interval=1ms").check(64).stderr
