# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs that call an OCI runtime, with machine-oci and, for comparison, with crun: what passes
with the one passes with the other."""

import json
import os
import pty
import re
import subprocess
import time
from pathlib import Path

import oci as oci_runtime
import pytest
from callers import (FULL, RESTRICTED, UNIFIED, Caller, image, make_podman, podman,  # noqa: F401
                     root, run, runtime)
from harness import wait_for

pytestmark = [pytest.mark.needs("root", "cgroup2"), pytest.mark.slow]


# ---- Podman ----

@pytest.mark.needs("program:podman")
def test_podman_run(podman, root):
    """Output, input, status, user, directory, variables, hostname."""
    done = run(podman, root, "sh", "-c", "cat; id -u; pwd; echo $WORD $HOME; hostname; exit 7",
               status=7, input="in\n", options=["--rm", "-i", "--user", "1000", "--workdir", "/tmp",
                                                "--env", "WORD=x", "--hostname", "box"])
    assert done.stdout == "in\n1000\n/tmp\nx /home\nbox\n"


@pytest.mark.needs("program:podman")
def test_podman_statuses(podman, root):
    """127 for a program that does not exist, 126 for one that cannot be executed."""
    run(podman, root, "/no/such", options=["--rm"], status=127)
    run(podman, root, "nothing-in-path", options=["--rm"], status=127)
    (root / "plain").write_text("text")
    run(podman, root, "/plain", options=["--rm"], status=126)


@pytest.mark.needs("program:podman")
def test_podman_life(podman, root):
    """A container in the background: exec, top, inspect, cp, logs, stop, start, rm."""
    run(podman, root, "sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done",
        options=["--detach", "--name", "box"])
    wait_for(lambda: podman("logs", "box").stdout == "up\n")
    assert podman("exec", "box", "sh", "-c", "echo inside; exit 4", status=4).stdout == "inside\n"
    podman("exec", "box", "/no/such", status=127)
    podman("exec", "--detach", "box", "touch", "/tmp/touched")
    wait_for(lambda: podman("exec", "box", "ls", "/tmp/touched", status=None).returncode == 0)
    if UNIFIED:
        assert "sleep" in podman("top", "box", "args").stdout
    podman("cp", "/etc/hostname", "box:/tmp/copied")
    assert podman("exec", "box", "cat", "/tmp/copied").stdout == Path("/etc/hostname").read_text()
    podman("stop", "box")
    assert podman("logs", "box").stdout == "up\nbye\n"
    assert podman("inspect", "--format", "{{.State.ExitCode}}", "box").stdout == "5\n"
    podman("start", "box")
    podman("kill", "--signal", "KILL", "box")
    assert podman("wait", "box").stdout == "137\n"
    podman("rm", "box")


@pytest.mark.needs("program:podman")
def test_podman_terminal(podman, root):
    """`run -it` and `exec -it` on a terminal."""
    command = [*map(str, podman.command), "run", "--rm", "-it", "--network", "none", *RESTRICTED,
               "--rootfs", str(root), "sh", "-c", "tty; stty size; read word; echo got-$word"]
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                               env=podman.environment, start_new_session=True)
    os.close(slave)
    text = ""
    os.write(master, b"word\n")
    until = time.monotonic() + 60
    while "got-word" not in text:
        assert time.monotonic() < until, text
        text += os.read(master, 4096).decode(errors="replace")
    assert "/dev/" in text and process.wait(60) == 0
    os.close(master)


@pytest.mark.needs("program:podman")
def test_podman_options(podman, root, workspace):
    """--read-only, --volume, --tmpfs, --init, --cap-drop, --security-opt, --uidmap, --device."""
    (workspace / "volume").mkdir()
    show = "touch /x; echo kept > /v/file; df /t | tail -1; grep CapEff /proc/self/status; cat /proc/1/comm"
    done = run(podman, root, "sh", "-c", show, options=[
        "--rm", "--read-only", "--volume", f"{workspace}/volume:/v", "--tmpfs", "/t", "--cap-drop",
        "all", "--device", "/dev/null:/dev/other"])
    assert "Read-only file system" in done.stderr
    assert (workspace / "volume/file").read_text() == "kept\n"
    assert "tmpfs" in done.stdout and re.search(r"CapEff:\t0{16}", done.stdout)
    subprocess.run(["chown", "-hR", "100000:100000", root], check=True)
    done = run(podman, root, "sh", "-c", "id -u; cat /proc/self/uid_map", options=[
        "--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"])
    assert done.stdout.split()[:4] == ["0", "0", "100000", "65536"]


@FULL
@pytest.mark.needs("program:podman")
def test_podman_shared_namespaces(podman, root):
    """A container in the namespaces of another one, as in a pod."""
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "first"])
    done = run(podman, root, "ps", "-o", "args", options=[
        "--rm", "--pid", "container:first", "--ipc", "container:first"])
    assert "sleep 1000" in done.stdout


@pytest.mark.needs("program:podman")
def test_podman_healthcheck(podman, root):
    """A health command is an exec."""
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "box", "--health-cmd",
                                                "test -e /proc/self"])
    podman("healthcheck", "run", "box")


@FULL
@pytest.mark.needs("program:podman")
def test_podman_limits(podman, root):
    """Limits at the start and later, pause, stats."""
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "box", "--memory", "64m",
                                                "--pids-limit", "50", "--cpus", "0.5"])
    show = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max"
    assert podman("exec", "box", "sh", "-c", show).stdout.split() == [
        str(64 << 20), "50", "50000", "100000"]
    podman("pause", "box")
    assert podman("inspect", "--format", "{{.State.Status}}", "box").stdout == "paused\n"
    podman("unpause", "box")
    podman("update", "--memory", "96m", "box")
    assert podman("exec", "box", "cat", "/sys/fs/cgroup/memory.max").stdout == f"{96 << 20}\n"
    stats = json.loads(podman("stats", "--no-stream", "--format", "json", "box").stdout)
    assert stats[0]["name"] == "box"


@FULL
@pytest.mark.needs("program:podman", "systemd")
def test_podman_systemd_manager(workspace, runtime, root):
    """The cgroup manager systemd: a scope, in which the container's group is, with its limits."""
    podman = make_podman(workspace, runtime, "--cgroup-manager", "systemd")
    run(podman, root, "sleep", "1000", options=["--detach", "--name", "box", "--memory", "64m"])
    pid = podman("inspect", "--format", "{{.State.Pid}}", "box").stdout.strip()
    scope = re.search(r"/machine.slice/(libpod-[0-9a-f]+\.scope)/container$",
                      Path(f"/proc/{pid}/cgroup").read_text(), re.MULTILINE).group(1)
    assert subprocess.run(["systemctl", "is-active", scope], capture_output=True, text=True,
                          check=False).stdout == "active\n"
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    show = "cat /sys/fs/cgroup/memory.max"
    assert podman("exec", "box", "sh", "-c", show).stdout == f"{64 << 20}\n"
    podman("rm", "--force", "--time", "0", "box")
    wait_for(lambda: subprocess.run(["systemctl", "is-active", scope], capture_output=True,
                                    text=True, check=False).stdout != "active\n")


