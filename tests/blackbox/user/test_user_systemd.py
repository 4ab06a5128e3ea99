# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines as services of a user's own systemd."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import harness
import pytest
import roots
import sessions
import users

pytestmark = pytest.mark.needs("root", "systemd", "virtual-host")

FOREVER = ["sh", "-c", "echo up; trap 'exit 0' TERM; while :; do sleep 0.1; done"]


class Session(sessions.Session):
    """A user's session with machines."""

    def __init__(self, name, binary, new=True):
        super().__init__(name, new)
        self.binary = binary

    def prepare(self, root):
        """Copies of a root for two machines."""
        for name in ("web", "other"):
            target = self.home / f"root-{name}"
            target.mkdir()
            roots.copy(root, target)
            subprocess.run(["chown", "-hR", f"{self.uid}:{self.uid}", target], check=True)
        return self

    def lite(self, *arguments, **options):
        return self.run(self.binary, *arguments, **options)

    def define(self, name, **keys):
        directory = self.home / ".config/machines"
        keys = {"rootfs": str(self.home / f"root-{name}"), "network": {"mode": "none"},
                "command": FOREVER, "stop": {"timeout": "5s"}, **keys}
        text = harness.definition(**keys)
        self.run("sh", "-c", f"mkdir -p {directory}; cat > {directory}/{name}.machine <<'X'\n{text}\nX")
        return directory / f"{name}.machine"

    def pid(self, name):
        found = json.loads(self.lite("--json=short", "list").stdout)
        return next((each["pid"] for each in found if each["name"] == name), None)

    def close(self):
        self.lite("stop", "--all", check=False)
        super().close()


@pytest.fixture
def session(busybox_root):
    with users.account() as name:
        made = Session(name, harness.find_binary()).prepare(busybox_root)
        yield made
        made.close()


def test_unit(session):
    """Started, restarted after a failure of systemd's, and stopped, as root's units are."""
    session.define("web")
    session.systemctl("start", "container@web")
    pid = session.pid("web")
    assert "/app.slice/container@web.service/" in session.group(pid)
    assert session.lite("exec", "web", "echo", "hello").stdout == "hello\n"
    session.systemctl("restart", "container@web")
    assert session.pid("web") not in (None, pid)
    session.systemctl("stop", "container@web")
    assert session.pid("web") is None


