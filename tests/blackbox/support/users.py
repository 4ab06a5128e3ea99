# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ordinary users of this host, and the binary as they run it: without root's rights, with a clean
environment, in their own directories."""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

import harness
import pytest
import roots

# Not by the pid: tests in other pid namespaces run beside these.
PUBLIC = Path(f"/var/tmp/machinectl-lite-tests-bin-{secrets.token_hex(8)}")
GATES = ("newuidmap", "newgidmap", "useradd", "setpriv")


def missing_tools():
    """A program that tests with users need and this host lacks, or None."""
    return next((name for name in GATES if not shutil.which(name)), None)


def _may_everybody_execute(path):
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


def public_binary():
    """The binary under test at a place that every user reaches: a build in root's home is copied,
    as it lies in its tree."""
    binary = Path(harness.find_binary()).resolve()
    if _may_everybody_execute(binary):
        return str(binary)
    source = binary.parents[1]
    # Of each build once: a program that runs cannot be written to.
    target = PUBLIC / hashlib.sha256(str(source).encode()).hexdigest()[:16]
    if target.exists():
        return str(target / binary.relative_to(source))
    for path in source.rglob("machine*"):
        if path.is_file() and os.access(path, os.X_OK) and not path.suffix:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    for path in [PUBLIC, target, *target.rglob("*")]:
        path.chmod(0o755)
    return str(target / binary.relative_to(source))


def forget_public_binary():
    """Removes the copy."""
    shutil.rmtree(PUBLIC, ignore_errors=True)


class User(harness.Cli):
    """Runs the binary as an ordinary user: `user("run", "web")` returns a Result."""

    def __init__(self, directory, name, binary):
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid
        super().__init__(directory, binary)
        self.home = Path(directory, "home")
        self.session = Path(directory, "session")
        for path in (Path(directory), *self.paths.values()):
            if path != Path(directory):
                path.rmdir()
        for path in (self.home, self.session):
            path.mkdir(mode=0o700)
            os.chown(path, self.uid, self.gid)
        self.paths = {
            "MACHINECTL_LITE_CONFIG_PATH": self.home / ".config/machines",
            "MACHINECTL_LITE_STATE_DIR": self.home / ".local/share/machinectl-lite",
            "MACHINECTL_LITE_RUNTIME_DIR": self.session / "machinectl-lite",
            "MACHINECTL_LITE_LOG_DIR": self.home / ".local/state/machinectl-lite",
        }
        self.environment = {
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.home),
            "USER": name, "XDG_RUNTIME_DIR": str(self.session),
            **{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")},
        }
        self.make(self.config)

    def become(self):
        """The front of a command that runs as this user, without supplementary groups."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--"]

    def command(self, *arguments, cgroup2=False, wrapper=(), by_root=()):
        return list(by_root) + self.become() + list(wrapper) + [self.binary] + [str(item) for item in arguments]

    def start(self, *arguments, cwd=None, **options):
        return super().start(*arguments, cwd=cwd or self.home, **options)

    def run(self, *command, **options):
        """Runs another program as this user."""
        options.setdefault("cwd", self.home)
        return subprocess.run(self.become() + [str(item) for item in command], check=False,
                              capture_output=True, text=True, env=self.environment, timeout=60,
                              **options)

    def make(self, path):
        """Makes a directory with its parents, which then belong to the user."""
        missing = [part for part in [path, *path.parents] if not part.exists()]
        for part in reversed(missing):
            part.mkdir()
            os.chown(part, self.uid, self.gid)
        return path

    def own(self, path):
        """Gives a file or tree to the user."""
        subprocess.run(["chown", "-hR", f"{self.uid}:{self.gid}", path], check=True)
        return path

    def copy_root(self, root, name="root"):
        """A copy of a root directory that belongs to the user."""
        target = self.home / name
        target.mkdir()
        roots.copy(root, target)
        return self.own(target)

    def define(self, name, **keys):
        """Writes a definition to the user's search path, without a network unless the keys
        configure one."""
        keys = {"network": {"mode": "none"}, **keys}
        path = self.config / f"{name}.machine"
        path.write_text(harness.definition(**keys), encoding="utf-8")
        return self.own(path)

    def processes(self):
        """All processes of the user and of his subordinate ids on the host."""
        mine = set(range(*self.subordinate())) | {self.uid}
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if (entry.name.isdigit() and entry.stat().st_uid in mine
                        and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"):
                    found.append(int(entry.name))
        return found

    def subordinate(self):
        """The first range of /etc/subuid, as (first, after the last); (0, 0) without one."""
        for line in Path("/etc/subuid").read_text(encoding="utf-8").splitlines():
            name, first, count = line.split(":")
            if name == self.name:
                return int(first), int(first) + int(count)
        return 0, 0


@contextlib.contextmanager
def account(ids=True):
    """The name of a new account, with subordinate ids or without. The next account may get the same
    uid, so nothing is left at the places that are named after it."""
    name = f"mlite-{secrets.token_hex(4)}"
    subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", "--user-group",
                    *([] if ids else ["--system"]), name], check=True, capture_output=True)
    uid = pwd.getpwnam(name).pw_uid
    try:
        yield name
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
        for place in (f"/tmp/machinectl-lite-{uid}", f"/run/user/{uid}"):
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def user_binary():
    """The binary at a place that users reach."""
    yield public_binary()
    forget_public_binary()


def _made(directory, name, binary):
    user = User(directory, name, binary)
    yield user
    user.finish()
    for pid in user.processes():
        harness.kill_quietly(pid)
    harness.wait_for(lambda: not user.processes(), what="the user's processes to end")


def _check_host():
    lacking = missing_tools()
    if os.geteuid() != 0 or lacking:
        pytest.skip(f"needs {lacking or 'root'} to make an ordinary user")


@pytest.fixture
def user(workspace, user_binary):
    """An ordinary user with subordinate ids, and the binary as he runs it."""
    _check_host()
    with account() as name:
        yield from _made(workspace / "user", name, user_binary)


@pytest.fixture
def other(workspace, user_binary):
    """Another one."""
    _check_host()
    with account() as name:
        yield from _made(workspace / "other", name, user_binary)


@pytest.fixture
def poor(workspace, user_binary):
    """A user without subordinate ids."""
    _check_host()
    with account(ids=False) as name:
        yield from _made(workspace / "poor", name, user_binary)
