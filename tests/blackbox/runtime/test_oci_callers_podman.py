# SPDX-License-Identifier: LGPL-2.1-or-later
"""More of what Podman does with its runtime: pods, --init, volumes, user namespaces, units, users who
are not root."""

import contextlib
import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import oci as oci_runtime
import pytest
import roots
import sessions
import users
from callers import (FULL, RESTRICTED, image, make_podman, podman, root, run,  # noqa: F401
                     runtime, write_configuration)
from harness import wait_for
from users import user, user_binary  # noqa: F401

pytestmark = [pytest.mark.needs("root", "cgroup2", "program:podman"), pytest.mark.slow]


@pytest.mark.needs("program:catatonit")
def test_init(podman, root):
    """--init: PID 1 is Podman's, the command its child, whose status is the container's."""
    done = run(podman, root, "sh", "-c", "cat /proc/1/comm; echo $$; exit 6", status=6,
               options=["--rm", "--init", "--init-path", shutil.which("catatonit")])
    assert done.stdout.split() == ["podman-init", "2"]


def test_read_only(podman, root):
    """--read-only with Podman's own tmpfs at /tmp and /run, and without them."""
    script = "touch /file; echo x > /tmp/file && cat /tmp/file; touch /run/file && echo run"
    done = run(podman, root, "sh", "-c", script, options=["--rm", "--read-only"])
    assert done.stdout == "x\nrun\n" and "Read-only file system" in done.stderr
    run(podman, root, "touch", "/tmp/file", status=1,
        options=["--rm", "--read-only", "--read-only-tmpfs=false"])


def test_volumes(podman, root):
    """A named volume, filled by one container and read by another; read-only; of another container."""
    podman("volume", "create", "data")
    run(podman, root, "sh", "-c", "echo kept > /data/file", options=["--rm", "--volume", "data:/data"])
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "first", "--volume",
                                                "data:/data:ro"])
    assert podman("exec", "first", "cat", "/data/file").stdout == "kept\n"
    assert "Read-only" in podman("exec", "first", "touch", "/data/x", status=1).stderr
    done = run(podman, root, "cat", "/data/file", options=["--rm", "--volumes-from", "first"])
    assert done.stdout == "kept\n"


def test_copies(podman, root, workspace):
    """`podman cp` of directories, in both directions."""
    (workspace / "tree/sub").mkdir(parents=True)
    (workspace / "tree/sub/file").write_text("copied\n")
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "box"])
    podman("cp", workspace / "tree", "box:/tmp/tree")
    assert podman("exec", "box", "cat", "/tmp/tree/sub/file").stdout == "copied\n"
    podman("cp", "box:/tmp/tree/sub", workspace / "back")
    assert (workspace / "back/file").read_text() == "copied\n"


def test_health(podman, root):
    """`podman healthcheck run` counts failures."""
    run(podman, root, "sleep", "1000", options=[
        "--detach", "--name", "box", "--health-cmd", "test -e /tmp/well", "--health-retries", "1",
        "--health-interval", "disable"])
    podman("healthcheck", "run", "box", status=1)
    state = podman("inspect", "--format", "{{.State.Health.Status}}", "box").stdout
    assert state == "unhealthy\n"
    podman("exec", "box", "touch", "/tmp/well")
    podman("healthcheck", "run", "box")
    assert podman("inspect", "--format", "{{.State.Health.Status}}", "box").stdout == "healthy\n"


