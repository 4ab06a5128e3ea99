# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of the virtual host, from power on to power off, with a time limit for every phase."""

import collections
import contextlib
import selectors
import signal
import socket
import subprocess
import sys
import time

import qemu
import settings
from commands import TAIL_LINES, say

CHANNELS = ("console", "output", "control")
TICK = 0.2


class Limits:
    """Seconds for each phase, and how long tests may print nothing before they count as hanging."""

    def __init__(self, tests, silence):
        self.silence = silence
        self.phases = {
            "boot": settings.BOOT_LIMIT,
            "tests": tests,
            # After a limit was exceeded: time to end the tests and save their results.
            "stop": settings.RESULTS_LIMIT,
            "results": settings.RESULTS_LIMIT,
            "shutdown": settings.SHUTDOWN_LIMIT,
        }


class Session:
    """
    Reads what the virtual host says on its channels and ends it when a limit passes.

    console is the kernel's, output the tests', control a line for each step of guest/run_tests.py.
    """

    def __init__(self, limits, watch, results):
        self.limits = limits
        self.watch = watch
        self.results = results
        self.phase = "boot"
        self.phase_start = self.last_sound = time.monotonic()
        self.problem = None
        self.status = None
        self.saved = False
        self.reboot = False
        self.test = None
        self.console_tail = collections.deque(maxlen=TAIL_LINES * 200)
        self.console_kept = None
        self.control_rest = b""
        self.control = None

    def enter(self, phase):
        self.phase = phase
        self.phase_start = self.last_sound = time.monotonic()

    def run(self, command):
        """Runs QEMU with COMMAND until it exits."""
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            theirs = {}
            for name in CHANNELS:
                ours, theirs[name] = socket.socketpair()
                stack.callback(ours.close)
                ours.setblocking(False)
                selector.register(ours, selectors.EVENT_READ, name)
                if name == "control":
                    self.control = ours
            logs = {
                name: stack.enter_context(open(self.results / f"{name}.log", "ab"))
                for name in CHANNELS
            }
            process = self.start(command, theirs, logs["console"])
            previous = signal.getsignal(signal.SIGINT)
            if previous is signal.default_int_handler:
                signal.signal(signal.SIGINT, self.on_interrupt)
                stack.callback(signal.signal, signal.SIGINT, previous)
            try:
                self.attend(process, selector, logs)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def on_interrupt(self, *_):
        """Ctrl-C stops the tests and fetches their results; a second one does not wait."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.phase != "tests":
            raise KeyboardInterrupt
        self.complain("interrupted")
        self.ask_to_stop()

    def start(self, command, channels, errors):
        ports = ["-device", "virtio-serial-pci"]
        for name in ("output", "control"):
            ports += qemu.port(name, channels[name].fileno())
        # QEMU must not outlive this process.
        words = ["setpriv", "--pdeathsig", "KILL", *command,
                 *qemu.console_on(channels["console"].fileno()), *ports]
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            pass_fds=[channel.fileno() for channel in channels.values()],
            # Ctrl-C must only reach this process.
            start_new_session=True,
        )
        for channel in channels.values():
            channel.close()
        return process

    def attend(self, process, selector, logs):
        while True:
            ended = process.poll() is not None
            # The last output is still in the sockets after the end.
            for key, _ in selector.select(0 if ended else TICK):
                self.read(key.fileobj, key.data, logs[key.data], selector)
            if ended and not selector.get_map():
                break
            if not ended and not self.within_limits():
                process.send_signal(signal.SIGKILL)
        if self.phase != "shutdown" and not self.problem:
            self.problem = self.describe_end(process.returncode)

    def read(self, channel, name, log, selector):
        try:
            data = channel.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            selector.unregister(channel)
            return
        log.write(data)
        log.flush()
        getattr(self, f"heard_{name}")(data)

    def heard_console(self, data):
        self.console_tail.extend(data)

    def heard_output(self, data):
        self.last_sound = time.monotonic()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def heard_control(self, data):
        *lines, self.control_rest = (self.control_rest + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            self.last_sound = time.monotonic()
            if word == "boot":
                say(f"{rest}, up after {self.watch}")
                self.enter("tests")
            elif word == "test":
                if self.test is None:
                    say(f"first test after {self.watch}")
                self.test = rest
            elif word == "finished":
                self.status = int(rest)
                self.test = None
                self.enter("results")
            elif word == "saved":
                self.saved = True
                self.enter("shutdown")
            elif word == "reboot":
                self.reboot = True
                self.enter("shutdown")

    def within_limits(self):
        """Whether the virtual host may continue; asks its tests to stop before it is killed."""
        now = time.monotonic()
        limit = self.limits.phases[self.phase]
        if now - self.phase_start > limit:
            self.complain(f"{self.phase} took longer than {limit} s")
        elif self.phase == "tests" and now - self.last_sound > self.limits.silence:
            self.complain(f"nothing was heard from the tests for {self.limits.silence} s")
        else:
            return True
        if self.phase != "tests":
            return False
        return self.ask_to_stop()

    def ask_to_stop(self):
        with contextlib.suppress(OSError):
            self.control.send(b"stop\n")
        self.enter("stop")
        return True

    def complain(self, text):
        if not self.problem:
            self.problem = text + self.at_test()
            # Saved now, because the shutdown would push the relevant lines out.
            self.console_kept = self.console()

    def at_test(self):
        return f" while {self.test} ran" if self.test else ""

    def panicked(self):
        return b"Kernel panic" in bytes(self.console_tail)

    def panicked_at_boot(self):
        return self.phase == "boot" and self.panicked()

    def describe_end(self, status):
        if self.panicked():
            return f"its kernel panicked{self.at_test()}"
        if status:
            return f"QEMU ended with status {status} during {self.phase}{self.at_test()}"
        return f"it went down during {self.phase}{self.at_test()}"

    def console(self):
        """The last lines of the console at the time of a failure."""
        if self.console_kept:
            return self.console_kept
        text = bytes(self.console_tail).decode(errors="replace").replace("\r", "")
        return "\n".join(text.splitlines()[-TAIL_LINES:]) or "(nothing)"
