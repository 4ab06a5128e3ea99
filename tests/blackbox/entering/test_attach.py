# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verb `attach`: the terminal of a machine in the background."""

import os
import signal
import stat
import time

import pytest

import harness

SHELL = ["sh", "-c", "trap : INT; echo up; exec sh"]


@pytest.fixture
def started(cli, machine_file):
    """started("web", ..) starts a machine with a terminal in the background."""
    names = []

    def start(name, **keys):
        path = machine_file(name, **{"command": SHELL, "terminal": True, **keys})
        cli("start", path).check()
        names.append(name)
        return path

    yield start
    cli("stop", "--now", *names)


def test_type_and_detach(cli, started):
    started("web", restart={"policy": "no"})
    terminal = cli.terminal("attach", "web", rows=33, columns=101)
    terminal.read_until("attached to machine")
    terminal.send("echo $((6 * 7)); stty size\n")
    terminal.read_until(r"\b42\b[^/]*33 101")
    terminal.resize(20, 70)
    terminal.send("stty size\n")
    terminal.read_until("20 70")
    terminal.send("echo a\x1db\n")
    terminal.read_until("a")
    terminal.send("\x1d\x1d\x1d")
    assert terminal.wait() == 0
    assert 'detached from machine "web", which runs on' in terminal.text
    assert terminal.modes() == terminal.modes_before
    # What the shell has not ended yet is seen by the next one, who gets the prompt.
    again = cli.terminal("attach", "web")
    again.read_until("#")
    again.send("\x15echo again | tr a-z A-Z\n")
    again.read_until("AGAIN")
    again.send("exit 7\n")
    assert again.wait() == 7
    assert again.modes() == again.modes_before
    # All of it is in the log.
    assert "AGAIN" in cli("logs", "web").stdout


def test_other_keys(cli, started):
    started("web")
    terminal = cli.terminal("attach", "--detach-keys=ctrl-p,ctrl-q", "web")
    terminal.read_until("#")
    terminal.send("cat -v\n")
    terminal.read_until("cat -v")
    # Ctrl-P and another key is typed; three Ctrl-] are for the program.
    terminal.send("x\x10y\x1d\x1d\x1dz\n")
    terminal.read_until(r"x\^Py\^\]\^\]\^\]z")
    terminal.send("held\x10\x10\x11")
    assert terminal.wait() == 0
    terminal = cli.terminal("attach", "web")
    terminal.read_until("attached")
    time.sleep(0.3)
    terminal.send("\n")
    terminal.read_until(r"held\^P")
    terminal.send("\x1d\x1d")
    time.sleep(1.2)
    terminal.send("\x1d")
    time.sleep(0.3)
    assert terminal.process.poll() is None
    terminal.send("\x1d\x1d")
    assert terminal.wait() == 0
    for wrong in "ctrl-", "ctrl-1", "a,", "ab", "a,b,c,d,e,f,g,h,i", ",":
        assert "--detach-keys" in cli("attach", f"--detach-keys={wrong}", "web").check(125).stderr


def test_several_see_the_same(cli, started):
    started("web")
    first, second = (cli.terminal("attach", "web") for _ in range(2))
    for terminal in first, second:
        terminal.read_until("attached")
    first.read_until("#")
    second.read_until("#")
    first.send("echo $((600 + 66))\n")
    for terminal in first, second:
        terminal.read_until("666")
    os.kill(first.process.pid, signal.SIGTERM)
    assert first.wait() == 128 + signal.SIGTERM
    assert first.modes() == first.modes_before
    second.send("echo $((600 + 77))\n")
    second.read_until("677")
    cli("stop", "--now", "web").check()
    assert second.wait() == 137


def test_much_output_is_complete_and_holds_nothing_up(cli, started, workspace):
    started("web")
    with open(workspace / "seen", "wb") as seen:
        reader = cli.start("attach", "web", stdout=seen)
    terminal = cli.terminal("attach", "web")
    terminal.read_until("#")
    # One that takes nothing is dropped after ten seconds, and the machine goes on.
    stuck = cli.terminal("attach", "web")
    stuck.read_until("#")
    os.kill(stuck.process.pid, signal.SIGSTOP)
    terminal.send("seq 200000; echo en''d\n")
    terminal.read_until("\nend", timeout=60)
    os.kill(stuck.process.pid, signal.SIGCONT)
    stuck.close()
    cli("stop", "--now", "web").check()
    reader.wait()
    lines = (workspace / "seen").read_text().replace("\r", "").split("\n")
    assert [int(line) for line in lines if line.isdigit()] == list(range(1, 200001))


def test_a_pipe_is_not_typed_to_its_end(cli, started):
    started("web")
    running = cli.start("attach", "web", stdin=harness.subprocess.PIPE)
    running.process.stdin.write(b"echo $((5 * 5))\n")
    running.process.stdin.close()
    running.process.stdin = None
    running.read_until(r"\b25\b")
    assert "running" in cli("status", "-n", "0", "web").check().stdout
    running.signal(signal.SIGINT)
    assert running.wait().status == 130