@FULL
@pytest.mark.needs("program:catatonit")
def test_pod(podman, image):
    """Two containers of a pod share network, IPC and host name; the pod stops, starts and is removed."""
    podman("load", "--input", image)
    podman("pod", "create", "--name", "two", "--hostname", "pair", "--network", "none")
    start = ["run", "--detach", "--pod", "two"]
    podman(*start, "--name", "server", "localhost/box", "sh", "-c",
           "echo hello | nc -l -p 7000 -s 127.0.0.1; sleep 1000")
    wait_for(lambda: podman("run", "--rm", "--pod", "two", "localhost/box", "sh", "-c",
                            "nc 127.0.0.1 7000 < /dev/null; hostname", status=None).stdout
             == "hello\npair\n")
    assert len(podman("pod", "top", "two", "args").stdout.splitlines()) >= 3
    podman("pod", "pause", "two")
    assert podman("inspect", "--format", "{{.State.Status}}", "server").stdout == "paused\n"
    podman("pod", "unpause", "two")
    podman("pod", "stop", "--time", "0", "two")
    podman("pod", "start", "two")
    assert podman("inspect", "--format", "{{.State.Status}}", "server").stdout == "running\n"
    podman("pod", "rm", "--force", "--time", "0", "two")


@FULL
def test_stats(podman, root):
    """`podman stats` reads the cgroup where config.json says it is."""
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "box", "--memory", "64m"])
    (shown,) = json.loads(podman("stats", "--no-stream", "--format", "json", "box").stdout)
    assert shown["name"] == "box" and shown["pids"] == "1"
    assert re.search(r" / 67\.11MB$", shown["mem_usage"])


@FULL
@pytest.mark.needs("virtual-host")
def test_automatic_user_namespace(podman, image):
    """--userns=auto: ranges of ids that Podman chooses from those of the user "containers"."""
    for name in ("/etc/subuid", "/etc/subgid"):
        path = Path(name)
        text = path.read_text()
        if "containers:" not in text:
            path.write_text(text + "containers:2000000:500000\n")
    podman("load", "--input", image)
    maps = []
    for name in ("one", "two"):
        podman("run", "--detach", "--network", "none", "--userns=auto:size=1000", "--name", name,
               "localhost/box", "sleep", "1000")
        maps.append(podman("exec", name, "cat", "/proc/self/uid_map").stdout.split())
        assert podman("exec", name, "stat", "-c", "%u", "/bin/sh").stdout == "0\n"
    assert [entry[2] for entry in maps] == ["1000", "1000"]
    assert maps[0][1] != maps[1][1] and int(maps[0][1]) >= 2000000


@FULL
@pytest.mark.needs("virtual-host", "systemd")
def test_generated_unit(workspace, runtime, image):
    """A unit by `podman generate systemd --new` starts, answers, restarts after a crash and stops."""
    podman = make_podman(workspace, runtime)
    podman("load", "--input", image)
    name = f"callers-{secrets.token_hex(4)}"
    podman("create", "--name", name, "--network", "none", "localhost/box", "sh", "-c",
           "trap exit TERM; while :; do sleep 0.2; done")
    unit = podman("generate", "systemd", "--new", "--name", name, "--restart-policy", "always").stdout
    podman("rm", name)
    path = Path(f"/run/systemd/system/{name}.service")
    path.write_text(unit.replace("[Service]", "[Service]\nEnvironment=CONTAINERS_CONF="
                                 f"{podman.environment['CONTAINERS_CONF']}"))

    def systemctl(*words):
        return subprocess.run(["systemctl", *words, f"{name}.service"], capture_output=True,
                              text=True, check=False, timeout=200)

    def pid():
        return podman("inspect", "--format", "{{.State.Pid}}", name, status=None).stdout.strip()

    subprocess.run(["systemctl", "daemon-reload"], check=True)
    try:
        started = systemctl("start")
        assert started.returncode == 0, started.stderr + systemctl("status").stdout
        assert podman("exec", name, "echo", "inside").stdout == "inside\n"
        first = pid()
        podman("kill", "--signal", "KILL", name)
        wait_for(lambda: pid() not in ("", "0", first), 100, "the unit to start it again")
        assert systemctl("stop").returncode == 0
        assert systemctl("show", "-P", "Result").stdout == "success\n"
        assert name not in podman("ps", "--all", "--format", "{{.Names}}").stdout
    finally:
        systemctl("stop")
        path.unlink()
        subprocess.run(["systemctl", "daemon-reload"], check=False)


