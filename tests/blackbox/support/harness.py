# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the real binary as a user does: with its own directories and a time limit. All its output is
kept for the message of a failure."""

import contextlib
import errno
import fcntl
import json
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import hoststate

SOURCE = Path(__file__).resolve().parents[3]
DIRECTORIES = {
    "MACHINECTL_LITE_CONFIG_PATH": "config",
    "MACHINECTL_LITE_STATE_DIR": "state",
    "MACHINECTL_LITE_RUNTIME_DIR": "runtime",
    "MACHINECTL_LITE_LOG_DIR": "log",
}
# Mounts cgroup v2 over the host's cgroup v1 tree, in the command's own mount namespace; the process
# started by the test is the command itself. The kernel refuses a second mount of the same file
# system at the same place (EBUSY), so an existing one is kept.
WITH_CGROUP2 = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                '[ -e /sys/fs/cgroup/cgroup.controllers ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup'
                ' || exit; exec "$@"', "sh"]


def find_binary():
    """The binary under test: MACHINECTL_LITE_BINARY, or that of `meson setup build`."""
    chosen = os.environ.get("MACHINECTL_LITE_BINARY")
    if chosen:
        return chosen
    for candidate in ("build/src/cli/machinectl-lite", "build/src/machinectl-lite",
                      "build/machinectl-lite"):
        if (SOURCE / candidate).exists():
            return str(SOURCE / candidate)
    return str(SOURCE / "build/src/cli/machinectl-lite")


def is_sanitized(binary):
    """Whether a binary was built with AddressSanitizer, which costs memory and time, and whose leak
    detector does not work under another tracer."""
    return b"__asan_init" in Path(binary).read_bytes()


@dataclass
class Result:
    """The result of a command. Death by a signal is a negative status."""

    command: list
    status: int
    stdout: str
    stderr: str
    seconds: float

    def __str__(self):
        return (f"{shlex.join(map(str, self.command))}\nstatus {self.status} after "
                f"{self.seconds:.2f} s\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}")

    def check(self, status=0):
        """Asserts the exit status; the message contains everything."""
        assert self.status == status, f"expected status {status}\n{self}"
        return self


def kill_tree(process):
    """Kills a running command and its descendants, one of which may hold a pipe open."""
    if process.poll() is None:
        descendants = list(hoststate.live_processes(process.pid))
        process.kill()
        process.wait()
        for pid in descendants:
            kill_quietly(pid)
        # What a process holds is free only once it has ended.
        until = time.monotonic() + 5
        while hoststate.live_processes().keys() & set(descendants) and time.monotonic() < until:
            time.sleep(0.005)


class Running:
    """A command that runs in parallel to the test."""

    def __init__(self, command, environment, directory=None, **options):
        self.command = command
        self.started = time.monotonic()
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(command, env=environment, cwd=directory,
                                        stdout=options.pop("stdout", subprocess.PIPE),
                                        stderr=options.pop("stderr", subprocess.PIPE), **options)

    @property
    def pid(self):
        """The process id of the command."""
        return self.process.pid

    def signal(self, number):
        """Sends a signal to the command alone."""
        self.process.send_signal(number)

    def read_until(self, pattern, timeout=20):
        """Reads standard output until a regular expression matches; returns the match."""
        text = ""
        until = time.monotonic() + timeout
        descriptor = self.process.stdout.fileno()
        while True:
            match = re.search(pattern, text)
            if match:
                return match
            ready, _, _ = select.select([descriptor], [], [], max(0, until - time.monotonic()))
            data = os.read(descriptor, 65536) if ready else b""
            if not data:
                why = "end of output" if ready else "time is up"
                self.kill()
                raise AssertionError(f"{why} waiting for {pattern!r}\n{self.command}\n"
                                     f"stdout: {text}\nstderr: {self._rest()}")
            text += data.decode(errors="replace")

    def _rest(self):
        stream = self.process.stderr
        return stream.read().decode(errors="replace") if stream else ""

    def wait(self, timeout=30, input=None):
        """Waits for the command to exit; if it does not, it is killed and the test fails."""
        try:
            output, errors = self.process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            output, errors = self.process.communicate()
            raise AssertionError(f"did not end within {timeout} s\n" + str(
                self._result(output, errors))) from None
        return self._result(output, errors)

    def _result(self, output, errors):
        return Result(self.command, self.process.returncode, (output or b"").decode(
            errors="replace"), (errors or b"").decode(errors="replace"),
            time.monotonic() - self.started)

    def kill(self):
        """Kills the command, if it still runs, and its descendants."""
        kill_tree(self.process)


class Terminal:
    """A command on its own pseudoterminal, as for an interactive user."""

    def __init__(self, command, environment, rows=24, columns=80, stdout=None):
        self.command = command
        self.text = ""
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(rows, columns)
        self.modes_before = termios.tcgetattr(slave)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, env=environment, stdin=slave,
                                        stdout=slave if stdout is None else stdout, stderr=slave,
                                        preexec_fn=take_terminal)

    def resize(self, rows, columns):
        """Changes the window size; the kernel sends SIGWINCH to the foreground."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        """Types."""
        os.write(self.master, text.encode())

    def _read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise
        self.text += data.decode(errors="replace")
        return bool(data)

    def read_until(self, pattern, timeout=20):
        """Reads until a regular expression matches the output since the last match."""
        until = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return match
            if time.monotonic() > until:
                self.close()
                raise AssertionError(f"no {pattern!r} on the terminal, but:\n{self.text}")
            self._read(min(0.2, max(0, until - time.monotonic())))

    def wait(self, timeout=30):
        """Waits for the command to exit and returns its exit status; self.text has the remaining
        output."""
        until = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > until:
                self.close()
                raise AssertionError(f"did not end within {timeout} s; terminal:\n{self.text}")
            self._read(0.05)
        while self._read(0.05):
            pass
        return self.process.returncode

    def modes(self):
        """The current modes of the terminal."""
        return termios.tcgetattr(self.slave)

    def close(self):
        """Kills the command, if it still runs, and closes the terminal."""
        kill_tree(self.process)
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1


class Cli:
    """Runs the binary: `cli("run", "web")` returns a Result."""

    def __init__(self, directory, binary=None, environment=None):
        self.binary = binary or find_binary()
        self.directory = Path(directory)
        self.paths = {key: self.directory / name for key, name in DIRECTORIES.items()}
        self.environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
            **{key: os.environ[key] for key in os.environ
               if key.endswith("SAN_OPTIONS") or key.startswith("MACHINECTL_LITE_")},
            **{key: str(path) for key, path in self.paths.items()},
            **(environment or {}),
        }
        self._started = []
        for path in self.paths.values():
            path.mkdir(parents=True, exist_ok=True)

    def __getattr__(self, name):
        # cli.config, cli.state, cli.runtime, cli.log: the paths of the four directories.
        for key, directory in DIRECTORIES.items():
            if directory == name:
                return self.__dict__["paths"][key]
        raise AttributeError(name)

    def command(self, *arguments, cgroup2=False, wrapper=(), by_root=()):
        """The whole command line, preceded by `by_root`, which root runs, and `wrapper`."""
        front = list(by_root) + list(wrapper) + (WITH_CGROUP2 if cgroup2 else [])
        return front + [self.binary] + [str(argument) for argument in arguments]

    def _environment(self, extra):
        merged = {**self.environment, **(extra or {})}
        return {key: str(value) for key, value in merged.items() if value is not None}

    def start(self, *arguments, env=None, cwd=None, cgroup2=False, wrapper=(), by_root=(), **options):
        """Starts the command in the background: a Running. It is killed at the end of the test."""
        running = Running(self.command(*arguments, cgroup2=cgroup2, wrapper=wrapper,
                                       by_root=by_root), self._environment(env), cwd, **options)
        self._started.append(running)
        return running

    def __call__(self, *arguments, input=None, timeout=60, **options):
        """Runs the command to completion. `input` is text or bytes for standard input (default:
        empty)."""
        if isinstance(input, str):
            input = input.encode()
        if input is not None:
            options["stdin"] = subprocess.PIPE
        return self.start(*arguments, **options).wait(timeout, input)

    def terminal(self, *arguments, env=None, rows=24, columns=80, stdout=None, cgroup2=False,
                 wrapper=()):
        """Starts the command on a pseudoterminal: a Terminal."""
        terminal = Terminal(self.command(*arguments, cgroup2=cgroup2, wrapper=wrapper),
                            self._environment({"TERM": "xterm", **(env or {})}), rows, columns,
                            stdout)
        self._started.append(terminal)
        return terminal

    def finish(self):
        """Kills the commands that a test left running."""
        for running in self._started:
            if isinstance(running, Terminal):
                running.close()
            else:
                running.kill()
                for stream in (running.process.stdout, running.process.stderr,
                               running.process.stdin):
                    if stream:
                        stream.close()


def render(value):
    """A Python value in the syntax of definitions: dict, list, tuple, str, bool, int, float."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        return "{ " + " ".join(f"{key} = {render(item)};" for key, item in value.items()) + " }"
    if isinstance(value, tuple) or (isinstance(value, list) and value
                                    and isinstance(value[0], dict)):
        return "( " + ", ".join(render(item) for item in value) + " )"
    if isinstance(value, list):
        return "[ " + ", ".join(render(item) for item in value) + " ]"
    text = str(value)
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"),
                              ("\r", "\\r"), ("\f", "\\f")):
        text = text.replace(character, escape)
    return f'"{text}"'


def definition(**keys):
    """The text of a definition: definition(rootfs=..., command=[...], limits={...})."""
    return "".join(f"{key} = {render(value)};\n" for key, value in keys.items()
                   if value is not None)


def wait_for(condition, timeout=20, what="the condition"):
    """Calls `condition` until it returns a true value, which is returned."""
    until = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"waited {timeout} s for {what}"
        time.sleep(0.02)


def state_of(cli, name):
    """The output of `show` for a machine."""
    return json.loads(cli("show", name).check().stdout)


def kill_quietly(pid, number=signal.SIGKILL):
    """Sends a signal to a process that may have exited."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


@contextlib.contextmanager
def serving(server):
    """Runs a socketserver during the block."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
