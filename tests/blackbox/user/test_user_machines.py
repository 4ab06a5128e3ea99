# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines of an ordinary user: the same verbs, in his own directories, with his own ids."""

import json
import os
import signal
import subprocess
from pathlib import Path

import harness
import pytest

pytestmark = pytest.mark.needs("root")

FOREVER = ["/bin/sh", "-c", "echo hello; trap 'exit 0' TERM; while :; do sleep 0.1; done"]


def first_pid(user, name):
    return json.loads(user("list", "--json=short").check().stdout)[0]["pid"]


def test_run(user, busybox_root):
    """Root inside is the user outside, other ids are his subordinate ones, and so on disk."""
    root = user.copy_root(busybox_root)
    path = user.define("a", overlay=[root], command=[
        "/bin/sh", "-c", "id -u; echo x >/x; touch /y; chown 33:44 /y; cat /proc/self/uid_map; "
                         "exit 7"])
    result = user("run", path).check(7)
    first, after = user.subordinate()
    assert result.stdout.split() == ["0", "0", "0", "1", "1", "1", str(after - first)]
    upper = user.state / "machines/a/upper"
    assert (upper / "x").stat().st_uid == user.uid
    found = (upper / "y").stat()
    assert (found.st_uid, found.st_gid) == (first + 32, first + 43)
    assert user("run", path).check(7)
    user("delete", "a").check()
    assert not (user.state / "machines/a").exists()


def test_verbs(user, busybox_root):
    """In the background, with everything that is done to a running machine."""
    user.define("web", overlay=[user.copy_root(busybox_root)], command=FOREVER)
    user("start", "web").check()
    pid = first_pid(user, "web")
    assert os.stat(f"/proc/{pid}").st_uid == user.uid
    assert user("exec", "web", "id", "-u").check().stdout == "0\n"
    user("exec", "web", "--", "sh", "-c", "exit 3").check(3)
    assert user("exec", "-u", "12:13", "web", "id").check().stdout.startswith("uid=12 gid=13")
    assert user("logs", "web").check().stdout == "hello\n"
    assert "running" in user("status", "web").check().stdout
    user("stats", "web").check()
    source = user.own(_written(user.home / "note", "from outside\n"))
    user("copy-to", "web", source, "/note").check()
    user("copy-from", "web", "/note", user.home / "back").check()
    assert (user.home / "back").stat().st_uid == user.uid
    assert (user.home / "back").read_text(encoding="utf-8") == "from outside\n"
    user("restart", "web").check()
    assert first_pid(user, "web") != pid
    user("kill", "web").check()
    user("stop", "web").check()
    user("status", "web").check(3)
    user("delete", "web").check()
    assert list(Path(user.state, "machines").iterdir()) == []


def _written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_one_namespace_for_all(user, busybox_root):
    """Later machines join the user namespace of the first, found through any running one; it ends
    with the last one."""
    root = user.copy_root(busybox_root)
    for name in ("one", "two", "three"):
        user.define(name, overlay=[root], upper="volatile", command=FOREVER)
    user("start", "one").check()
    user("start", "two").check()

    def namespaces():
        return {os.readlink(f"/proc/{item['supervisor']['pid']}/ns/user") for item in
                (json.loads(user("show", row["name"]).check().stdout)
                 for row in json.loads(user("list", "--json=short").check().stdout))}

    made = namespaces()
    assert len(made) == 1 and os.readlink("/proc/self/ns/user") not in made
    user("stop", "two").check()
    # The most recently saved process has exited.
    user("start", "three").check()
    assert namespaces() == made
    user("stop", "--all").check()
    harness.wait_for(lambda: not user.processes(), what="all processes to end")