def test_user(user, root, runtime):
    """Rootless Podman: run, exec, logs, kill, rm. Without a session of systemd's there are no cgroups."""
    if runtime == oci_runtime.find_binary():
        built = Path(user.binary)
        beside = built.with_name("machine-oci")
        runtime = beside if beside.exists() else built.parents[1] / "runtime/machine-oci"
    configuration = user.own(write_configuration(user.home / "containers.conf", runtime))
    user.environment["CONTAINERS_CONF"] = str(configuration)
    tree = user.copy_root(root, "tree")

    def podman(*arguments, status=0):
        done = user.run("podman", "--root", user.home / "storage", "--runroot", user.session / "run",
                        "--cgroup-manager", "cgroupfs", "--runtime", Path(runtime).name,
                        *arguments)
        assert status is None or done.returncode == status, done.stderr
        return done

    start = ["run", "--network", "none", "--cgroups=disabled", *RESTRICTED[1:]]
    done = podman(*start, "--rm", "--rootfs", tree, "sh", "-c",
                  "id -u; cat /proc/self/uid_map; exit 3", status=3)
    assert done.stdout.split()[:4] == ["0", "0", str(user.uid), "1"]
    podman(*start, "--rm", "--rootfs", tree, "/no/such", status=127)
    podman(*start, "--detach", "--name", "box", "--rootfs", tree, "sh", "-c", "echo up; sleep 1000")
    wait_for(lambda: podman("logs", "box").stdout == "up\n")
    assert podman("exec", "--user", "1000", "box", "id", "-u").stdout == "1000\n"
    podman("kill", "box", "--signal", "KILL")
    assert podman("wait", "box").stdout == "137\n"
    podman("rm", "box")


class PodmanSession(sessions.Session):
    """A user with a service manager, and his Podman with the cgroup manager systemd."""

    def __init__(self, name, root, runtime):
        super().__init__(name)
        write_configuration(self.home / "containers.conf", runtime)
        (self.home / "root").mkdir()
        roots.copy(root, self.home / "root")
        subprocess.run(["chown", "-hR", f"{self.uid}:{self.uid}", self.home], check=True)
        self.runtime_name = Path(runtime).name

    def podman(self, *arguments, **options):
        return self.run("env", f"CONTAINERS_CONF={self.home}/containers.conf", "podman",
                        "--cgroup-manager", "systemd", "--runtime", self.runtime_name, *arguments,
                        **options)

    def close(self):
        self.podman("rm", "--all", "--force", "--time", "0", check=False)
        super().close()


# The suite brings the user's bus along, by which Podman talks to his service manager.
@FULL
@pytest.mark.needs("virtual-host", "systemd", "suite:podman-system")
def test_user_systemd_manager(root, runtime):
    """Rootless Podman asks the user's service manager for a scope: limits, stats and pause work."""
    with users.account() as name, contextlib.closing(PodmanSession(name, root, runtime)) as session:
        podman = session.podman
        podman("run", "--detach", "--network", "none", "--memory", "64m", "--pids-limit", "50",
               "--name", "box", "--rootfs", session.home / "root", "sleep", "1000")
        pid = podman("inspect", "--format", "{{.State.Pid}}", "box").stdout.strip()
        scope = re.search(rf"user@{session.uid}\.service/user\.slice/(libpod-[0-9a-f]+\.scope)",
                          session.group(pid)).group(1)
        assert session.systemctl("is-active", scope).stdout == "active\n"
        show = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; id -u"
        assert podman("exec", "box", "sh", "-c", show).stdout.split() == [str(64 << 20), "50", "0"]
        (shown,) = json.loads(podman("stats", "--no-stream", "--format", "json", "box").stdout)
        assert re.search(r" / 67\.11MB$", shown["mem_usage"])
        podman("pause", "box")
        assert podman("inspect", "--format", "{{.State.Status}}", "box").stdout == "paused\n"
        podman("unpause", "box")
        podman("rm", "--force", "--time", "0", "box")
        wait_for(
            lambda: session.systemctl("is-active", scope, check=False).stdout != "active\n", 60,
            "the scope to end")