def test_only_the_owner_may_attach(cli, started):
    started("web")
    socket = cli.runtime / "machines" / "web.attach"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    cli("stop", "--now", "web").check()
    assert not socket.exists()
    cli("delete", "web").check()
    assert list((cli.runtime / "machines").iterdir()) == []


def test_a_restart_ends_it(cli, started):
    started("web", restart={"policy": "always", "delay": "100ms"})
    terminal = cli.terminal("attach", "web")
    terminal.read_until("#")
    terminal.send("exit 3\n")
    assert terminal.wait() == 0
    assert 'this run of machine "web" has ended' in terminal.text
    harness.wait_for(lambda: "running" in cli("status", "web").stdout, 10, "the restart")
    again = cli.terminal("attach", "web")
    again.read_until("#")
    again.send("echo $((3 + 4))0\n")
    again.read_until("70")


def test_after_a_supervisor_was_killed(cli, started, machine_file):
    started("web")
    pid = int(cli("status", "web").stdout.partition("Supervisor: ")[2].split()[0])
    terminal = cli.terminal("attach", "web")
    terminal.read_until("#")
    os.kill(pid, signal.SIGKILL)
    terminal.wait()
    assert terminal.modes() == terminal.modes_before
    assert cli("attach", "web").status == 125
    cli("start", "web").check()
    again = cli.terminal("attach", "web")
    again.read_until("#")


def test_errors(cli, machine_file):
    machine_file("plain", command=["sleep", "1000"])
    cli("start", "plain").check()
    refused = cli("attach", "plain").check(125)
    assert 'machine "plain" has no terminal to attach to' in refused.stderr
    assert "logs --follow plain" in refused.stderr and '"terminal = true"' in refused.stderr
    cli("pause", "plain").check()
    assert "is paused" in cli("attach", "plain").check(125).stderr
    cli("stop", "--now", "plain").check()
    assert "is not running" in cli("attach", "plain").check(125).stderr
    machine_file("front", command=["sh", "-c", "echo up; sleep 1000"])
    front = cli.start("run", "front")
    front.read_until("up")
    harness.wait_for(lambda: "running" in cli("status", "front").stdout, 10, "the start")
    assert "runs in the foreground" in cli("attach", "front").check(125).stderr
    front.kill()
    cli("attach").check(125)
    cli("attach", "absent").check(125)


# ---- login ----

INIT = "#!/bin/sh\ntrap 'exit 0' TERM PWR RTMIN+3 2>/dev/null\necho up\nwhile :; do sleep 1; done\n"


@pytest.fixture
def booted(cli, workspace, machine_file):
    """booted(ROOT) starts a machine with an init of its own, and users without passwords."""

    def start(root, **files):
        layer = workspace / "layer"
        for path, text in {"sbin/init": INIT, **files}.items():
            target = layer / ("usr/" + path if path.startswith("sbin/") and
                              (root / "sbin").is_symlink() else path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o755)
        machine_file("guest", overlay=[layer, root], upper="volatile", boot=True)
        cli("start", "guest").check()

    yield start
    cli("stop", "--now", "guest")


def test_login(cli, booted, debian_root):
    passwd = (debian_root / "etc/passwd").read_text().replace("root:x:", "root::")
    booted(debian_root, **{"etc/passwd": passwd})
    terminal = cli.terminal("login", "guest")
    terminal.read_until("login:", timeout=30)
    terminal.send("root\n")
    terminal.read_until("#", timeout=30)
    terminal.send("id -un; tty; echo $HOME:$TERM:$((6 * 7))\n")
    terminal.read_until(r"root\s+/dev/pts/\d+\s+/root:xterm:42")
    terminal.send("exit\n")
    terminal.wait()
    assert terminal.modes() == terminal.modes_before
    assert "running" in cli("status", "-n", "0", "guest").check().stdout


def test_login_that_is_refused(cli, booted, busybox_root, machine_file):
    booted(busybox_root)
    assert "needs a terminal" in cli("login", "guest").check(125).stderr
    assert cli.terminal("login", "guest", "sh").wait() == 125
    machine_file("plain", command=["sleep", "1000"])
    cli("start", "plain").check()
    terminal = cli.terminal("login", "plain")
    assert terminal.wait() == 125
    assert 'machine "plain" is not booted' in terminal.text and "shell plain" in terminal.text
    cli("stop", "--now", "plain").check()


def test_login_without_the_program(cli, booted, busybox_root):
    booted(busybox_root)
    cli("exec", "guest", "sh", "-c", "rm -f /bin/login /usr/bin/login").check()
    terminal = cli.terminal("login", "guest")
    assert terminal.wait() == 127
    assert "package" in terminal.text and '"shell"' in terminal.text
