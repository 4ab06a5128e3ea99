# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a machine writes with the host's ids, and users of the host: together they are not root."""

import os
import shutil
import subprocess

import pytest
from inside import refused, shell

USER = 1003

# The machine's half: a copy of the host's id, set-user-ID.
MAKE = """
umask 0
cp /id $1/up && chown 0:0 $1/up && chmod 6755 $1/up && chmod 0777 $1
exit 0"""


def user_is(program):
    """The user's half: the effective uid of the program as a user executes it, or None."""
    if not can_reach(program):
        return None
    done = subprocess.run([program, "-u"], user=USER, group=USER, extra_groups=[],
                          stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def can_reach(program):
    """Whether the user can look at a file."""
    return subprocess.run(["test", "-x", program], user=USER, group=USER, extra_groups=[],
                          check=False).returncode == 0


def attack(cli, machine_file, target, name=None, mounts=(), **keys):
    """Runs the machine's side, ignoring the result."""
    own = {"source": os.path.realpath(shutil.which("id")), "target": "/id", "read_only": True}
    return cli("run", machine_file(name, command=["/bin/sh", "-c", MAKE, "sh", target],
                                   mounts=(own, *mounts), **keys))


@pytest.fixture
def data(workspace):
    """A directory that every user of the host may enter and write to."""
    path = workspace / "data"
    path.mkdir()
    path.chmod(0o777)
    return path


def test_the_attack_works_where_it_is_let(cli, machine_file, data):
    """Shows that the other tests can fail: with the host's ids, which must be requested, the
    attacker becomes root."""
    attack(cli, machine_file, "/data",
           mounts=({"source": str(data), "target": "/data", "map": "host"},)).check()
    assert user_is(data / "up") == 0


@pytest.mark.parametrize("file", [False, True], ids=["directory", "file"])
def test_binds(cli, machine_file, data, file):
    """Where users can get to it a bind has the machine's own ids."""
    if file:
        (data / "up").touch(mode=0o666)
        (data / "up").chmod(0o666)
        shell(cli, machine_file, "cat /bin/busybox > /f; chmod 6755 /f 2>/dev/null; true",
              mounts=({"source": str(data / "up"), "target": "/f"},))
        assert (data / "up").stat().st_mode & 0o6000 == 0
    else:
        attack(cli, machine_file, "/data",
               mounts=({"source": str(data), "target": "/data"},)).check()
        assert (data / "up").stat().st_uid >= 65536
        assert user_is(data / "up") not in (None, 0)


def test_binds_behind_a_closed_way(cli, machine_file, closed):
    """In directories that only root can reach, files of the machine's root belong to the host's
    root. The machine can change the mode of the mounted directory, but not of its parent."""
    (closed / "data").mkdir()
    attack(cli, machine_file, "/data",
           mounts=({"source": str(closed / "data"), "target": "/data"},)).check()
    assert (closed / "data/up").stat().st_uid == 0
    assert (closed / "data").stat().st_mode & 0o777 == 0o777
    assert not can_reach(closed / "data/up")


@pytest.mark.parametrize("mode,owner,group,closes", [
    (0o700, 0, 0, True), (0o750, 0, 0, True), (0o710, 0, USER, False), (0o711, 0, 0, False),
    (0o700, USER, 0, False), (0o744, 0, USER, True)])
def test_what_closes_a_way(cli, machine_file, workspace, mode, owner, group, closes):
    above = workspace / "above"
    (above / "deep/data").mkdir(parents=True)
    os.chown(above, owner, group)
    above.chmod(mode)
    link = workspace / "link"
    link.symlink_to(above / "deep/data")
    for source in (above / "deep/data", link):
        script = f"test $(stat -c %u /data) = {0 if closes else 65534}"
        shell(cli, machine_file, script, mounts=({"source": str(source), "target": "/data"},))


def test_maps_that_are_asked_for(cli, machine_file, data, closed):
    (closed / "data").mkdir()
    stat = "stat -c %u /data"
    for source, keys, owner in ((data, {"map": "host"}, 0), (data, {"map": "machine"}, 65534),
                                (data, {"read_only": True}, 0), (data, {"options": ["ro"]}, 0),
                                (data, {"options": ["idmap"]}, 0),
                                (closed / "data", {"map": "machine"}, 65534),
                                (closed / "data", {"options": ["noidmap"]}, 65534)):
        mount = {"source": str(source), "target": "/data", **keys}
        result = shell(cli, machine_file, stat, mounts=(mount,))
        assert result.stdout == f"{owner}\n", keys
    path = machine_file(command=["true"], mounts=({"type": "tmpfs", "target": "/t", "map": "host"},))
    assert "map" in cli("check", path).check(65).stderr
    path = machine_file(command=["true"], mounts=({"source": str(data), "target": "/t",
                                                   "map": "host", "options": ["noidmap"]},))
    assert "map" in cli("check", path).check(65).stderr


def test_a_root_in_place(cli, machine_file, workspace, own_root):
    """It is refused before anything is written if users can reach it, and the suggested remedy
    works."""
    place = workspace / "place"
    place.mkdir()
    root = shutil.move(own_root, place / "root")
    result = refused(cli, machine_file, str(root), "set-user-ID", rootfs=str(root))
    assert f"chmod go-x {place}" in result.stderr
    assert attack(cli, machine_file, "/tmp", rootfs=str(root)).status == 125
    assert not (root / "tmp/up").exists()
    shell(cli, machine_file, "true", rootfs=str(root), read_only=True)
    shell(cli, machine_file, "true", rootfs=str(root), upper="volatile")
    shell(cli, machine_file, "true", "--ephemeral", rootfs=str(root))
    subprocess.run(["chmod", "go-x", place], check=True)
    attack(cli, machine_file, "/tmp", rootfs=str(root)).check()
    assert (root / "tmp/up").stat().st_mode & 0o4000
    assert user_is(root / "tmp/up") is None


def test_an_upper_directory(cli, machine_file, busybox_root, workspace):
    upper = workspace / "mine"
    upper.mkdir()
    keys = {"overlay": [str(busybox_root)], "upper": str(upper)}
    result = refused(cli, machine_file, str(upper), "set-user-ID", **keys)
    assert f"chmod 0700 {upper}" in result.stderr
    assert list(upper.iterdir()) == []
    upper.chmod(0o700)
    attack(cli, machine_file, "/tmp", **keys).check()
    assert user_is(upper / "upper/tmp/up") is None


def test_the_state_directory_is_closed(cli, machine_file, busybox_root):
    """Even if it existed before."""
    for place in ("machines", "machines/web"):
        (cli.state / place).mkdir(parents=True, exist_ok=True)
        (cli.state / place).chmod(0o755)
    attack(cli, machine_file, "/tmp", "web", overlay=[str(busybox_root)],
           upper="persistent").check()
    program = cli.state / "machines/web/upper/tmp/up"
    assert program.stat().st_uid == 0 and user_is(program) is None


def test_a_way_that_is_swapped(cli, machine_file, workspace, data, closed):
    """A link of another user leads to a directory that only root can reach while it is checked, and
    elsewhere when it is mounted: files with the host's ids never become reachable for users."""
    (closed / "data").mkdir()
    link, other = workspace / "link", workspace / "other"
    link.symlink_to(closed / "data")
    other.symlink_to(data)
    swapper = subprocess.Popen(["python3", "-c", f"""
import ctypes
libc = ctypes.CDLL(None)
while True:
    libc.renameat2(-100, b"{link}", -100, b"{other}", 2)
"""])
    try:
        for _ in range(40):
            attack(cli, machine_file, "/data", mounts=({"source": str(link), "target": "/data"},))
            if (data / "up").exists():
                assert (data / "up").stat().st_uid != 0
                (data / "up").unlink()
    finally:
        swapper.kill()
        swapper.wait()


def test_check_and_doctor_find_it(cli, machine_file, workspace, own_root, data, closed):
    def findings(**keys):
        path = machine_file("web", command=["true"], **keys)
        result = cli("check", path).check()
        cli("check", "--strict", path).check(65 if result.stderr else 0)
        [line] = [one for one in cli("doctor", "--no-legend").stdout.splitlines()
                  if " definitions " in one]
        assert ("web" in line) == bool(result.stderr), line
        return result.stderr

    assert findings(rootfs=str(own_root)) == ""
    (closed / "upper").mkdir()
    assert findings(rootfs=str(own_root), upper=str(closed / "upper")) == ""
    mount = {"source": str(data), "target": "/data"}
    assert f"reach {data}" in findings(mounts=(mount,))
    assert f"reach {data}" in findings(mounts=({**mount, "map": "host"},))
    assert f"reach {data}" in findings(mounts=(mount,), user_namespace="none")
    assert findings(mounts=({**mount, "map": "machine"},)) == ""
    assert findings(mounts=({**mount, "read_only": True},)) == ""
    closed.chmod(0o755)
    assert f"reach {own_root}" in findings(rootfs=str(own_root))
    assert findings(rootfs=str(own_root), read_only=True) == ""
    assert findings(rootfs=str(own_root), upper="volatile") == ""
    (workspace / "mine").mkdir()
    assert f"enter {workspace}/mine" in findings(rootfs=str(own_root),
                                                    upper=str(workspace / "mine"))
