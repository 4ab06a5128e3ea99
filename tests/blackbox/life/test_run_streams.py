# SPDX-License-Identifier: LGPL-2.1-or-later
"""Standard input, output and error, signals, and the terminal."""

import os
import re
import signal
import subprocess
import time

import pytest

import harness
import hoststate

TRAPS = ("trap 'echo term; exit 7' TERM; trap 'echo int; exit 8' INT; trap 'echo hup; exit 9' HUP;"
         "trap 'echo usr1; exit 10' USR1; echo ready; while :; do sleep 0.05; done")


def test_output_and_error_stay_apart(cli, machine_file):
    """Without a terminal they are separate, each in the order of writing."""
    result = cli("run", machine_file(command=["sh", "-c", "echo a; echo b >&2; echo c"])).check()
    assert (result.stdout, result.stderr) == ("a\nc\n", "b\n")


def test_input_is_read_through(cli, machine_file):
    """Every byte arrives, and the end of the input too."""
    data = bytes(range(256)) * 8192
    running = cli.start("run", machine_file(command=["cat"]), stdin=subprocess.PIPE)
    output, errors = running.process.communicate(data, 60)
    assert running.process.returncode == 0, errors
    assert output == data


def test_no_input_is_the_end_of_it(cli, machine_file):
    """/dev/null as input is at its end immediately."""
    cli("run", machine_file(command=["cat"]), timeout=20).check()


def test_input_without_a_reader(cli, machine_file):
    """A payload that ends without reading its input does not keep `run` waiting."""
    running = cli.start("run", machine_file(command=["true"]), stdin=subprocess.PIPE)
    running.process.wait(20)
    assert running.process.returncode == 0


def test_closed_descriptors(cli, machine_file):
    """Started with descriptors 0 to 2 closed, no other file gets their numbers."""
    command = cli.command("run", machine_file(command=["true"]))
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"] + command,
                          env=cli.environment, timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_descriptor_is_nothing_of_the_hosts(cli, machine_file, workspace, closed):
    """The replacement of a descriptor that the caller closed is not a directory of the host,
    through which a payload could leave its root, and can be neither read nor written."""
    share = workspace / "share"
    share.mkdir()
    share.chmod(0o777)
    script = ("for i in 0 2; do readlink /proc/self/fd/$i; done >/share/links;"
              "sleep 9 & readlink /proc/$!/fd/1 >>/share/links; kill $!;"
              "cat >/share/input; echo x; echo x >&2; true")
    command = cli.command("run", machine_file(
        command=["sh", "-c", script], mounts=[{"source": share, "target": "/share"}]))
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh"] + command,
                          env=cli.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0
    links = (share / "links").read_text().split()
    assert len(links) == 3
    assert all(link == "/dev/null" or link.startswith("pipe:") for link in links), links
    assert (share / "input").read_bytes() == b""


def test_output_to_a_closed_pipe(cli, machine_file):
    """A reader that went away ends the payload by SIGPIPE, as in a shell."""
    running = cli.start("run", machine_file(command=["yes"]))
    running.process.stdout.read(10)
    running.process.stdout.close()
    running.process.wait(20)
    assert running.process.returncode in (128 + signal.SIGPIPE, 1)


@pytest.mark.parametrize("number, word, status", [
    (signal.SIGTERM, "term", 7), (signal.SIGINT, "int", 8), (signal.SIGHUP, "hup", 9),
    (signal.SIGUSR1, "usr1", 10)])
def test_signals_reach_the_payload(cli, machine_file, number, word, status):
    """Signals sent to `run` reach the payload."""
    running = cli.start("run", machine_file(command=["sh", "-c", TRAPS]))
    running.read_until("ready\n")
    running.signal(number)
    result = running.wait()
    assert (result.status, result.stdout) == (status, word + "\n"), result


def test_signal_without_a_handler(cli, machine_file):
    """A payload that handles nothing dies of the signal, although PID 1 of a namespace would not."""
    running = cli.start("run", machine_file(command=["sh", "-c", "echo ready; exec sleep 60"]))
    running.read_until("ready\n")
    running.signal(signal.SIGTERM)
    assert running.wait(timeout=20).status == 128 + signal.SIGTERM


