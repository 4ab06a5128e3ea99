# SPDX-License-Identifier: LGPL-2.1-or-later
"""What separates a user's machine from its user: root in it has his own uid."""

import errno
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import filters
import harness
import pytest

pytestmark = pytest.mark.needs("root")

EVERYTHING = {"capabilities": {"profile": "system", "add": ["all"]},
              "seccomp": {"profile": "off"}, "no_new_privileges": False}


@pytest.fixture
def root(user, busybox_root):
    """A root that belongs to the user."""
    return user.copy_root(busybox_root)


def attack(user, root, script, **keys):
    """The output of a script in a machine with all capabilities and no filter."""
    path = user.define("a", overlay=[root], upper="volatile", command=["/bin/sh", "-c", script],
                       **{**EVERYTHING, **keys})
    return user("run", path)


def test_his_processes(user, root):
    """None of his processes outside can be seen, signalled or read, although the uid is the same."""
    victim = subprocess.Popen(user.become() + ["sleep", "60"], env=user.environment)
    try:
        result = attack(user, root, f"ls /proc | grep -c '^[0-9]*$'; kill -0 {victim.pid}; "
                        f"cat /proc/{victim.pid}/environ; kill -9 -1; echo done")
        assert victim.poll() is None
        assert int(result.stdout.split()[0]) < 10, result
        assert f"can't kill pid {victim.pid}" in result.stderr, result
        assert f"/proc/{victim.pid}/environ': No such file" in result.stderr, result
    finally:
        victim.kill()
        victim.wait()


def test_descriptors(user, root):
    """A machine has its standard streams, and none of the user namespace or of the state."""
    result = attack(user, root, "ls -l /proc/self/fd /proc/1/fd 2>&1").check()
    kept = [line for line in result.stdout.splitlines() if "->" in line]
    assert not [line for line in kept
                if str(user.state) in line or str(user.session) in line or "user:[" in line
                or "net:[" in line], result
    mine = result.stdout.split("/proc/self/fd")[1].count("->")
    assert mine <= 4, result


def test_joining_his_namespaces(user, root):
    """A machine reaches no namespace that is not its own."""
    inside = attack(user, root, "readlink /proc/self/ns/user; for i in /proc/[0-9]*; do "
                    "readlink $i/ns/user; done | sort -u | wc -l").check().stdout.split()
    assert inside[0] != os.readlink("/proc/self/ns/user") and inside[1] == "1"
    path = user.define("b", overlay=[root], upper="volatile", **EVERYTHING, command=[
        "/bin/sh", "-c", "nsenter -t 1 -U true; echo $?"])
    assert user("run", path).stdout.split()[-1] != "0"


def test_locked_mounts(user, root):
    """Read-only, nosuid and nodev of what comes from outside stay, with all capabilities."""
    data = user.make(user.home / "data")
    (data / "file").write_text("old\n", encoding="utf-8")
    user.own(data)
    result = attack(user, root, "mount -o remount,rw,bind /data; echo new >/data/file; "
                    "mount -o remount,ro,dev,suid,bind /data; cat /data/file; "
                    "grep ' /data ' /proc/mounts",
                    mounts=[{"source": data, "target": "/data", "read_only": True}])
    assert (data / "file").read_text(encoding="utf-8") == "old\n"
    assert "old" in result.stdout and "ro,nosuid,nodev" in result.stdout, result


def test_no_device_nodes(user, root):
    """Neither made nor opened through one of a file system of its own."""
    result = attack(user, root, "mknod /dev/mine b 8 0 && echo made; mknod /disk b 8 0 && echo made; "
                    "mkdir /t; mount -t tmpfs t /t; mknod /t/kmsg c 1 11 && echo made; "
                    "echo x >/dev/null && echo null")
    assert result.stdout.split() == ["null"], result


