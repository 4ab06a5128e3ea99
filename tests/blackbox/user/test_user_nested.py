# SPDX-License-Identifier: LGPL-2.1-or-later
"""In a container that a user runs: uid 0 there is a user whose user namespace exists already."""

import subprocess
from pathlib import Path

import harness
import pytest
import roots

pytestmark = [pytest.mark.needs("root"), pytest.mark.needs("program:podman")]

class Container:
    """Runs the binary as root of a rootless container of Podman."""

    def __init__(self, user, root):
        self.user = user
        self.binary = Path(user.binary)
        self.root = user.copy_root(root, "container")
        for name in ("inner", "build", "root", "tmp", "run", "proc", "sys", "dev", "var/tmp"):
            user.make(self.root / name)
        user.own(self.root)
        roots.copy(root, self.root / "inner")
        user.own(self.root)
        self.build = self.binary.parents[2]
        self.inner = "/build/" + str(self.binary.relative_to(self.build))
        self.define(["/bin/sh", "-c", "id -u; cat /proc/self/uid_map"])

    def write(self, name, text):
        """A file of the container."""
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        self.user.own(path)

    def define(self, command):
        """The machine in the container."""
        self.write("a.machine", harness.definition(
            overlay=["/inner"], upper="volatile", network={"mode": "none"}, command=command))

    def __call__(self, *arguments, **options):
        return self.execute(self.inner, *arguments, **options)

    def execute(self, *arguments, options=()):
        """Runs a program in the container."""
        command = ["podman", "--cgroup-manager=cgroupfs", "run", "--rm", "--network=none",
                   *options, "--volume", f"{self.build}:/build:ro", "--env", "HOME=/root",
                   "--rootfs", str(self.root), *arguments]
        return subprocess.run(harness.WITH_CGROUP2 + self.user.become() + command, check=False,
                              text=True, capture_output=True, env=self.user.environment,
                              cwd=self.user.home, timeout=120)


@pytest.fixture
def container(user, busybox_root):
    made = Container(user, busybox_root)
    yield made
    user.run("podman", "--cgroup-manager=cgroupfs", "system", "migrate")


@pytest.mark.parametrize("network", [
    "none", pytest.param("host", marks=pytest.mark.slow)])
def test_run(container, network):
    """Its user namespace is that of the container."""
    done = container("run", "--set", f'network={{ mode="{network}"; }}', "/a.machine",
                     options=["--privileged"])
    assert done.returncode == 0, done
    assert done.stdout.split()[:3] == ["0", "0", "0"], done


def test_background(container):
    """Started, entered, and stopped."""
    container.write("script", "set -e; lite=$1; $lite start /a.machine; $lite exec a echo hello; "
                    "$lite stop a; $lite delete a")
    container.define(["/bin/sh", "-c", "sleep 1000"])
    done = container.execute("/bin/sh", "/script", container.inner, options=["--privileged"])
    assert (done.returncode, done.stdout) == (0, "hello\n"), done


def test_without_rights(container):
    """What the container lacks is named with the way out."""
    done = container("run", "/a.machine")
    assert done.returncode == 125, done
    assert "root of this container lacks CAP_SYS_ADMIN" in done.stderr, done
    assert "--privileged" in done.stderr, done


@pytest.mark.slow
def test_masked(container):
    """Podman's masks, for which the kernel refuses another /proc."""
    done = container("run", "/a.machine", options=[
        "--cap-add=SYS_ADMIN,NET_ADMIN", "--security-opt=seccomp=unconfined"])
    assert done.returncode == 125, done
    assert "--security-opt unmask=ALL" in done.stderr, done
