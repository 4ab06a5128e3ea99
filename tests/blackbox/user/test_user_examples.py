# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples as an ordinary user runs them: unchanged, in units of his own service manager, with
limits that his group has been delegated."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import harness
import pytest
import roots
import users
from test_user_systemd import Session

pytestmark = [pytest.mark.needs("root", "systemd", "virtual-host", "program:pasta"),
              pytest.mark.slow]

EXAMPLES = harness.SOURCE / "examples"
PASSWORD = "sesame"


def ask(*command, check=True, timeout=300):
    """A client on the host; what it prints."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout,
                          check=False)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


class Person(Session):
    """A user with the layers that the examples describe, of which the files are his own."""

    def __init__(self, name, binary, debian_root, busybox_root):
        super().__init__(name, binary)
        self.machines = self.home / ".config/machines"
        self.layers = self.machines / "layers"
        self.run("mkdir", "-p", self.layers / "busybox", self.layers / "site/srv/www")
        roots.copy(busybox_root, self.layers / "busybox")
        subprocess.run(["chown", "-hR", f"{self.uid}:{self.uid}", self.layers], check=True)
        self.unpack(debian_root)

    def unpack(self, tree):
        """With the ids of his namespace, as whoever gets an archive of a root does."""
        target = self.layers / "debian"
        self.run("mkdir", target)
        with subprocess.Popen(["tar", "-C", tree, "-c", "--exclude=./dev/*", "."],
                              stdout=subprocess.PIPE) as source:
            subprocess.run(
                ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "env",
                 "-i", f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.runtime}", "PATH=/usr/bin:/bin",
                 self.binary, "unshare", "tar", "-C", target, "-xp"],
                stdin=source.stdout, check=True, cwd=self.home)
        for name in ("nginx", "redis", "postgresql"):
            os.symlink("debian", self.layers / name)

    def install(self, name):
        shutil.copy(EXAMPLES / f"{name}.machine", self.machines)
        path = self.machines / f"{name}.machine"
        os.chown(path, self.uid, self.uid)
        self.lite("check", "--strict", path, check=name != "postgresql")
        return name

    def is_whole(self, name):
        shown = json.loads(self.lite("show", name).stdout)
        assert shown["unit"] == f"container@{name}.service" and shown["restarts"] == 0
        assert f"/container@{name}.service" in self.group(shown["pid"])
        assert json.loads(self.lite("stats", "--json=short", "--no-stream", name).stdout)
        return shown

    def limit(self, shown, file):
        """What a controller has for the machine's group, or a group above it."""
        group = Path("/sys/fs/cgroup" + self.group(shown["pid"]))
        return [(place / file).read_text().strip() for place in (group, *group.parents[:3])
                if (place / file).exists()]


@pytest.fixture(scope="module")
def person(debian_root, busybox_root):
    with users.account() as name:
        made = Person(name, harness.find_binary(), debian_root, busybox_root)
        yield made
        made.lite("delete", "--force", "--all", check=False)
        # Nothing is left that he cannot remove himself.
        made.lite("unshare", "rm", "-rf", made.layers)
        made.run("rm", "-rf", made.home / ".local", made.home / ".config")
        assert not any(made.home.iterdir())
        made.close()


@pytest.fixture
def directory():
    """directory(path, uid): a directory of a user's below one of root's."""
    made = []

    def make(path, uid):
        Path(path).mkdir(parents=True)
        os.chown(path, uid, uid)
        made.append(path)
        return Path(path)

    yield make
    for path in made:
        shutil.rmtree(path)


def test_web(person):
    """In the host's network, as another user of its own."""
    page = person.layers / "site/srv/www/index.html"
    person.run("sh", "-c", f"echo a page >{page}")
    with (person.layers / "busybox/etc/passwd").open("a") as file:
        file.write("www:x:33:33:www:/srv/www:/bin/sh\n")
    name = person.install("web")
    person.lite("start", name)
    assert ask("curl", "-sS", "--max-time", 30, "http://127.0.0.1:8080/") == "a page"
    person.lite("delete", "--force", name)


def test_nginx(person, directory):
    site = directory("/srv/www", person.uid)
    (site / "index.html").write_text("a page of the host\n")
    name = person.install("nginx")
    person.lite("start", name)
    assert ask("curl", "-sS", "--max-time", 60, "http://127.0.0.1:8080/") == "a page of the host"
    shown = person.is_whole(name)
    assert str(256 << 20) in person.limit(shown, "memory.max")
    assert "64" in person.limit(shown, "pids.max")
    assert "GET / HTTP" in person.lite("exec", name, "cat", "/var/log/nginx/access.log").stdout
    person.lite("stop", name)
    assert json.loads(person.lite("show", name).stdout)["exit_status"] == 0
    person.lite("delete", name)


def test_redis(person):
    name = person.install("redis")
    person.lite("start", name)
    assert ask("redis-cli", "-h", "127.0.0.1", "set", "kept", "yes") == "OK"
    person.is_whole(name)
    person.lite("restart", name)
    assert ask("redis-cli", "-h", "127.0.0.1", "get", "kept") == "yes"
    person.lite("delete", "--force", name)


def test_postgresql(person, directory):
    directory("/srv/machines", person.uid).chmod(0o700)
    data = Path("/srv/machines/postgresql")
    person.run("mkdir", data)
    secret = person.machines / "postgresql.password"
    person.run("sh", "-c", f"umask 077; echo {PASSWORD} >{secret}")
    name = person.install("postgresql")
    person.lite("start", name, timeout=600)

    def query(text):
        return ask("psql", f"host=127.0.0.1 user=postgres password={PASSWORD} connect_timeout=60",
                   "--no-align", "--tuples-only", "--command", text)

    person.is_whole(name)
    query("create table kept as select 42")
    # A subordinate id's.
    assert (data / "PG_VERSION").stat().st_uid not in (person.uid, *range(65536))
    person.lite("restart", name, timeout=600)
    assert query("select * from kept") == "42"
    person.lite("delete", "--force", name)
    person.lite("unshare", "rm", "-rf", data)
