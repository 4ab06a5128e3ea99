# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the black-box tests in the virtual host and sends their results to the outside."""

import os
import pathlib
import platform
import selectors
import signal
import subprocess
import sys

HOME = pathlib.Path("/usr/share/machinectl-lite-tests")
STATE = pathlib.Path("/var/lib/machinectl-lite-tests")
RESULTS = STATE / "results"
RESULTS_DISK = "/dev/vdc"
# Tests that continue after a restart, one node id per line; written by these tests.
AFTER_REBOOT = STATE / "after-reboot"

# Additional results: the name of a file and the command that prints it.
REPORTS = {
    "journal.txt": ["journalctl", "--no-pager", "--output=short-precise"],
    "failed-units.txt": ["systemctl", "--no-pager", "--failed", "--full"],
    "core-dumps.txt": ["coredumpctl", "--no-pager", "info"],
}
CORES = "/var/lib/systemd/coredump"
STOP_GRACE = 40
REPORT_LIMIT = 60


def open_port(name):
    """Opens the channel that QEMU calls NAME."""
    for entry in pathlib.Path("/sys/class/virtio-ports").iterdir():
        if (entry / "name").read_text().strip() == f"machinectl-lite.{name}":
            return os.open(f"/dev/{entry.name}", os.O_RDWR | os.O_CLOEXEC)
    raise SystemExit(f"QEMU has no channel {name}")


class Control:
    def __init__(self):
        self.fd = open_port("control")

    def tell(self, *words):
        os.write(self.fd, (" ".join(map(str, words)) + "\n").encode())


def pytest_command(arguments, start):
    return [
        "/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "announce",
        f"--junitxml={RESULTS}/junit-{start}.xml", *arguments,
    ]


def run_tests(control, output, arguments, start):
    """Runs pytest until it exits or is asked to stop; returns its exit status."""
    # The environment of a login: with the unit's variables, programs would behave as services.
    environment = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "LOGNAME": "root",
        "PATH": os.environ["PATH"],
        "SHELL": "/bin/bash",
        "TERM": "xterm-256color",
        "USER": "root",
        "PYTHONPATH": str(HOME / "source/tests/vm/guest"),
        "MACHINECTL_LITE_BINARY": "/usr/bin/machinectl-lite",
        "MACHINECTL_LITE_TESTS_VM": platform.freedesktop_os_release()["VERSION_CODENAME"],
        "MACHINECTL_LITE_TESTS_CONTROL": str(control.fd),
        "MACHINECTL_LITE_TESTS_AFTER_REBOOT": str(AFTER_REBOOT),
        "MACHINECTL_LITE_TESTS_START": str(start),
    }
    tests = subprocess.Popen(
        pytest_command(arguments, start), cwd=HOME / "source", env=environment,
        stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        pass_fds=[control.fd],
    )
    with selectors.DefaultSelector() as selector:
        selector.register(control.fd, selectors.EVENT_READ)
        child = os.pidfd_open(tests.pid)
        selector.register(child, selectors.EVENT_READ)
        ready = {key.fd for key, _ in selector.select()}
    os.close(child)
    if control.fd in ready and tests.poll() is None:
        stop(tests)
    return tests.wait()


def stop(tests):
    """As Ctrl-C does, which prints where pytest was, then with SIGKILL."""
    tests.send_signal(signal.SIGINT)
    try:
        tests.wait(STOP_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(tests.pid, signal.SIGKILL)


def save(control):
    for name, command in REPORTS.items():
        with open(RESULTS / name, "wb") as file:
            try:
                subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=REPORT_LIMIT)
            except subprocess.TimeoutExpired:
                file.write(b"\n(this took too long)\n")
    with open(RESULTS_DISK, "wb") as disk:
        archive = ["tar", "--create", "--directory", RESULTS.parent, RESULTS.name]
        if os.path.isdir(CORES):
            archive += ["--directory", os.path.dirname(CORES), os.path.basename(CORES)]
        subprocess.run(archive, stdout=disk, check=True)
        os.fsync(disk.fileno())
    control.tell("saved")


def main():
    control = Control()
    output = open_port("output")
    RESULTS.mkdir(parents=True, exist_ok=True)
    start = 1 + len(list(RESULTS.glob("junit-*.xml")))
    system = platform.freedesktop_os_release()
    control.tell("boot", f"{system['PRETTY_NAME']}, Linux {platform.release()}")

    if AFTER_REBOOT.exists():
        arguments = AFTER_REBOOT.read_text().splitlines()
        AFTER_REBOOT.unlink()
    else:
        arguments = (HOME / "arguments").read_text().split("\0")
    status = run_tests(control, output, arguments, start)

    control.tell("finished", status if status >= 0 else 128 - status)
    if AFTER_REBOOT.exists():
        control.tell("reboot")
        return subprocess.run(["systemctl", "reboot"]).returncode
    save(control)
    return subprocess.run(["systemctl", "poweroff"]).returncode


if __name__ == "__main__":
    sys.exit(main())
