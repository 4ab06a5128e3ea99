# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines as services of a user's own systemd."""

import json
import subprocess
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

    def __init__(self, name, binary):
        super().__init__(name)
        self.binary = binary

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
        made = Session(name, harness.find_binary())
        for root in ("web", "other"):
            target = made.home / f"root-{root}"
            target.mkdir()
            roots.copy(busybox_root, target)
            subprocess.run(["chown", "-hR", f"{made.uid}:{made.uid}", target], check=True)
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