def test_one_that_stays_is_joined(user, busybox_root):
    """What is written down is a machine that goes on, not a short run that has ended since."""
    path = user.define("short", overlay=[user.copy_root(busybox_root)], upper="volatile",
                       command=["/bin/true"])
    member = user.runtime / "user-namespace"
    user("run", path).check()
    alone = member.read_text(encoding="utf-8")
    user.define("web", overlay=[user.home / "root"], upper="volatile", command=FOREVER)
    user("start", "web").check()
    supervisor = json.loads(user("show", "web").check().stdout)["supervisor"]
    for _ in range(2):
        assert member.read_text(encoding="utf-8").split()[0] == str(supervisor["pid"])
        user("run", path).check()
    # A leftover is replaced by whoever is found running.
    member.write_text(alone, encoding="utf-8")
    user("run", path).check()
    assert member.read_text(encoding="utf-8").split()[0] == str(supervisor["pid"])


@pytest.mark.parametrize("database, asked", [
    (None, False), ("subid: files\n", False), ("# subid: x\npasswd: files\n", False),
    ("passwd: files\nsubid:  sss\n", True)])
def test_where_the_ids_come_from(user, busybox_root, workspace, database, asked):
    """/etc/subuid, unless nsswitch.conf names a service, which getsubids asks."""
    path = user.define("a", overlay=[user.copy_root(busybox_root)], upper="volatile",
                       command=["true"])
    log = user.own(_written(user.home / "asked", ""))
    program = _written(workspace / "getsubids", f'#!/bin/sh\necho "$@" >>{log}\nexit 1\n')
    program.chmod(0o755)
    replace = f"mount --bind {program} /usr/bin/getsubids"
    if database:
        replace += f" && mount --bind {_written(workspace / 'nss', database)} /etc/nsswitch.conf"
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{replace} && exec "$@"',
         "sh", *user.command("run", path)], check=False, text=True, capture_output=True,
        env=user.environment, cwd=user.home)
    assert log.read_text(encoding="utf-8") == (f"{user.name}\n-g {user.name}\n" if asked else "")
    assert ("has no subordinate ids" in done.stderr) == asked, done
    assert (done.returncode == 0) == (not asked), done


def test_two_first_starts(user, busybox_root):
    """At the same time they make one user namespace."""
    root = user.copy_root(busybox_root)
    for name in ("one", "two"):
        user.define(name, overlay=[root], upper="volatile", command=FOREVER)
    both = [user.start("start", name) for name in ("one", "two")]
    for running in both:
        running.wait().check()
    rows = [json.loads(user("show", name).check().stdout) for name in ("one", "two")]
    assert len({os.readlink(f"/proc/{row['supervisor']['pid']}/ns/user") for row in rows}) == 1


def test_users_do_not_meet(user, other, busybox_root):
    """The same names, and neither sees the other's machines."""
    for who in (user, other):
        who.define("web", overlay=[who.copy_root(busybox_root)], upper="volatile",
                   command=FOREVER)
        who("start", "web").check()
    mine, theirs = first_pid(user, "web"), first_pid(other, "web")
    assert mine != theirs
    user("stop", "web").check()
    assert first_pid(other, "web") == theirs


def test_own_id_alone(poor, busybox_root):
    """Without subordinate ids "auto" names both ways out, and "self" is one of them."""
    root = poor.copy_root(busybox_root)
    poor.define("web", overlay=[root], upper="volatile", command=FOREVER)
    result = poor("start", "web").check(1)
    assert "has no subordinate ids" in result.stderr
    assert f"usermod --add-subuids 100000-165535 {poor.name}" in result.stderr
    assert 'user_namespace = "self"' in result.stderr
    poor.define("web", overlay=[root], command=FOREVER, user_namespace="self")
    poor("start", "web").check()
    assert poor("exec", "web", "cat", "/proc/self/uid_map").check().stdout.split() == [
        "0", "0", "1"]
    poor("exec", "web", "touch", "/new").check()
    result = poor("exec", "-u", "33", "web", "id").check(125)
    assert "user 33 is not mapped" in result.stderr
    result = poor("exec", "web", "chown", "33", "/new").check(1)
    poor("delete", "--force", "web").check()
    assert not (poor.state / "machines/web").exists()