def test_sigkill_leaves_nothing(cli, machine_file, host_state):
    """The payload dies with a killed `run`; the next start removes what is left on disk."""
    path = machine_file(command=["sh", "-c", "sleep 61 & echo ready; exec sleep 60"])
    cli("run", path, "--", "true").check()
    with host_state.unchanged():
        with host_state.unchanged(ignore=("cgroups", "files")):
            running = cli.start("run", path)
            running.read_until("ready\n")
            running.signal(signal.SIGKILL)
            running.process.wait()
        cli("run", path, "--", "true").check()


def test_orphans_die_with_the_payload(cli, machine_file, host_state):
    """When the payload ends, so does everything that it started."""
    path = machine_file(command=["sh", "-c", "sleep 61 & setsid sleep 62 & exit 3"])
    cli("run", path, "--", "true").check()
    with host_state.unchanged():
        cli("run", path, timeout=20).check(3)


def test_zombies_are_reaped(cli, machine_file):
    """Orphans in the machine are reaped by PID 1 while the payload runs."""
    script = ("for i in 1 2 3 4 5 6 7 8; do (sleep 0.01 & ) ; done; sleep 0.5;"
              "grep -h '^State' /proc/[0-9]*/status")
    result = cli("run", machine_file(command=["sh", "-c", script])).check()
    assert "zombie" not in result.stdout, result


def test_fifty_at_once(cli, machine_file, host_state):
    """Fifty machines start together and none disturbs another."""
    names = [f"many{number}-{os.getpid()}" for number in range(50)]
    paths = [machine_file(names[number], command=["sh", "-c", f"hostname; exit {number}"])
             for number in range(50)]
    cli("run", paths[0]).check(0)
    with host_state.unchanged(ignore=("files",)):
        running = [cli.start("run", path) for path in paths]
        for number, one in enumerate(running):
            result = one.wait(timeout=120)
            assert (result.status, result.stdout) == (number, names[number] + "\n"), result


def test_same_machine_twice_at_once(cli, machine_file):
    """A machine that runs is not started again."""
    path = machine_file(command=["sh", "-c", "echo ready; exec sleep 60"])
    running = cli.start("run", path)
    running.read_until("ready\n")
    result = cli("run", path).check(125)
    assert "test" in result.stderr and "run" in result.stderr
    running.signal(signal.SIGKILL)


# ---- The terminal ----


def test_terminal(cli, machine_file):
    """On a terminal the payload gets its own terminal of the same size."""
    terminal = cli.terminal("run", machine_file(command=["sh", "-c", "tty; stty size; exit 5"]),
                            rows=33, columns=101)
    assert terminal.wait() == 5
    assert re.search(r"/dev/(console|pts/\d+)\r\n33 101\r\n", terminal.text), terminal.text


def test_terminal_is_not_the_hosts(cli, machine_file):
    """The payload's terminal is a device of the machine: the host's is not within reach."""
    script = "for n in 0 1 2; do stat -L -c %d /proc/$$/fd/$n; done; true"
    terminal = cli.terminal("run", machine_file(command=["sh", "-c", script]))
    host = os.fstat(terminal.slave).st_dev
    assert terminal.wait() == 0
    # Names are the same in each devpts; the file systems are not.
    inside = {int(line) for line in terminal.text.split()}
    assert len(inside) == 1 and host not in inside, terminal.text


def test_window_size_follows(cli, machine_file):
    """The payload learns when the window size changes."""
    terminal = cli.terminal("run", machine_file(command=[
        "sh", "-c", "trap 'stty size; exit 4' WINCH; echo ready; while :; do sleep 0.05; done"]))
    terminal.read_until("ready\r\n")
    terminal.resize(50, 132)
    assert terminal.wait() == 4
    assert "50 132" in terminal.text


def test_modes_are_restored(cli, machine_file):
    """While it runs the terminal is raw; afterwards it is as it was."""
    terminal = cli.terminal("run", machine_file(command=["sh", "-c", "echo ready; read x"]))
    terminal.read_until("ready\r\n")
    assert terminal.modes() != terminal.modes_before
    terminal.send("\r")
    assert terminal.wait() == 0
    assert terminal.modes() == terminal.modes_before


def test_modes_are_restored_after_a_signal(cli, machine_file):
    """Even if `run` is terminated by a signal."""
    terminal = cli.terminal("run", machine_file(command=["sh", "-c", "echo ready; exec sleep 60"]))
    terminal.read_until("ready\r\n")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.wait()
    assert terminal.modes() == terminal.modes_before


