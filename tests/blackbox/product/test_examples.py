# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples, as an operator uses them: real services behind published ports, in their units."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

pytestmark = pytest.mark.needs("root", "systemd", "virtual-host")

DEFINITIONS = Path("/etc/machines")
EXAMPLES = harness.SOURCE / "examples"
PASSWORD = "sesame"


def run(*command, check=True, timeout=300, **options):
    """Runs a command of the host."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          timeout=timeout, check=False, **options)
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def lite(*arguments, **options):
    """The installed program, with the usual directories."""
    return run(harness.find_binary(), *arguments, **options)


@pytest.fixture
def example(debian_root):
    """example("nginx") installs an example as described in its comments, with its root next to
    it."""
    names = []

    def install(name):
        names.append(name)
        (DEFINITIONS / "layers").mkdir(parents=True, exist_ok=True)
        shutil.copy(EXAMPLES / f"{name}.machine", DEFINITIONS)
        drop_in = DEFINITIONS / f"{name}.machine.d"
        drop_in.mkdir()
        # The root of the tests has all of the packages.
        (drop_in / "root.machine").write_text(f'overlay = [ "{debian_root}" ];\n')
        lite("check", "--strict", DEFINITIONS / f"{name}.machine")
        return name

    yield install
    for name in names:
        lite("delete", "--force", name, check=False)
        (DEFINITIONS / f"{name}.machine").unlink()
        shutil.rmtree(DEFINITIONS / f"{name}.machine.d")


@pytest.fixture
def directory():
    """directory("/srv/www") creates a directory that is removed afterwards."""
    made = []

    def make(path):
        Path(path).mkdir(parents=True)
        made.append(path)
        return Path(path)

    yield make
    for path in reversed(made):
        shutil.rmtree(path)


def is_whole(name, port):
    """Checks status, show and list of a running machine."""
    assert lite("status", name).stdout.splitlines()[1].split() == ["State:", "running"]
    shown = json.loads(lite("show", name).stdout)
    assert shown["unit"] == f"container@{name}.service" and shown["restarts"] == 0
    assert any(port in published for published in shown["ports"])
    row = next(row for row in json.loads(lite("list", "--json=short").stdout)
               if row["name"] == name)
    assert row["address"] and row["pid"] == shown["pid"]
    used = json.loads(lite("stats", "--json=short", "--no-stream", name).stdout)
    assert used
    zombies = lite("exec", name, "sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status",
                   check=False).stdout
    assert zombies == ""


def is_gone(name):
    """After delete: nothing but the definition is left."""
    assert lite("status", name, check=False).returncode == 3
    assert not Path(f"/var/lib/machinectl-lite/machines/{name}").exists()
    assert not list(Path("/run/machinectl-lite/machines").glob(f"{name}.*"))


def test_nginx(example, directory):
    site = directory("/srv/www")
    (site / "index.html").write_text("a page of the host\n")
    name = example("nginx")
    lite("create", name)
    assert json.loads(lite("show", name).stdout)["state"] == "created"
    lite("start", name)
    page = run("curl", "--silent", "--show-error", "--max-time", "30", "http://127.0.0.1:8080/")
    assert page.stdout == "a page of the host\n"
    is_whole(name, "8080:80")
    workers = lite("exec", name, "ps", "-o", "user=", "-C", "nginx").stdout.split()
    assert "root" in workers and "www-data" in workers
    (site / "index.html").write_text("another\n")
    assert run("curl", "--silent", "http://127.0.0.1:8080/").stdout == "another\n"
    assert "GET / HTTP" in lite("exec", name, "cat", "/var/log/nginx/access.log").stdout
    lite("stop", name)
    assert json.loads(lite("show", name).stdout)["exit_status"] == 0
    assert run("curl", "--silent", "http://127.0.0.1:8080/", check=False).returncode == 7
    lite("delete", name)
    is_gone(name)


def query(text):
    """What the database answers through the published port."""
    return run("psql", f"host=127.0.0.1 user=postgres password={PASSWORD} connect_timeout=30",
               "--no-align", "--tuples-only", "--command", text).stdout.strip()


def test_postgresql(example, directory):
    directory("/srv/machines").chmod(0o700)
    data = directory("/srv/machines/postgresql")
    secret = DEFINITIONS / "postgresql.password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    try:
        name = example("postgresql")
        lite("create", name)
        lite("start", name, timeout=600)
        is_whole(name, "5432")
        query("create table kept (value integer)")
        query("insert into kept values (42)")
        refused = run("psql", "host=127.0.0.1 user=postgres password=wrong", "--command=select 1",
                      check=False)
        assert refused.returncode != 0 and "password authentication failed" in refused.stderr
        inside = lite("exec", "--user=postgres", f"--env=PGPASSWORD={PASSWORD}", name, "psql",
                      "--host=/run/postgresql", "--no-align", "--tuples-only",
                      "--command=select value from kept")
        assert inside.stdout.strip() == "42"
        # On the host, files have unmapped ids, not those of the machine's range.
        assert (data / "PG_VERSION").stat().st_uid < 65536
        lite("restart", name, timeout=600)
        assert query("select value from kept") == "42"
        lite("stop", name)
        assert "database system is shut down" in lite("logs", name).stdout
        lite("delete", name)
        is_gone(name)
        lite("start", name, timeout=600)
        assert query("select value from kept") == "42"
        lite("delete", "--force", name)
    finally:
        secret.unlink()


def redis(*words):
    """What Redis answers through the published port."""
    return run("redis-cli", "-h", "127.0.0.1", *words).stdout.strip()


def test_redis(example):
    name = example("redis")
    lite("create", name)
    lite("start", name)
    is_whole(name, "6379")
    assert redis("set", "kept", "yes") == "OK"
    assert lite("exec", name, "redis-cli", "get", "kept").stdout.strip() == "yes"
    assert lite("exec", name, "id", "-un").stdout.strip() == "redis"
    lite("restart", name)
    assert redis("get", "kept") == "yes"
    # A crash is the supervisor's to mend: the unit stays active.
    before = json.loads(lite("show", name).stdout)
    lite("exec", name, "sh", "-c", "kill -9 $(pidof redis-server)", check=False)
    harness.wait_for(lambda: json.loads(lite("show", name).stdout)["restarts"] == 1, 60)
    harness.wait_for(lambda: run("redis-cli", "-h", "127.0.0.1", "get", "kept",
                                 check=False).stdout.strip() == "yes", 60)
    after = json.loads(lite("show", name).stdout)
    assert after["init"] != before["init"] and after["supervisor"] == before["supervisor"]
    lite("delete", "--force", name)
    is_gone(name)
    lite("start", name)
    assert redis("get", "kept") == ""
    lite("delete", "--force", name)