@pytest.mark.needs("program:keyctl")
def test_no_keyring_of_his(user, root):
    """Keys of his session are not those of the machine."""
    subprocess.run(user.become() + ["keyctl", "add", "user", "secret", "x", "@u"], check=True,
                   env=user.environment)
    assert "secret" not in attack(user, root, "cat /proc/keys").stdout


@pytest.mark.needs("kernel:6.12")
def test_abstract_sockets(user, debian_root):
    """In the network of the host, sockets of his session without a path are not open to a machine,
    although its root has his uid; neither to a program that enters."""
    root = user.copy_root(debian_root)
    name = f"mlite-{user.name}"
    server = subprocess.Popen(user.become() + [
        "python3", "-c", "import socket, time\ns = socket.socket(socket.AF_UNIX)\n"
        f"s.bind('\\0{name}')\ns.listen()\nprint('up', flush=True)\ntime.sleep(60)"],
        env=user.environment, stdout=subprocess.PIPE)
    connect = ("import socket\ntry:\n socket.socket(socket.AF_UNIX).connect('\\0" + name + "')\n"
               " print('connected', flush=True)\n"
               "except OSError as error:\n print(error.strerror, flush=True)")
    try:
        assert server.stdout.readline() == b"up\n"
        assert user.run("python3", "-c", connect).stdout == "connected\n"
        path = user.define("a", overlay=[root], upper="volatile", network={"mode": "host"},
                           command=["python3", "-c", connect + "\nimport time; time.sleep(60)"],
                           capabilities=EVERYTHING["capabilities"])
        running = user.start("run", path)
        running.read_until("Operation not permitted")
        entered = user("exec", "a", "python3", "-c", connect)
        assert entered.check().stdout == "Operation not permitted\n"
    finally:
        server.kill()
        server.wait()


@pytest.mark.needs("kernel:6.12")
def test_abstract_sockets_on_an_older_kernel(user, root):
    """They stay open, of which both `check` and the start warn; with other networks neither does."""
    words = "abstract sockets of your session are open to the machine: closing them needs Linux 6.12"
    for mode, warned in (("host", True), ("none", False)):
        path = user.define("a", overlay=[root], upper="volatile", command=["true"],
                           network={"mode": mode})
        for verb in ("check", "run"):
            assert words not in user(verb, path).check().stderr
            done = subprocess.run(
                filters.failing("landlock_create_ruleset", errno.ENOSYS) + user.command(verb, path),
                check=False, capture_output=True, text=True, env=user.environment, cwd=user.home)
            assert done.returncode == 0 and done.stderr.count(words) == warned, done


def test_groups_are_dropped(user, root):
    """Supplementary groups of the user stay outside."""
    result = user("run", user.define("a", overlay=[root], upper="volatile",
                                     command=["/bin/id", "-G"]))
    assert result.check().stdout == "0\n"


def test_other_users_see_nothing(user, other, root):
    """State, runtime and images are closed to other users."""
    path = user.define("a", overlay=[root], command=["/bin/sh", "-c", "sleep 30"])
    user.home.chmod(0o711)
    user.session.chmod(0o711)
    user("start", path).check()
    for place in (user.state, user.runtime):
        assert place.stat().st_mode & 0o077 == 0
        assert other.run("ls", place).returncode != 0
    pid = json.loads(user("list", "--json=short").check().stdout)[0]["pid"]
    assert other.run("kill", pid).returncode != 0
    assert other.run("nsenter", "-t", pid, "-U", "true").returncode != 0