def test_control_c(cli, machine_file):
    """Ctrl-C is the payload's to handle."""
    terminal = cli.terminal("run", machine_file(command=["sh", "-c", TRAPS]))
    terminal.read_until("ready\r\n")
    terminal.send("\x03")
    assert terminal.wait() == 8
    assert "int" in terminal.text


def test_second_control_c_kills(cli, machine_file, workspace):
    """Where the payload has no terminal, Ctrl-C is a signal to `run`; the second one kills a payload
    that ignores the first."""
    with open(workspace / "output", "w+b") as output:
        terminal = cli.terminal("run", machine_file(command=[
            "sh", "-c", "trap 'echo ignored' INT; echo ready; while :; do sleep 0.05; done"]),
            stdout=output)
        for word in (b"ready", b"ignored"):
            harness.wait_for(lambda: word in (workspace / "output").read_bytes(), 20, word)
            terminal.send("\x03")
        assert terminal.wait(timeout=20) == 128 + signal.SIGKILL


def test_many_control_c(cli, machine_file):
    """With its own terminal the payload can handle any number of interrupts."""
    terminal = cli.terminal("run", machine_file(command=[
        "sh", "-c", "n=0; trap 'echo ignored; n=$((n+1)); [ $n = 3 ] && exit 3' INT; echo ready;"
        "while :; do sleep 0.05; done"]))
    terminal.read_until("ready\r\n")
    for _ in range(3):
        terminal.send("\x03")
        terminal.read_until("ignored\r\n")
    assert terminal.wait() == 3


def test_job_control(cli, machine_file):
    """An interactive shell has its terminal: no complaint about job control."""
    terminal = cli.terminal("run", machine_file(command=["sh", "-i"]))
    terminal.read_until(r"[#$] ")
    terminal.send("sleep 30\r")
    time.sleep(0.3)
    terminal.send("\x1a")
    terminal.read_until(r"\[1\]\+\s+Stopped")
    # The first one only warns that there are stopped jobs.
    terminal.send("exit 6\rexit 6\r")
    assert terminal.wait() == 6


@pytest.mark.parametrize("data", [b"", b"a line\n", b"no end of line", b"x\n" * 20000])
@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_input_that_ends_on_a_terminal_of_the_machine(cli, machine_file, workspace, kind, data):
    """A terminal requested by the definition gets the caller's input and its end."""
    path = machine_file(command=["sh", "-c", "stty -echo -onlcr; echo ready; exec cat"],
                        terminal=True)
    if kind == "file":
        (workspace / "input").write_bytes(data)
        with open(workspace / "input", "rb") as source:
            result = cli("run", path, stdin=source, timeout=20).check()
    else:
        result = cli("run", path, input=data, timeout=20).check()
    # What was typed before the echo was switched off is echoed.
    assert result.stdout.endswith(data.decode())


def test_no_terminal_with_output_elsewhere(cli, machine_file, workspace):
    """Output to a file is unchanged, without the line ends of a terminal."""
    with open(workspace / "output", "w+b") as output:
        terminal = cli.terminal("run", machine_file(command=["echo", "plain"]), stdout=output)
        assert terminal.wait() == 0
        output.seek(0)
        assert output.read() == b"plain\n"


def test_much_output_through_the_terminal(cli, machine_file):
    """Nothing is lost at the end, however much there is."""
    terminal = cli.terminal("run", machine_file(command=["seq", "1", "20000"]))
    assert terminal.wait() == 0
    assert terminal.text.endswith("20000\r\n")
    assert len(terminal.text.split()) == 20000


def test_terminal_gone(cli, machine_file, host_state):
    """When the terminal is closed, the machine ends."""
    path = machine_file(command=["sh", "-c", "echo ready; exec sleep 60"])
    cli("run", path, "--", "true").check()
    with host_state.unchanged(patience=20):
        terminal = cli.terminal("run", path)
        terminal.read_until("ready\r\n")
        os.close(terminal.slave)
        os.close(terminal.master)
        terminal.master = terminal.slave = -1
        harness.wait_for(lambda: terminal.process.poll() is not None, 20, "the end of run")
    assert not [row for row in hoststate.live_processes().values() if row[0] == "sleep"]