def test_self_needs_no_program(user, busybox_root):
    """A user with subordinate ids gets a machine with one id, without newuidmap."""
    result = user("run", "--rootfs", user.copy_root(busybox_root), "--set", "user_namespace=self",
                  "--set", "upper=volatile", "--set", 'network={ mode="none"; }', "--",
                  "/bin/cat", "/proc/self/uid_map").check()
    assert result.stdout.split() == ["0", "0", "1"]


def test_part_of_the_ids(user, busybox_root):
    """A machine that shares no id with the user: the tree belongs to the part's first id."""
    first, _ = user.subordinate()
    root = user.copy_root(busybox_root)
    subprocess.run(["chown", "-hR", f"{first + 1000}:{first + 1000}", root], check=True)
    user.home.chmod(0o711)
    path = user.define("a", overlay=[root], user_namespace=f"{first + 1000}:1000",
                       upper="volatile", command=["/bin/sh", "-c", "id -u; touch /x; sleep 30"])
    running = user.start("run", path)
    running.read_until("0\n")
    pid = harness.wait_for(lambda: first_pid(user, "a"), what="the record")
    assert os.stat(f"/proc/{pid}").st_uid == first + 1000
    running.signal(signal.SIGTERM)
    running.wait()
    for wrong in (f"{first - 10}:20", "0:10"):
        user.define("a", overlay=[root], user_namespace=wrong, upper="volatile", command=["true"])
        result = user("run", path).check(125)
        assert "subordinate ids" in result.stderr, result


def test_killed_at_once(user, busybox_root):
    """SIGKILL of the supervisor ends the machine, and the next start cleans up."""
    user.define("web", overlay=[user.copy_root(busybox_root)], command=FOREVER)
    user("start", "web").check()
    row = json.loads(user("show", "web").check().stdout)
    os.kill(row["supervisor"]["pid"], signal.SIGKILL)
    harness.wait_for(lambda: not user.processes(), what="the machine to end")
    assert "failed" in user("status", "web").check(3).stdout
    user("start", "web").check()
    user("delete", "--force", "web").check()


def test_health_and_restarts(user, busybox_root):
    """A machine that becomes unhealthy is restarted, and ready again."""
    user.define("web", overlay=[user.copy_root(busybox_root)], upper="volatile", ready="health",
                command=["/bin/sh", "-c", "touch /ok; exec sleep 100"],
                health={"command": ["/bin/sh", "-c", "test -e /ok"], "interval": "200ms",
                        "retries": 2, "on_failure": "restart"},
                restart={"policy": "always", "delay": "100ms"})
    user("start", "web").check()
    assert json.loads(user("list", "--json=short").check().stdout)[0]["health"] == "healthy"
    user("exec", "web", "rm", "/ok").check()
    harness.wait_for(lambda: json.loads(user("show", "web").check().stdout)["restarts"] == 1,
                     what="the restart")
    user("delete", "--force", "web").check()


def test_terminal(user, busybox_root):
    """A terminal of the machine's own."""
    user.define("a", overlay=[user.copy_root(busybox_root)], upper="volatile",
                command=["/bin/sh", "-c", "tty; id -u"])
    terminal = user.terminal("run", "a")
    terminal.read_until("/dev/console|/dev/pts/0")
    terminal.read_until("0\r\n")
    assert terminal.wait() == 0


def test_changed_ids(user, busybox_root):
    """Files with the old ids would belong to nobody: the start is refused with an error."""
    path = user.define("a", overlay=[user.copy_root(busybox_root)], command=["true"])
    user("run", path).check()
    (user.state / "subordinate-ids").write_text("1:65536", encoding="utf-8")
    result = user("run", path).check(125)
    assert "have changed from 1:65536 to " in result.stderr
    assert "restore the old ones in /etc/subuid" in result.stderr