def test_member_of_somebody_else(user, other, root):
    """The namespace is not joined by what a file says alone: a process of another user, one that
    is gone, and one without a namespace of its own are refused or passed over."""
    other.define("a", overlay=[other.copy_root(root)], upper="volatile",
                 command=["/bin/sh", "-c", "sleep 60"])
    other("start", "a").check()
    shown = json.loads(other("show", "a").check().stdout)["supervisor"]
    path = user.define("a", overlay=[root], upper="volatile",
                       command=["/bin/cat", "/proc/self/uid_map"])
    user("run", path).check()
    member = user.runtime / "user-namespace"

    def forge(pid, start, boot=shown["boot_id"]):
        member.write_text(f"{pid} {start} {boot}\n", encoding="utf-8")
        user.own(member)
        return user("run", path)

    assert forge(shown["pid"], shown["start_time"]).status == 125
    victim = subprocess.Popen(user.become() + ["sleep", "60"], env=user.environment)
    time.sleep(0.1)
    start = Path(f"/proc/{victim.pid}/stat").read_text().rpartition(")")[2].split()[19]
    result = forge(victim.pid, start)
    assert result.status in (0, 125), result
    assert os.readlink(f"/proc/{victim.pid}/ns/user") == os.readlink("/proc/self/ns/user")
    victim.kill()
    victim.wait()
    # Its pid, with another start time.
    assert forge(shown["pid"], 1).check().stdout.split()[:3] == ["0", "0", "1"]
    assert forge(os.getpid(), 5, "x" * 36).check()


def test_set_user_id_bit(user, root, workspace):
    """The command with rights that its caller lacks does nothing."""
    binary = Path(shutil.copy(user.binary, workspace))
    binary.chmod(0o4755)
    user.binary = str(binary)
    result = user("list").check(1)
    assert "executed with more rights" in result.stderr and "chmod ug-s" in result.stderr
    binary.chmod(0o755)
    user("list").check()
    if shutil.which("setcap"):
        subprocess.run(["setcap", "cap_net_admin+ep", binary], check=True)
        assert "executed with more rights" in user("list").check(1).stderr


def test_installed_files_have_no_rights(workspace):
    """No file of the installation has a set-id bit or capabilities."""
    build = Path(harness.find_binary()).resolve().parents[2]
    if not (build / "build.ninja").exists():
        pytest.skip("needs a build directory")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir",
                    workspace / "installed"], check=True, capture_output=True)
    files = [path for path in (workspace / "installed").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if path.lstat().st_mode & 0o6000]
    assert not [path for path in files if "security.capability" in os.listxattr(path)]


def test_directory_of_somebody_else(user, other, root):
    """Neither a prepared directory in /tmp nor a link is used, and the wrong XDG_RUNTIME_DIR is
    named."""
    place = Path(f"/tmp/machinectl-lite-{user.uid}")
    bare = {"XDG_RUNTIME_DIR": None}
    result = user("list", env={"XDG_RUNTIME_DIR": str(other.session)}).check(1)
    assert "belongs to user" in result.stderr and "unset XDG_RUNTIME_DIR" in result.stderr
    try:
        assert other.run("mkdir", place).returncode == 0
        result = user("list", env=bare).check(1)
        assert "is not a private one of this user" in result.stderr, result
        shutil.rmtree(place)
        assert other.run("ln", "-s", other.home, place).returncode == 0
        user("list", env=bare).check(1)
        place.unlink()
        user("list", env=bare).check()
        found = place.stat()
        assert (found.st_uid, found.st_mode & 0o777) == (user.uid, 0o700)
        user.define("a", overlay=[root], upper="volatile", command=["/bin/sh", "-c", "sleep 60"])
        user("start", "a", env=bare).check()
        locked = subprocess.run(["flock", "--nonblock", "--exclusive", place, "true"], check=False)
        assert locked.returncode != 0
        user("stop", "--now", "a", env=bare).check()
    finally:
        if place.is_symlink():
            place.unlink()
        shutil.rmtree(place, ignore_errors=True)


def test_root_does_not_read_a_users_state(user, cli, root):
    """Root's verbs show the system's machines."""
    user.define("a", overlay=[root], upper="volatile", command=["/bin/sh", "-c", "sleep 60"])
    user("start", "a").check()
    assert json.loads(cli("list", "--json=short").check().stdout) == []
    user("kill", "-s", str(int(signal.SIGKILL)), "a")