# ---- the others ----

def service(name):
    """Starts a service for the test; it is stopped afterwards."""
    subprocess.run(["systemctl", "start", name], check=True, timeout=300)


@FULL
@pytest.mark.needs("program:podman", "program:ctr", "virtual-host", "systemd")
def test_containerd(image, runtime):
    """ctr: run, status, tasks in the background, exec, ps, pause, kill, rm."""
    service("containerd")
    ctr = Caller(["ctr", "--namespace", f"test-{Path(runtime).name}"])
    ctr("images", "import", image)
    options = ["--runc-binary", runtime]
    name = "docker.io/library/box:latest"
    listed = ctr("images", "list", "-q").stdout.split()
    name = listed[0] if listed else name
    done = ctr("run", "--rm", *options, name, "one", "sh", "-c", "echo out; exit 3", status=3)
    assert done.stdout == "out\n"
    ctr("run", "--detach", *options, name, "two", "sleep", "1000")
    assert ctr("task", "exec", "--exec-id", "x", "two", "hostname").returncode == 0
    assert len(ctr("task", "ps", "two").stdout.splitlines()) == 2
    ctr("task", "pause", "two")
    assert "PAUSED" in ctr("task", "list").stdout
    ctr("task", "resume", "two")
    ctr("task", "kill", "--signal", "SIGKILL", "two")
    wait_for(lambda: "STOPPED" in ctr("task", "list").stdout)
    ctr("task", "rm", "two", status=None)
    ctr("container", "rm", "two")
    # The reason of a failure comes from the log.
    failed = ctr("run", "--rm", *options, name, "three", "/no/such", status=None)
    assert failed.returncode != 0 and "/no/such" in failed.stderr


@FULL
@pytest.mark.needs("program:podman", "program:buildah")
def test_buildah(workspace, image, runtime):
    """buildah run, and a build of two stages."""
    buildah = Caller(["buildah", "--root", workspace / "buildah", "--runroot", workspace / "buildrun"])
    name = buildah("from", f"docker-archive:{image}").stdout.strip()
    done = buildah("run", "--runtime", runtime, name, "sh", "-c", "echo built > /made; cat /made")
    assert done.stdout == "built\n"
    (workspace / "Containerfile").write_text(
        "FROM localhost/box:latest AS one\nRUN echo first > /one\n"
        "FROM localhost/box:latest\nCOPY --from=one /one /two\nRUN cat /two && test $(cat /two) = first\n")
    buildah("bud", "--runtime", runtime, "--pull-never", "--network", "none", "-f",
            workspace / "Containerfile", workspace / "tmp", status=0, timeout=400)
    buildah("rm", "--all")


@FULL
@pytest.mark.needs("program:podman", "program:docker", "virtual-host", "systemd")
def test_docker(image, runtime):
    """Docker's daemon with the runtime in daemon.json."""
    Path("/etc/docker").mkdir(exist_ok=True)
    Path("/etc/docker/daemon.json").write_text(json.dumps(
        {"runtimes": {"tested": {"path": runtime}}, "iptables": False, "bridge": "none"}))
    subprocess.run(["systemctl", "restart", "docker"], check=True, timeout=300)
    docker = Caller(["docker"])
    docker("load", "--input", image)
    options = ["--runtime", "tested", "--network", "none"]
    done = docker("run", "--rm", *options, "localhost/box:latest", "sh", "-c", "echo out; exit 3",
                  status=3)
    assert done.stdout == "out\n"
    docker("run", "--detach", "--name", "box", *options, "localhost/box:latest", "sleep", "1000")
    assert docker("exec", "box", "echo", "inside").stdout == "inside\n"
    docker("pause", "box")
    docker("unpause", "box")
    # Docker knows the status from the runtime's message, which crun words in a way of its own.
    docker("run", "--rm", *options, "localhost/box:latest", "/no/such",
           status=None if "crun" in runtime else 127)
    docker("rm", "--force", "box")
    subprocess.run(["systemctl", "stop", "docker", "docker.socket"], check=False)