def show(session, name, *properties):
    """Properties of a machine's unit."""
    done = session.systemctl("show", *(f"--property={each}" for each in properties),
                             f"container@{name}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_failure(session):
    """The payload's status is the unit's; `status` of the machine tells it, too."""
    session.define("web", command=["sh", "-c", "sleep 1; exit 3"])
    session.systemctl("start", "container@web")
    harness.wait_for(lambda: show(session, "web", "ActiveState")["ActiveState"] == "failed", 60,
                     "the unit to fail")
    assert show(session, "web", "Result", "ExecMainStatus") == {"Result": "exit-code",
                                                                "ExecMainStatus": "3"}
    session.define("web")
    session.systemctl("start", "container@web")
    assert session.pid("web")


def test_killed_supervisor(session):
    """The unit fails, and nothing of the machine stays; another start works."""
    session.define("web")
    session.systemctl("start", "container@web")
    pid = session.pid("web")
    session.systemctl("kill", "--kill-who=main", "--signal=SIGKILL", "container@web")
    harness.wait_for(lambda: show(session, "web", "Result")["Result"] == "signal", 60,
                     "the unit to fail")
    harness.wait_for(lambda: not Path(f"/proc/{pid}").exists(), 60, "the payload to end")
    session.systemctl("start", "container@web")
    assert session.pid("web") not in (None, pid)


def test_watchdog(session):
    """A supervisor tells the manager that it is alive; one that does not is replaced, as the unit
    says, with all of its machine."""
    session.define("web")
    drop_in = session.home / ".config/systemd/user/container@web.service.d"
    session.run("sh", "-c", f"mkdir -p {drop_in}; printf '[Service]\\nWatchdogSec=5s\\n"
                            f"Restart=on-watchdog\\n' >{drop_in}/watchdog.conf")
    session.systemctl("daemon-reload")
    session.systemctl("start", "container@web")
    pid = session.pid("web")
    time.sleep(12)
    assert session.pid("web") == pid and show(session, "web", "NRestarts")["NRestarts"] == "0"
    supervisor = int(show(session, "web", "MainPID")["MainPID"])
    os.kill(supervisor, signal.SIGSTOP)
    harness.wait_for(lambda: show(session, "web", "NRestarts", "ActiveState") == {
        "NRestarts": "1", "ActiveState": "active"}, 120, "the restart")
    assert not Path(f"/proc/{pid}").exists() and not Path(f"/proc/{supervisor}").exists()
    assert session.pid("web") not in (None, pid)


def test_start_by_name_is_the_unit(session):
    session.define("web")
    session.lite("start", "web")
    assert session.systemctl("is-active", "container@web").stdout == "active\n"
    session.lite("stop", "web")
    assert session.systemctl("is-active", "container@web", check=False).stdout != "active\n"


def test_limits_of_a_path(session):
    """A machine given by its path gets a scope, with the controllers that are delegated."""
    path = session.define("web", limits={"memory": "64M", "tasks": 50})
    session.lite("start", path)
    group = session.group(session.pid("web"))
    assert ".scope/" in group and "/app.slice/" in group
    assert (Path("/sys/fs/cgroup") / group[1:] / "memory.max").read_text() == f"{64 << 20}\n" or \
           (Path("/sys/fs/cgroup") / group[1:]).parent.joinpath("memory.max").read_text() == \
           f"{64 << 20}\n"
    session.lite("stop", "web")


def test_enable_and_autostart(session):
    """Both begin with the user's service manager."""
    session.define("web")
    session.define("other", autostart=True)
    session.lite("enable", "web")
    subprocess.run(["systemctl", "restart", f"user@{session.uid}.service"], check=True)
    harness.wait_for(lambda: session.pid("web") and session.pid("other"), 60, "both machines")


@pytest.fixture
def online():
    """A route of the host, to nowhere; without one pasta does not run."""
    subprocess.run(["ip", "link", "add", "test-out", "type", "dummy"], check=True)
    for words in (["link", "set", "test-out", "up"], ["addr", "add", "192.0.2.1/24", "dev", "test-out"]):
        subprocess.run(["ip", *words], check=True)

    def add():
        subprocess.run(["ip", "route", "add", "default", "via", "192.0.2.9"], check=True)

    yield add
    subprocess.run(["ip", "link", "del", "test-out"], check=True)


def _way_out(session):
    shown = json.loads(session.lite("--json=short", "network", "status", "default").stdout)
    return shown["uplink"] if isinstance(shown, dict) else shown[0]["uplink"]


@pytest.mark.needs("program:pasta")
@pytest.mark.parametrize("confined", [
    False, pytest.param(True, marks=pytest.mark.needs("security-module:apparmor"))])
def test_way_out_of_a_service(session, online, confined):
    """Also with the distribution's profile of AppArmor. The program has a scope of its own, and
    outlives the unit that started it."""
    profile = next(Path("/etc/apparmor.d").glob("usr.bin.pas[st]*"))
    if confined:
        subprocess.run(["apparmor_parser", "-r", *Path("/etc/apparmor.d").glob("usr.bin.pas[st]*")],
                       check=True)
    try:
        session.define("web", network={"mode": "bridge"})
        session.define("other", network={"mode": "bridge"})
        session.systemctl("start", "container@web")
        # Offline.
        harness.wait_for(lambda: _way_out(session)["reason"], 60, "an end without a route")
        online()
        harness.wait_for(lambda: _way_out(session)["serving"], 60, "the way out")
        pid = _way_out(session)["pid"]
        label = Path(f"/proc/{pid}/attr/current")
        assert not confined or label.read_text().startswith("pas"), label.read_text()
        session.systemctl("start", "container@other")
        session.systemctl("stop", "container@web")
        assert _way_out(session)["pid"] == pid and _way_out(session)["serving"]
        assert f"machinectl-lite-network-{pid}.scope" in session.group(pid)
        session.systemctl("stop", "container@other")
        harness.wait_for(lambda: not Path(f"/proc/{pid}").exists(), 30, "its end")
    finally:
        if confined:
            subprocess.run(["apparmor_parser", "-R", profile], check=False)


def test_warning_of_logout(session):
    """Only without lingering."""
    path = session.define("web")
    # The account counts, not what the variable says.
    started = session.run("env", "USER=nobody", session.binary, "start", path)
    assert "enable-linger" not in started.stderr
    session.lite("stop", "web")
    # The user's service manager and directory may go soon after this, but are there for the warning.
    Path(f"/var/lib/systemd/linger/{session.name}").unlink()
    started = session.lite("start", session.home / ".config/machines/web.machine", check=False)
    assert "enable-linger" in started.stderr


def test_doctor(session):
    """What is delegated, and that machines stay."""
    found = {each["check"]: each for each in
             json.loads(session.lite("--json=short", "doctor", check=False).stdout)}
    assert "lingering" in found["linger"]["found"]
    assert found["systemd"]["way_out"] is None
    assert "delegated" in found["delegation"]["found"]


# ---- logging out, and the host's reboot ----

@pytest.mark.parametrize("lingers", [True, False])
def test_logout(session, lingers):
    """A machine ends with the last session, as a service does, unless the user lingers."""
    unit = session.log_in()
    if not lingers:
        subprocess.run(["loginctl", "disable-linger", session.name], check=True)
    path = session.define("web", command=[
        "sh", "-c", "trap 'echo ended >/kept; exit 0' TERM; while :; do sleep 0.1; done"])
    started = session.lite("start", "web")
    assert ("loginctl enable-linger" in started.stderr) == (not lingers)
    pid = session.pid("web")
    subprocess.run(["systemctl", "stop", unit], check=True)
    harness.wait_for(lambda: not session.sessions(), 60, "the end of the session")
    if lingers:
        # Longer than UserStopDelaySec of logind.conf(5).
        time.sleep(15)
        assert session.pid("web") == pid
        session.lite("stop", "web")
        return
    harness.wait_for(lambda: not Path(f"/proc/{pid}").exists(), 120, "the end of the machine")
    harness.wait_for(lambda: not session.runtime.exists(), 60, "the end of the manager")
    assert (session.home / "root-web/kept").read_text(encoding="utf-8") == "ended\n"
    session.linger()
    session.lite("start", path)
    session.lite("stop", "web")


@pytest.mark.needs("reboot")
def test_machines_start_again_when_the_host_boots(reboot, busybox_root):
    """Of a user who lingers: one that is enabled, and one with autostart."""
    name = "mlite-comes"
    if reboot.count == 0:
        subprocess.run(["useradd", "--no-create-home", "--user-group", name], check=True)
        session = Session(name, harness.find_binary()).prepare(busybox_root)
        session.define("web")
        session.define("other", autostart=True)
        session.lite("enable", "web")
        session.lite("start", "web")
        session.lite("exec", "web", "sh", "-c", "echo before > /kept")
        reboot.request()
        return
    session = Session(name, harness.find_binary(), new=False)
    try:
        harness.wait_for(lambda: session.pid("web") and session.pid("other"), 120, "both machines")
        assert session.lite("exec", "web", "cat", "/kept").stdout == "before\n"
        assert session.systemctl("is-active", "container@other").stdout == "active\n"
    finally:
        session.close()
        subprocess.run(["userdel", name], check=False)


# ---- limits ----

def test_limits_hold(session):
    """Of memory, processors and tasks, in a unit of the user's manager."""
    session.define("web", limits={"memory": "32M", "swap": "0", "cpu": "20%", "tasks": 20},
                   command=["sh", "-c", "while :; do sleep 1; done"])
    session.lite("start", "web")
    eaten = session.lite("exec", "web", "sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1",
                         check=False)
    assert eaten.returncode == 137, eaten
    forked = session.lite("exec", "web", "sh", "-c",
                          "for i in $(seq 50); do sleep 5 & done; wait", check=False)
    assert "fork" in forked.stderr, (forked, session.lite("status", "web", check=False).stdout)
    busy = session.lite("exec", "web", "timeout", "3", "sh", "-c", "while :; do :; done",
                        check=False)
    [stats] = json.loads(session.lite("stats", "--no-stream", "--json=short", "web").stdout)
    assert busy.returncode in (124, 143) and stats["cpu"] < 2_000_000, (busy, stats)
    session.lite("stop", "web")


# Controller, key, value.
NEEDS = [("cpu", "cpu", "50%"), ("cpuset", "cpus", "0"), ("io", "io_weight", 50),
         ("memory", "memory", "64M"), ("pids", "tasks", 50)]


@pytest.mark.parametrize("delegated", ["cpu", "memory pids"])
def test_missing_controllers(session, delegated):
    """An error for each key that needs one, with the drop-in that delegates it."""
    drop_in = Path(f"/etc/systemd/system/user@{session.uid}.service.d/delegate.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nDelegate=\nDelegate={delegated}\n", encoding="utf-8")
    try:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "restart", f"user@{session.uid}.service"], check=True)
        session.await_manager()
        group = Path(f"/sys/fs/cgroup/user.slice/user-{session.uid}.slice/user@{session.uid}.service")
        present = (group / "cgroup.controllers").read_text(encoding="utf-8").split()
        missing = [need for need in NEEDS if need[0] not in present]
        assert "cpuset" in [need[0] for need in missing], present
        for controller, key, value in NEEDS:
            path = session.define("web", limits={key: value})
            done = session.lite("start", path, check=False)
            if controller in present:
                assert done.returncode == 0, done
                session.lite("stop", "web")
                continue
            assert done.returncode != 0, done
            assert f'limits.{key} needs the controller "{controller}"' in done.stderr, done
            assert "/etc/systemd/system/user@.service.d/delegate.conf" in done.stderr, done
            assert "Delegate=cpu cpuset io memory pids" in done.stderr, done
    finally:
        shutil.rmtree(drop_in.parent)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
